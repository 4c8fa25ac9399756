"""An encoder of another build on SST-2, an FFN, attention, a second FFN: `GLUE_DIR=shared/data/glue python examples/encoder_other.py`."""

import collections
import os

import torch

from tritspike import net as tn
from tritspike.models.nets import Context, Embedding, Neurons, Readout, Score, Texts, first_difference, fit, fold, outcome, trace
from tritspike.runtime.tasks import dataset, labelled

STEPS, WORDS, HEADS = 3, 2000, (tn.Axis("head", 2), tn.Axis("channel", 8))
POSITION, HIDDEN, FFN = tn.Axis("position", 12, grows=True), tn.Axis("hidden", 32), tn.Axis("ffn", 64)


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.word, self.answer = Embedding(WORDS, POSITION, HIDDEN, STEPS), Readout(HIDDEN, 2, pool=["position"])
        self.wide, self.narrow = Neurons(HIDDEN, FFN, taps=3), Neurons(FFN, HIDDEN, skip=1.4, loud=0.25)
        self.query, self.key, self.value = Neurons(HIDDEN, HEADS), Neurons(HIDDEN, HEADS), Neurons(HIDDEN, HEADS)
        self.score, self.context, self.mix = Score("channel"), Context(), Neurons(HEADS, HIDDEN, skip=1.4, loud=0.25)
        self.up, self.down = Neurons(HIDDEN, FFN), Neurons(FFN, HIDDEN, skip=1.4, loud=0.25)

    def forward(self, words):
        word = self.word(words)
        x = self.narrow(self.wide(word), past=word)
        y = self.mix(self.context(self.score(self.query(x), self.key(x)), self.value(x)), past=x)
        return self.answer(self.down(self.up(y), past=y))


def read(split, known=None):
    """(numbers of each sentence's last words, labels, the numbers of words)."""
    examples = [(e.first.split()[-POSITION.size :], int(e.label)) for e in dataset.read(labelled.task_named("sst2"), os.environ["GLUE_DIR"], split)]
    known = known or {
        word: n + 1 for n, (word, _) in enumerate(collections.Counter(w for words, _ in examples for w in words).most_common(WORDS - 1))
    }
    ids = torch.tensor([[known.get(w, 0) for w in words] + [0] * (POSITION.size - len(words)) for words, _ in examples])
    return Texts(ids, torch.tensor([len(words) for words, _ in examples])), torch.tensor([label for _, label in examples]), known


def main(float_steps=300, integer_steps=50):
    torch.manual_seed(0)
    model, (texts, labels, known) = Encoder(), read("train")
    drawn = torch.randint(len(labels), (max(float_steps, integer_steps), 256))
    loss = lambda step: torch.nn.functional.cross_entropy(model(texts.part(drawn[step])), labels[drawn[step]])  # noqa: E731
    fit(model, loss, float_steps, 2e-2)
    fold(model)
    fit(model, loss, integer_steps, 1e-3)
    program, (held, truth, _) = tn.lower(trace(model), tn.Windows(STEPS)), read("dev", known)
    played, ours = outcome(model, held)
    differs, few = first_difference(ours, tn.run(program, played, record=True)), {name: some[:4] for name, some in played.items()}
    accuracy = float((ours.read["answer"].argmax(1) == truth.numpy()).mean())
    print(f"{program!r}: accuracy {accuracy:.4f} on SST-2's dev set; the program differs from torch: {differs}")
    print(tn.verify(program, few, executors=["fast", "lava"]), tn.on_cores(program, spikes=few), sep="\n")
    return accuracy, differs


if __name__ == "__main__":
    main()
