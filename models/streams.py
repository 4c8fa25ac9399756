"""Text for language models: documents end to end as one stream of tokens, a byte-level BPE vocabulary of their own, random crops and windows."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor, nn

from tritspike.models import processes
from tritspike.models.data import Corpus, pack, read_lines
from tritspike.models.given import WIKITEXT
from tritspike.models.nets.packing import Batch, Share
from tritspike.runtime.errors import DataError, InputError
from tritspike.runtime.host.language import windows
from tritspike.runtime.host.tokenizer import text_of, tokenizer_from
from tritspike.runtime.panics import answering

START = "<|endoftext|>"  # before every text, and so behind every text that another follows
_TITLE = re.compile(r"^ = [^=].*[^=] = $")  # an article's first line in WikiText


def wikitext(folder: Path, split: str) -> list[str]:
    """The articles of one of WikiText's files, each as it is written there. Raises `DataError`."""
    lines = read_lines(folder / WIKITEXT[split])
    starts = [n for n, line in enumerate(lines) if _TITLE.match(line.rstrip("\n"))] or [0]
    return ["".join(lines[a:b]) for a, b in zip([0, *starts[1:]], [*starts[1:], len(lines)])]


def reviews(paths: Sequence[Path], count: int) -> list[str]:
    """The first `count` lines of text files, plain or .xz, each a text."""
    return [line for path in paths for line in read_lines(path) if line.strip()][:count]


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """A byte-level BPE of `size` tokens: any text is spelled by its bytes, none is unknown. The same texts give the same vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[START], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    start = (START, tokenizer.token_to_id(START))
    tokenizer.post_processor = processors.TemplateProcessing(f"{START} $A", f"{START} $A {START} $B", [start])
    return tokenizer


def require_same_tokenizer(teacher: Tokenizer, path: Path) -> None:
    """`InputError` where a run's own tokenizer, in `path`, gives other ids than its teacher's."""
    if path.exists() and tokenizer_from(text_of(path), str(path)).library.get_vocab() != teacher.get_vocab():
        raise InputError(f"{path}: the student's tokens are not the teacher's", "the teacher that the run began with, or another --out")


@dataclass(frozen=True, eq=False)
class Stream:
    """Tokens of many documents end to end."""

    ids: NDArray[np.int32]

    def runs(self, rng: np.random.Generator, count: int, length: int) -> NDArray[np.int32]:
        """(count, length) random runs of tokens."""
        first = rng.integers(0, len(self.ids) - length + 1, count)
        return self.ids[first[:, None] + np.arange(length)]


def crops(streams: Sequence[Stream], share: float, rng: np.random.Generator, count: int, length: int) -> tuple[Batch, Tensor]:
    """`count` runs of `length` tokens as one packed batch, and (tokens,) what follows each; of two streams the first gives the share `share`.
    Of several processes each has its part."""
    counts = [count] if len(streams) == 1 else [round(count * share), count - round(count * share)]
    runs = np.concatenate([s.runs(rng, n, length + 1) for s, n in zip(streams, counts)])[processes.part(count)]
    own = len(runs) / count
    batch = replace(batch_of(list(runs[:, :-1])), share=Share(own, own, own))
    return batch, torch.from_numpy(runs[:, 1:].ravel().astype(np.int64))


def batch_of(texts: Sequence[Sequence[int] | NDArray[np.int32]]) -> Batch:
    """Token lists as one packed batch."""
    ids = np.concatenate([np.asarray(t, np.int32) for t in texts])
    starts = np.cumsum([0, *(len(t) for t in texts)])
    return pack(Corpus(ids, np.zeros(len(ids), np.int8), starts), range(len(texts)))


def stream_of(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> Stream:
    """All tokens of `texts`. Raises `DataError` where they are too few for one crop of `length`."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    with answering("the tokenizer cannot take a text", InputError):
        ids = [np.array(e.ids, np.int32) for at in range(0, len(texts), 1000) for e in tokenizer.encode_batch(list(texts[at : at + 1000]))]
    found = np.concatenate(ids) if ids else np.zeros(0, np.int32)
    if len(found) <= length:
        raise DataError(f"{len(found)} tokens of text, training needs more than {length}")
    return Stream(found)


def scored_batches(stream: Stream, length: int, stride: int, limit: int, size: int) -> Iterator[tuple[Batch, NDArray[np.int64], Tensor]]:
    """(batch, rows to score, their targets) over the first `limit` windows, `size` at a time: every token once, as `runtime perplexity` does."""
    found = list(islice(windows(stream.ids.tolist(), length, stride), limit))
    for at in range(0, len(found), size):
        some = found[at : at + size]
        ends = np.cumsum([len(w.ids) for w in some])
        rows = np.concatenate([np.arange(end - len(w.targets), end) for w, end in zip(some, ends)])
        yield batch_of([w.ids for w in some]), rows, torch.from_numpy(np.concatenate([w.targets for w in some]))


@torch.no_grad()
def perplexity(logits: Callable[[Batch], Tensor], stream: Stream, length: int, limit: int = sys.maxsize, size: int = 16) -> float:
    """Per token over the first `limit` windows of a stream, half a window apart. logits: (tokens, vocabulary) of a batch."""
    total, tokens = 0.0, 0
    for batch, rows, targets in scored_batches(stream, length, max(1, length // 2), limit, size):
        total += float(nn.functional.cross_entropy(said := logits(batch)[rows], targets.to(said.device), reduction="sum"))
        tokens += len(rows)
    return math.exp(total / tokens)
