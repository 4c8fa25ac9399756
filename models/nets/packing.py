"""Texts of several lengths beside each other: tensors hold their tokens alone, one after another, and are spread with padding where pairs meet."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from tritspike.models import devices

Some = TypeVar("Some", bound="Packing")


@dataclass(frozen=True, eq=False, kw_only=True)
class Packing:
    """Which token stands where: token n is number `positions[n]` of text `sentence[n]`, and cell `place[n]` of a (texts x longest) grid.

    positions, sentence, place: (tokens,) int64, text after text; shape: (texts, longest).
    """

    positions: Tensor
    sentence: Tensor
    place: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, lengths: Tensor) -> Packing:
        """Of (texts,) lengths, each at least 1."""
        real = torch.arange(int(lengths.max())) < lengths[:, None]
        sentence, positions = real.nonzero(as_tuple=True)
        return cls(positions=positions, sentence=sentence, place=real.flatten().nonzero()[:, 0], shape=(len(lengths), real.shape[1]))

    def __len__(self) -> int:
        return len(self.place)

    @property
    def full(self) -> bool:
        """Whether all texts are of one length, and nothing is padding."""
        return len(self) == self.shape[0] * self.shape[1]

    def same(self, other: Packing) -> bool:
        """Whether these are the same places."""
        return self is other or (self.shape == other.shape and torch.equal(self.place, other.place))

    def real(self) -> Tensor:
        """(texts, longest), where there is a token."""
        found = torch.zeros(self.shape, dtype=torch.bool, device=self.place.device)
        found.view(-1)[self.place] = True
        return found

    def pairs(self) -> Tensor:
        """(texts, longest, longest), where both positions hold a token."""
        real = self.real()
        return real[:, :, None] & real[:, None, :]

    def lengths(self) -> Tensor:
        """(texts,) int64."""
        return self.sentence.new_zeros(self.shape[0]).index_add(0, self.sentence, torch.ones_like(self.sentence))

    def spread(self, values: Tensor) -> Tensor:
        """(steps, tokens, ...) -> (steps, texts, longest, ...), 0 where there is no token."""
        if self.full:
            return values.unflatten(1, self.shape)
        cells = values.new_zeros(len(values), self.shape[0] * self.shape[1], *values.shape[2:])
        return cells.index_copy(1, self.place, values).unflatten(1, self.shape)

    def packed(self, spread: Tensor) -> Tensor:
        """The inverse."""
        flat = spread.flatten(1, 2)
        return flat if self.full else flat[:, self.place]

    def ahead(self, values: Tensor, by: int) -> Tensor:
        """(steps, tokens, ...): for each token what stands `by` places further in its text, 0 beyond the ends."""
        if not by:
            return values
        same = self.sentence == self.sentence.roll(-by)
        (same[-by:] if by > 0 else same[:-by]).zero_()  # else one text, or a first and last one, would close into a ring
        return values.roll(-by, 1) * same.to(values.dtype).view(-1, *(1 for _ in values.shape[2:]))

    def summed(self, values: Tensor) -> Tensor:
        """(..., tokens, n) -> (..., texts, n), added up text by text."""
        found = values.new_zeros(*values.shape[:-2], self.shape[0], values.shape[-1])
        return found.index_add(-2, self.sentence, values)

    def at(self, values: Tensor, position: int) -> Tensor:
        """(steps, tokens, ...) -> (steps, texts, ...): what stands there, 0 in a text that is shorter."""
        lengths = self.lengths()
        at = (lengths.cumsum(0) - lengths + position).clamp_max(len(self) - 1)
        return values.index_select(1, at) * (lengths > position).to(values.dtype).view(-1, *(1 for _ in values.shape[2:]))

    def to(self: Some, device: torch.device) -> Some:
        """On a device; itself where it is there."""
        if self.place.device == device:
            return self
        tensors = {f.name: value for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)}
        there: dict[str, Any] = {name: devices.moved(tensor, device) for name, tensor in tensors.items()}
        return replace(self, **there)


@dataclass(frozen=True)
class Share:
    """How much of a batch one process has: of its texts, of their tokens, and of the pairs of tokens of one text."""

    texts: float = 1.0
    tokens: float = 1.0
    pairs: float = 1.0

    @classmethod
    def of(cls, own: Tensor, every: Tensor) -> Share:
        """By (texts,) lengths."""
        return cls(len(own) / len(every), *(float(own.double().pow(n).sum() / every.double().pow(n).sum()) for n in (1, 2)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch(Packing):
    """Token numbers of texts. ids, segments: (tokens,) int64. share: of the batch that is learned from in one step."""

    ids: Tensor
    segments: Tensor
    share: Share = Share()

    def grid(self, values: Tensor) -> Tensor:
        """(tokens,) -> (texts, longest), zero where there is no token."""
        return self.spread(values[None])[0]

    def mask(self) -> Tensor:
        """(texts, longest), 1 at real tokens: the attention mask that a teacher wants."""
        return self.real().long()
