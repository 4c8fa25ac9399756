"""More text for a teacher to label: edited copies of a task's own sentences, and pairs made of sentences that share words.

Distillation needs inputs, not labels; what they must do is cover the ground between "the same" and "nothing in common", which a few
thousand labelled pairs do not. After data augmentation in TinyBERT (arXiv 1909.10351) and Augmented SBERT (2010.08240), by rules alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

_NEIGHBOURS = 8
_MOST_EDITED = 0.5  # of the words
_SHORTEST_PART = 4  # words; few of RTE's hypotheses have less


@dataclass(frozen=True)
class Mixture:
    """How often a made pair is a sentence with an edited copy of itself, with a neighbour, with an edited part of itself (which then comes
    second, as a hypothesis does), or (the rest) with any other sentence."""

    edited: float = 0.4
    neighbour: float = 0.4
    part: float = 0.0

    @classmethod
    def with_parts(cls, share: float) -> Mixture:
        """The usual one beside a share of parts."""
        return cls(cls.edited * (1 - share), cls.neighbour * (1 - share), share)


def edited(sentence: str, others: Sequence[str], rng: np.random.Generator) -> str:
    """A copy in which some words, up to half of them, are dropped, swapped with the next, or replaced by words of another sentence."""
    words, share = sentence.split(), rng.uniform(0, _MOST_EDITED)
    spare = others[int(rng.integers(len(others)))].split() or words
    at = 0
    while at < len(words):
        if rng.random() < share:
            at += _edit(words, at, spare, int(rng.integers(3)), rng)
        at += 1
    return " ".join(words) or sentence


def _edit(words: list[str], at: int, spare: Sequence[str], kind: int, rng: np.random.Generator) -> int:
    """Change `words` at one place; how far the next place has moved."""
    if kind == 0 and len(words) > 1:
        del words[at]
        return -1
    if kind == 1 and at + 1 < len(words):
        words[at], words[at + 1] = words[at + 1], words[at]
        return 1
    words[at] = spare[int(rng.integers(len(spare)))]
    return 0


def edited_copies(sentences: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` edited copies of sentences drawn at random."""
    rng = np.random.default_rng(seed)
    return [edited(sentences[int(rng.integers(len(sentences)))], sentences, rng) for _ in range(count)]


def made_pairs(sentences: Sequence[str], count: int, seed: int, mixture: Mixture = Mixture()) -> list[tuple[str, str]]:
    """`count` pairs of `sentences`, in random order: one with an edited copy, with one of its nearest by TF-IDF (edited half the time), or any;
    or, in this order, with an edited part of itself."""
    rng, near = np.random.default_rng(seed), _neighbours(sentences)
    out = []
    for first, kind in zip(rng.integers(0, len(sentences), count), rng.random(count)):
        one = sentences[int(first)]
        if kind < mixture.edited:
            other = edited(one, sentences, rng)
        elif kind < mixture.edited + mixture.neighbour:
            found = sentences[int(rng.choice(near[first]))]
            other = edited(found, sentences, rng) if rng.random() < 0.5 else found
        elif kind < mixture.edited + mixture.neighbour + mixture.part:
            out.append((one, edited(_part(one, rng), sentences, rng)))
            continue
        else:
            other = sentences[int(rng.integers(len(sentences)))]
        out.append((one, other) if rng.random() < 0.5 else (other, one))
    return out


def _part(sentence: str, rng: np.random.Generator) -> str:
    """A run of a random number of its words."""
    words = sentence.split()
    count = int(rng.integers(min(_SHORTEST_PART, len(words)), len(words) + 1))
    first = int(rng.integers(len(words) - count + 1))
    return " ".join(words[first : first + count])


def _neighbours(sentences: Sequence[str]) -> NDArray[np.int64]:
    """(sentences, _NEIGHBOURS) indices of the nearest other sentences."""
    vectors = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, token_pattern=r"\S+").fit_transform(sentences)
    count = min(_NEIGHBOURS + 1, len(sentences))
    found = NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute").fit(vectors).kneighbors(vectors, return_distance=False)
    return np.asarray(found[:, min(1, count - 1) :], np.int64)
