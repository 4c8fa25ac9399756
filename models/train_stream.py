"""Train a language model whose memory is its neurons; a recipe of the family "stream" comes here (`train_language.py` has the command).

Text is read as contiguous streams in crops, state carried from crop to crop and cut from the gradient between them; a stream jumps to another
place every so many crops, there from rest. Every check begins all of them from rest: so a killed run goes on as it would have without the kill.
Perplexity is that of one pass over the first tokens of WikiText's validation file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from tritspike.models import devices, processes
from tritspike.models.bigrams import start_head
from tritspike.models.earlier import begin_from
from tritspike.models.export import export
from tritspike.models.flow import Flow
from tritspike.models.fold import recalibrated
from tritspike.models.nets.language import Head
from tritspike.models.nets.listening import FIRING, heard_of, listening
from tritspike.models.nets.values import Going
from tritspike.models.phases import Phases
from tritspike.models.recipe import LANGUAGE, Recipe
from tritspike.models.sizes import FlowConfig
from tritspike.models.spad_stream import StreamDistiller
from tritspike.models.start import start_words
from tritspike.models.streams import Stream, require_same_tokenizer, reviews, stream_of, wikitext
from tritspike.models.student_options import SpadWeights
from tritspike.models.teacher import CausalTeacher

_AT_ONCE = 1024  # tokens of the one stream that perplexity is measured on


class Reader:
    """Contiguous runs of crops from several texts: stream n reads at step k the crop that follows the one of step k - 1, or begins elsewhere.
    Of several processes each reads some of the streams."""

    def __init__(self, texts: Sequence[Stream], share: float, count: int, crop: int, run: int, seed: Sequence[int]) -> None:
        first = count if len(texts) == 1 else round(count * share)
        self.texts, self.of = texts, [0] * first + [1] * (count - first)
        self.crop, self.run, self.seed = crop, run, list(seed)

    def at(self, step: int) -> tuple[Tensor, list[bool]]:
        """((own streams, before + crop + 1) ids: the crop, as many tokens before it and the one behind it; which streams begin)."""
        found, begins = [], []
        for n in range(len(self.of))[processes.part(len(self.of))]:
            text = self.of[n]
            ids, own = self.texts[text].ids, step + n * self.run // len(self.of)  # not all of them jump at once
            whole = self.crop * (self.run + 1) + 1
            start = int(np.random.default_rng([*self.seed, n, own // self.run]).integers(0, max(1, len(ids) - whole)))
            at = start + own % self.run * self.crop
            found.append(ids[at : at + 2 * self.crop + 1])
            begins.append(own % self.run == 0)
        return torch.from_numpy(np.stack(found).astype(np.int64)), begins


class StreamTrainer(Phases):
    """A streaming language model's run."""

    student: Flow

    def __init__(self, recipe: Recipe, teacher: CausalTeacher, folder: Path, files: Sequence[Path], out: Path, earlier: Path | None = None) -> None:
        super().__init__(recipe, out)
        assert isinstance(recipe.loss, SpadWeights)
        require_same_tokenizer(teacher.tokenizer, out / "tokenizer.json")
        s = recipe.schedule
        self.teacher, self.folder, config = teacher, folder, FlowConfig(vocabulary=teacher.tokenizer.get_vocab_size(), **recipe.model)
        others = reviews(files, s.unlabelled)
        self.streams = [stream_of(teacher.tokenizer, texts, 2 * s.crop) for texts in (wikitext(folder, "train"), others) if texts]
        self.valid = stream_of(teacher.tokenizer, wikitext(folder, "valid"), s.crop)
        self.student = Flow(config)
        current, ids = self.student.x.current, self.streams[0].ids
        start_words(current, teacher, ids, recipe.start.embedding)
        assert isinstance(self.student.answer, Head)
        start_head(current, self.student.answer, ids, recipe.start.head, config.steps, self.student.x.keep)
        if earlier is not None:
            begin_from(self.student, earlier, recipe.task, recipe.start.loosened)
        self.distiller = StreamDistiller(self.student, teacher, recipe.loss)
        self.kept: dict[Any, Any] = {}
        self.card |= {"vocabulary": config.vocabulary, "train_tokens": [len(x.ids) for x in self.streams]}

    def _reader(self, name: str) -> Reader:
        s = self.recipe.schedule
        return Reader(self.streams, s.task_share, s.batch, s.crop, s.run, self.seed(name))

    def given(self, name: str, step: int) -> tuple[Tensor, Tensor]:
        """(the step's crops, (streams,) 0 where one begins)."""
        ids, begins = self._reader(name).at(step)
        return devices.moved(ids, self.device), devices.moved(1 - torch.tensor(begins, dtype=torch.float32), self.device)

    def loss(self, name: str, step: int) -> Tensor:
        """Of the step's crops."""
        s = self.recipe.schedule
        if step % s.check_every == 0:
            self.kept = {}
        ids, goes = self.batches.at(name, step)
        self._begin(goes)
        loss: Tensor = self.distiller(self.student, ids, s.crop, self.kept, len(ids) / s.batch)
        self.kept = {layer: _cut(state) for layer, state in self.kept.items()}
        return loss

    def _begin(self, goes: Tensor) -> None:
        """From rest where it is 0."""
        for layer, state in self.kept.items():
            parts = [part * goes.view(-1, *(1 for _ in part.shape[1:])).to(part.dtype) for part in (state if isinstance(state, tuple) else (state,))]
            self.kept[layer] = tuple(parts) if isinstance(state, tuple) else parts[0]

    def handled(self) -> tuple[int, str]:
        """Tokens."""
        return self.recipe.schedule.batch * self.recipe.schedule.crop, "tokens"

    def check(self) -> float:
        """Perplexity on the first `held_out` crops of the validation file, in one pass."""
        s = self.recipe.schedule
        return round(perplexity(self.student, self.valid.ids[: s.held_out * s.crop + 1]), 4)

    def distance(self) -> float | None:
        """Not measured: perplexity says it."""
        return None

    def calibrate(self) -> None:
        """Statistics of contiguous text, state carried."""
        kept: dict[Any, Any] = {}
        reader = self._reader("calibration")
        with recalibrated(self.student):
            for step in range(self.recipe.schedule.calibration_batches):
                self.student(Going(reader.at(step)[0][:, -self.recipe.schedule.crop - 1 : -1], kept))

    def populations(self) -> list[dict[str, Tensor]]:
        """Spikes by population on the first tokens of the validation file, port and traces too."""
        found = heard_of(self.student)
        self.student.eval()
        with torch.no_grad(), listening(found) as seen:
            self.student(Going(torch.from_numpy(self.valid.ids[None, :_AT_ONCE].astype(np.int64)), {}))
        return [{name: spikes[0].tensor > 0 for name, spikes in seen.items() if isinstance(found[name], FIRING)}]

    def teacher_perplexity(self) -> float:
        """The teacher's on the tokens that the student is chosen by, in windows of two crops half of which each: it reads no further."""
        s, total = self.recipe.schedule, 0.0
        ids = torch.from_numpy(self.valid.ids[: s.held_out * s.crop + 1].astype(np.int64)).to(self.device)
        for at in range(0, len(ids) - 1, s.crop):
            start = max(0, at - s.crop)
            with torch.no_grad():
                logits = self.teacher.model(ids[None, start : at + s.crop]).logits[0, at - start :, : self.card["vocabulary"]]
            total += float(nn.functional.cross_entropy(logits, ids[at + 1 : at + s.crop + 1], reduction="sum"))
        return round(math.exp(total / (len(ids) - 1)), 4)

    def export(self, tokenizer: Tokenizer) -> None:
        """The checkpoint."""
        export(self.student, tokenizer, LANGUAGE, self.out, self.card)

    def whole(self, split: str) -> float:
        """Perplexity a token of the student as it is now on all of one of WikiText's files as one text, in one pass."""
        stream = stream_of(self.teacher.tokenizer, ["".join(wikitext(self.folder, split))], self.recipe.schedule.crop)
        return round(perplexity(self.student, stream.ids), 4)


def _cut(state: Any) -> Any:
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


@torch.no_grad()
def perplexity(student: nn.Module, ids: np.ndarray) -> float:
    """A token, of one stream from its second token on."""
    student.eval()
    kept: dict[Any, Any] = {}
    total, tokens = 0.0, torch.from_numpy(ids.astype(np.int64))
    for at in range(0, len(tokens) - 1, _AT_ONCE):
        some = tokens[at : at + _AT_ONCE + 1]
        logits = student(Going(some[None, :-1], kept))
        total += float(nn.functional.cross_entropy(logits[0], some[1:].to(logits.device), reduction="sum"))
    return math.exp(total / (len(tokens) - 1))
