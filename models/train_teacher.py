"""Train a causal teacher from scratch: a GPT-2 on WikiText and other text, with a byte-level BPE vocabulary made from the same.

    python -m models.train_teacher --data WIKITEXT --out DIR [--unlabelled FILE ...] [--hidden 256 --layers 4 ...]

The model kept is the one of the lowest perplexity on WikiText's validation file, its only choice. Deterministic on one thread; a killed
run goes on where it stopped when the same command is given again. The float student's distillation reads the folder that it writes.
"""

from __future__ import annotations

if __name__ == "__main__":  # before what is imported below, which the command has too
    from tritspike.models.commands.table import alone

    alone("train-teacher", __spec__.name)

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from tritspike.models import state
from tritspike.models.progress import Watched
from tritspike.models.streams import START, crops, perplexity, reviews, stream_of, train_tokenizer, wikitext
from tritspike.models.teacher import CausalTeacher
from tritspike.models.teacher_options import GptTraining
from tritspike.runtime.files import make_folder, write_atomic
from tritspike.runtime.host.tokenizer import text_of, tokenizer_from

_VALID = 400  # windows that perplexity is measured on along the way


class Training:
    """One run: its teacher, its streams and its card."""

    def __init__(self, options: GptTraining) -> None:
        torch.manual_seed(options.seed)
        self.options, self.out = options, Path(options.out)
        own, others = wikitext(Path(options.data), "train"), reviews([Path(p) for p in options.unlabelled], options.lines)
        tokenizer = self._tokenizer(own, others)
        self.teacher = CausalTeacher(_gpt2(options, tokenizer), tokenizer)
        self.streams = [stream_of(tokenizer, texts, options.length) for texts in (own, others) if texts]
        self.valid = stream_of(tokenizer, wikitext(Path(options.data), "valid"), options.length)
        self.card: dict[str, Any] = {"curve": [], "minutes": 0.0}

    def _tokenizer(self, own: list[str], others: list[str]) -> Tokenizer:
        """Made once; a resumed run reads it back."""
        path = self.out / "tokenizer.json"
        if not path.exists():
            make_folder(self.out)
            write_atomic(path, train_tokenizer([*own, *others], self.options.vocabulary).to_str().encode())
        return tokenizer_from(text_of(path), str(path)).library

    def run(self) -> None:
        """All steps; the best so far lies in the out folder."""
        o, live = self.options, state.Live(self.out / "live", {"student": self.teacher.model}, self.options.rate)
        first = live.resume(self.card)
        start, spent = time.time(), self.card["minutes"]
        watched = Watched(range(first, o.steps), "teacher", (o.batch * o.length, "tokens"), first)
        for step in watched:
            live.set_rate(o.rate * min((step + 1) / o.warm_up, 1.0) * (1 - step / o.steps))
            loss = self._loss(step)
            watched.loss = loss.detach()
            live.step(loss)
            if (step + 1) % o.check_every == 0 or step + 1 == o.steps:
                self._check(step + 1, float(loss.detach()))
                self.card["minutes"] = round(spent + (time.time() - start) / 60, 1)
                live.keep(self.card, step + 1)

    def _loss(self, step: int) -> Tensor:
        o, rng = self.options, np.random.default_rng([self.options.seed, step])
        torch.manual_seed(o.seed + 1_000_003 * step)  # dropout of this step, whatever came before it in this process
        self.teacher.model.train()
        batch, targets = crops(self.streams, o.share, rng, o.batch, o.length)
        with self.teacher.halved():
            out = self.teacher.outputs(batch)
        return nn.functional.cross_entropy(self.teacher.token_logits(out, batch), targets)

    def valid_perplexity(self, limit: int = sys.maxsize) -> float:
        """On WikiText's validation file."""
        self.teacher.model.eval()
        return perplexity(lambda b: self.teacher.token_logits(self.teacher.outputs(b), b), self.valid, self.options.length, limit)

    def _check(self, step: int, loss: float) -> None:
        found = round(self.valid_perplexity(_VALID), 4)
        self.card["curve"].append([step, round(loss, 4), found])
        print(f"step {step}: loss {loss:.4f} validation perplexity {found:.3f}", file=sys.stderr, flush=True)
        if found == min(point[2] for point in self.card["curve"]):
            self.teacher.save(self.out)


def _gpt2(o: GptTraining, tokenizer: Tokenizer) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    start = tokenizer.token_to_id(START)
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(),
        n_positions=o.length,
        n_embd=o.hidden,
        n_layer=o.layers,
        n_head=o.heads,
        bos_token_id=start,
        eos_token_id=start,
        resid_pdrop=o.dropout,
        embd_pdrop=o.dropout,
        attn_pdrop=o.dropout,
    )
    return GPT2LMHeadModel(config)


def train(options: GptTraining, command: str) -> float:
    """The whole run; the best validation perplexity, of the model that it leaves in the out folder."""
    run = Training(options)
    run.run()
    best = min(point[2] for point in run.card["curve"])
    card = {"command": command, "options": vars(options), "valid_perplexity": best, "windows": _VALID, **run.card}
    write_atomic(run.out / "card.json", (json.dumps(card, indent=1) + "\n").encode())
    return float(best)
