"""An encoder of another build on SST-2, an FFN, attention and a second FFN: `GLUE_DIR=shared/data/glue python examples/encoder_other.py`."""

import os
from collections import Counter

import numpy as np
import torch
from torch import nn

from tritspike import net as tn
from tritspike.models.nets import Coincide, Dense, Embedding, Gather, Lif, Readout, Skip, Texts, first_difference, fit, fold, outcome, trace
from tritspike.runtime import glue

STEPS, WORDS, LONGEST = 3, 2000, 12
POSITION, HIDDEN, FFN = tn.Axis("position", LONGEST, grows=True), tn.Axis("hidden", 32), tn.Axis("ffn", 64)
HEADS = (tn.Axis("head", 2), tn.Axis("channel", 8))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.word = Embedding(WORDS, POSITION, HIDDEN, STEPS)
        self.wide, self.narrow = Dense(HIDDEN, FFN, taps=3), Dense(FFN, HIDDEN)
        self.query, self.key, self.value, self.mix = Dense(HIDDEN, HEADS), Dense(HIDDEN, HEADS), Dense(HIDDEN, HEADS), Dense(HEADS, HIDDEN)
        self.score, self.gather, self.up, self.down = Coincide("channel"), Gather(), Dense(HIDDEN, FFN), Dense(FFN, HIDDEN)
        self.skips = nn.ModuleList(Skip(1.2) for _ in range(3))
        self.asks, self.told, self.holds, self.met, self.context, self.hidden, self.more, self.x, self.y, self.z = (Lif() for _ in range(10))
        self.answer = Readout(HIDDEN, 2, pool=["position"])

    def forward(self, words):
        word = self.word(words)
        x = self.x(self.narrow(self.hidden(self.wide(word))) + self.skips[0](word))
        met = self.met(self.score(self.asks(self.query(x)), self.told(self.key(x))))
        y = self.y(self.mix(self.context(self.gather(met, self.holds(self.value(x))))) + self.skips[1](x))
        return self.answer(self.z(self.down(self.more(self.up(y))) + self.skips[2](y)))


def read(split, known=None):
    """(numbers of the last words of each sentence, labels, the numbers of words)."""
    examples = [(e.first.split()[-LONGEST:], int(e.label)) for e in glue.read(glue.task_named("sst2"), os.environ["GLUE_DIR"], split)]
    known = known or {word: n + 1 for n, (word, _) in enumerate(Counter(w for words, _ in examples for w in words).most_common(WORDS - 1))}
    ids = torch.tensor([[known.get(w, 0) for w in words] + [0] * (LONGEST - len(words)) for words, _ in examples])
    return Texts(ids, torch.tensor([len(words) for words, _ in examples])), torch.tensor([label for _, label in examples]), known


def main(float_steps=500, integer_steps=100):
    torch.manual_seed(0)
    (texts, labels, known), model = read("train"), Encoder()

    def loss(step):
        some = torch.from_numpy(np.random.default_rng(step).integers(0, len(labels), 128))
        return nn.functional.cross_entropy(model(texts.part(some)), labels[some])

    fit(model, loss, float_steps, 1e-2)
    fold(model)
    fit(model, loss, integer_steps, 1e-3)
    program = tn.lower(trace(model), tn.Windows(STEPS))
    held, truth, _ = read("dev", known)
    played, ours = outcome(model, held)
    differs = first_difference(ours, tn.run(program, played, record=True))
    accuracy = float((ours.read["answer"].argmax(1) == truth.numpy()).mean())
    print(f"{program!r}: accuracy {accuracy:.4f} on SST-2's dev set; the program differs from torch: {differs}")
    few = {name: some[:4] for name, some in played.items()}
    print(tn.verify(program, few, executors=sorted(set(tn.EXECUTORS) - {"reference"})), tn.on_cores(program, spikes=few), sep="\n")
    return accuracy, differs


if __name__ == "__main__":
    main()
