"""Training text: a held-out slice of train that shares no phrase with the rest, review sentences, packed token batches."""

from __future__ import annotations

import io
import lzma
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from tritspike.hw_profiles.errors import decoding
from tritspike.hw_profiles.reading import read_regular, reason
from tritspike.models import processes
from tritspike.models.nets.packing import Batch, Share
from tritspike.runtime.errors import DataError, InputError
from tritspike.runtime.host.tokenizer import TextTokenizer
from tritspike.runtime.panics import answering
from tritspike.runtime.streams import say
from tritspike.runtime.tasks.dataset import read
from tritspike.runtime.tasks.labelled import Example, Task

_WINDOW = 32  # batches
_SHARE = 8  # at most one in so many examples is held out
_WHOLE = 8  # words, from which a text counts as a sentence of its own
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|<br\s*/?>")


def hold_out(examples: Sequence[Example], count: int, min_words: int = 1, seed: int = 0) -> tuple[list[Example], list[Example]]:
    """(training part, held-out slice), fixed by `seed`: `count` examples, at most an eighth of all, whose first text has `min_words` words.

    SST-2's training set holds every phrase of a sentence beside the sentence, and pairs share sentences, so a training example one of whose
    texts is contained in a held-out one, or contains one, is in neither: otherwise the slice would measure memory. An empty text says nothing.
    """
    order = np.random.default_rng(seed).permutation(len(examples))
    most = min(count, max(1, len(examples) // _SHARE))
    long = [i for i in order if len(examples[i].first.split()) >= min_words][:most]
    chosen, held = set(long), [examples[i] for i in long]
    texts = [t for e in held for t in e.texts if t]
    joined = "\n".join(texts)
    rest = [e for i, e in enumerate(examples) if i not in chosen and not any(t and t in joined for t in e.texts)]
    return [e for e in rest if not any(_contains_any(t, texts) for t in e.texts)], held


def training_part(task: Task, data: str, held_out: int) -> tuple[list[Example], list[Example]]:
    """`hold_out` of a task's train file, the same for teachers and students: every choice is made on this slice.

    Says how many are held out, why not as many as were asked for, and how many are in neither part. Raises `DataError`.
    """
    found = read(task, data, "train")
    train, held = hold_out(found, held_out, task.held_out_words)
    left = len(found) - len(train) - len(held)
    apart = f", {left} left out that share text with these" if left else ""
    say(f"{task.name}: {len(found)} training examples, {len(held)} held out to judge by{_why(held_out, len(held), len(found), task)}{apart}")
    if not train or not held:
        raise DataError(f"{task.name}: {len(found)} training examples, {len(train)} to train on and {len(held)} to judge by", "more examples")
    return train, held


def _why(asked: int, held: int, examples: int, task: Task) -> str:
    if held == asked:
        return ""
    few = f"at most one in {_SHARE} is" if held == max(1, examples // _SHARE) else f"of at least {task.held_out_words} words"
    return f" (of {asked} asked for: {few})"


def _contains_any(text: str, parts: Sequence[str]) -> bool:
    return len(text.split()) >= _WHOLE and any(len(part.split()) >= _WHOLE and part in text for part in parts)


def sentences_of(paths: Sequence[Path], count: int, words: tuple[int, int] = (4, 28), seed: int = 0) -> list[str]:
    """`count` sentences of `words[0]`..`words[1]` words from text files (.xz or plain, a text a line), lower-cased and spaced as SST-2's.

    Their order is random, so a smaller `count` gives the first of the same sentences. Raises `DataError`.
    """
    found = [s for path in paths for line in read_lines(path) for s in _sentences(line, words)]
    order = np.random.default_rng(seed).permutation(len(found))[:count]
    return [found[i] for i in order]


def read_lines(path: Path) -> list[str]:
    """Lines of a UTF-8 text file, plain or .xz. Raises `DataError`."""
    try:
        content = read_regular(path)
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}", "a text file with one text a line, plain or .xz") from None
    with decoding(path, "UTF-8 text", DataError):
        return list(io.TextIOWrapper(io.BytesIO(_unpacked(content) if path.suffix == ".xz" else content), encoding="utf-8"))


def _unpacked(content: bytes) -> bytes:
    try:
        return lzma.decompress(content)
    except lzma.LZMAError as error:
        raise ValueError(f"not an .xz file: {error}") from None


def _sentences(text: str, words: tuple[int, int]) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(text):
        spaced = " ".join(re.findall(r"\w+|'\w+|[^\w\s]", sentence.lower()))
        if words[0] <= len(spaced.split()) <= words[1]:
            yield spaced


@dataclass(frozen=True, eq=False)
class Corpus:
    """Token ids of many texts end to end: text n is `ids[starts[n]:starts[n + 1]]`, with `segments` alongside."""

    ids: np.ndarray
    segments: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def part(self, first: int, last: int) -> Corpus:
        """Texts first..last-1."""
        starts = self.starts[first : last + 1]
        tokens = slice(starts[0], starts[-1])
        return Corpus(self.ids[tokens], self.segments[tokens], starts - starts[0])


def encode(tokenizer: Tokenizer | TextTokenizer, texts: Sequence[str | tuple[str, str]], max_length: int) -> Corpus:
    """Tokenise `texts` (or pairs), cutting each to `max_length` tokens with its special tokens kept. Raises `InputError`."""
    with answering("the tokenizer cannot take a text", InputError):
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length)
        encodings = tokenizer.encode_batch(list(texts))
    lengths = [len(e.ids) for e in encodings]
    ids = np.fromiter((i for e in encodings for i in e.ids), np.int32, sum(lengths))
    segments = np.fromiter((i for e in encodings for i in e.type_ids), np.int8, sum(lengths))
    return Corpus(ids, segments, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def pack(corpus: Corpus, rows: Sequence[int] | np.ndarray) -> Batch:
    """The texts `rows` of `corpus` as one packed batch."""
    spans = [np.arange(corpus.starts[r], corpus.starts[r + 1]) for r in rows]
    lengths = np.array([len(s) for s in spans])
    at = np.concatenate(spans)
    sentence = np.repeat(np.arange(len(rows)), lengths)
    position = np.concatenate([np.arange(n) for n in lengths])
    longest = int(lengths.max())
    place = sentence * longest + position
    ids, segments = corpus.ids[at], corpus.segments[at]
    shape = (len(rows), longest)
    return Batch(positions=_long(position), sentence=_long(sentence), place=_long(place), ids=_long(ids), segments=_long(segments), shape=shape)


def _long(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.int64))


def pack_own(corpus: Corpus, rows: np.ndarray) -> tuple[Batch, np.ndarray]:
    """(those of the texts `rows` that this process learns from as a packed batch, which these are)."""
    if processes.count() == 1:
        return pack(corpus, rows), rows
    part, lengths = processes.part(len(rows)), torch.from_numpy(corpus.starts[rows + 1] - corpus.starts[rows])
    return replace(pack(corpus, rows[part]), share=Share.of(lengths[part], lengths)), rows[part]


def length_sorted_batches(corpus: Corpus, size: int) -> list[np.ndarray]:
    """Rows in order of length, `size` at a time: little padding where order does not matter (evaluation)."""
    order = np.argsort(np.diff(corpus.starts), kind="stable")
    return [order[i : i + size] for i in range(0, len(order), size)]


def shuffled_batches(corpus: Corpus, count: int, size: int, seed: int) -> list[np.ndarray]:
    """`count` batches in random order, each of texts of like length: for a padding model (a teacher) a third of the cells on SST-2's train.

    Texts are shuffled, then sorted by length within windows of `_WINDOW` batches, so every window is a fair sample.
    """
    rng, lengths = np.random.default_rng(seed), np.diff(corpus.starts)
    order = rng.permutation(np.resize(np.arange(len(corpus)), count * size))
    batches: list[np.ndarray] = []
    for at in range(0, len(order), _WINDOW * size):
        window = order[at : at + _WINDOW * size]
        sorted_rows = window[np.argsort(lengths[window], kind="stable")].reshape(-1, size)
        batches += list(sorted_rows[rng.permutation(len(sorted_rows))])
    return batches
