"""The pieces that blocks are mostly made of, each a module of layers as a user would write it."""

from __future__ import annotations

from typing import Any

from torch import nn

from tritspike.models.nets.attention import Coincide, Gather
from tritspike.models.nets.layers import Dense, Lif, Skip, drives
from tritspike.models.nets.pictures import Pool
from tritspike.models.nets.symbols import line
from tritspike.models.nets.values import Axes, Spikes
from tritspike.runtime.errors import InputError


class Neurons(nn.Module):
    """LIF(W s + g r + b): a `Dense`, a `Lif`, and where `skip` says with which weight to begin, a `Skip` from what else is heard, `past`.

    Other options are `Dense`'s. The population has the name of this module.
    """

    def __init__(self, columns: Axes | list[Axes], rows: Axes, *, skip: float | None = None, keep: int = 3072, **dense: Any) -> None:
        super().__init__()
        self.hears, self.fires = Dense(columns, rows, **dense), Lif(keep)
        self.skip = None if skip is None else Skip(skip)

    def forward(self, *heard: Any, past: Any = None) -> Any:
        """Over the axes that are not heard, and `rows`."""
        return self.fires(self.hears(*heard) if self.skip is None else self.hears(*heard) + self.skip(past))


def together(x: Any, *every: Neurons) -> list[Any]:
    """What several `Neurons` fire that hear the same, as `[one(x) for one in every]`, in less time. Raises `InputError` where one has a skip."""
    if any(one.skip is not None for one in every):
        raise InputError(f"{line()}: neurons with a skip hear two populations", "call them one by one")
    if not isinstance(x, Spikes):
        return [one(x) for one in every]
    return [one.fires(drive) for one, drive in zip(every, drives([one.hears for one in every], x))]


class Score(nn.Module):
    """LIF of the coincidences of queries and keys: options are `Coincide`'s."""

    def __init__(self, *over: str, keep: int = 3072, **coincide: Any) -> None:
        super().__init__()
        self.hears, self.fires = Coincide(*over, **coincide), Lif(keep)

    def forward(self, query: Any, key: Any) -> Any:
        """Over pairs."""
        return self.fires(self.hears(query, key))


class Context(nn.Module):
    """LIF of what scores carry."""

    def __init__(self, start: float = 0.5, keep: int = 3072) -> None:
        super().__init__()
        self.hears, self.fires = Gather(start), Lif(keep)

    def forward(self, scores: Any, values: Any) -> Any:
        """Over the axes of the values."""
        return self.fires(self.hears(scores, values))


class Sums(nn.Module):
    """LIF of what is summed along some axes: options are `Pool`'s."""

    def __init__(self, *over: str, keep: int = 3072, **pool: Any) -> None:
        super().__init__()
        self.hears, self.fires = Pool(*over, **pool), Lif(keep)

    def forward(self, x: Any) -> Any:
        """Over the axes that are left."""
        return self.fires(self.hears(x))
