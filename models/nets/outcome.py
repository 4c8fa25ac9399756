"""Torch as one more executor: what a folded module computes, in the form in which programs are run and compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tritspike.models.nets.inputs import FromHost
from tritspike.models.nets.layer import Layer
from tritspike.models.nets.listening import READ, heard_of, listening
from tritspike.models.nets.readout import Readout, counted
from tritspike.models.nets.trace import layers
from tritspike.models.nets.values import Run, Spikes
from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.network import Stream
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.outcome import Outcome
from tritspike.runtime.network.rows import CONTINUES, PADDING

Played = dict[str, NDArray[np.bool_]]


@torch.no_grad()
def outcome(module: nn.Module, *given: Any) -> tuple[Played, Outcome]:
    """(what a host plays, what torch's integers are): the spikes of every `Lif`, and what is read, as `tritspike.net.run` gives them.

    Raises `InputError` where the module is not folded, and for several samples of a stream that has no end.
    """
    if any(layer.scale is None for layer in layers(module).values()):
        raise InputError(f"{type(module).__name__}: not folded", "fold(module)")
    found = heard_of(module)
    with _all_steps(found), listening(found) as seen:
        module(*given)
    _require_played({name: seen[name] for name in seen if isinstance(found[name], FromHost)})
    run = reduce(Run.beside, (spikes[0].run for name, spikes in seen.items() if isinstance(found[name], FromHost)))
    _require_apart(found, run, next(iter(seen.values()))[0].tensor.shape[1])
    fired = {name: _whole(spikes) for name, spikes in seen.items()}
    spikes = {name: some for name, some in fired.items() if not isinstance(found[name], READ)}
    read = {name: _read(found[name], seen[name]) for name in seen if isinstance(found[name], READ)}
    played = {name: some[:, : run.timing.steps] for name, some in spikes.items() if isinstance(found[name], FromHost)}
    texts = [axis.size for layer in found.values() if isinstance(layer, FromHost) for axis in layer.axes if axis.grows]
    return played | _shared(run, next(iter(played.values())), *texts[:1]), Outcome(read, spikes)


@contextmanager
def _all_steps(found: dict[str, Layer]) -> Iterator[None]:
    """Steps without input too, where a module leaves them out."""
    inputs = [(layer, layer.whole) for layer in found.values() if isinstance(layer, FromHost)]
    for layer, _ in inputs:
        layer.whole = True
    try:
        yield
    finally:
        for layer, before in inputs:
            layer.whole = before


def _whole(spikes: list[Spikes]) -> NDArray[np.bool_]:
    """(windows, period, neurons): of a stream each token is a window."""
    first = spikes[0]
    tokens = _flat(torch.cat([_spread(one) for one in spikes]), first).unflatten(0, (-1, first.run.frame))  # (tokens, period, samples, neurons)
    found: NDArray[np.bool_] = tokens.permute(2, 0, 1, 3).flatten(0, 1).bool().numpy()
    return found


def _spread(spikes: Spikes) -> Tensor:
    """With a dimension for each coordinate, texts as long as the axes that grow."""
    sizes, tensor = grids.extents(spikes.grid), spikes.run.spread(spikes.tensor, spikes.grid)
    beyond = [(0, size - have) for size, have in zip(sizes.values(), tensor.shape[2:])]
    return nn.functional.pad(tensor, [n for pair in reversed(beyond) for n in pair])


def _flat(tensor: Tensor, of: Spikes) -> Tensor:
    """(..., coordinates) -> (..., neurons), those that the grid has."""
    at: Any = tuple(torch.from_numpy(index) for index in grids.coordinates(of.grid).values())
    return tensor[(..., *at)] if at else tensor.unsqueeze(-1)


def _read(layer: Layer, spikes: list[Spikes]) -> NDArray[np.int64]:
    """(windows, neurons): membranes in 1/64 synaptic units, or counts."""
    first = spikes[0]
    if isinstance(layer, Readout):
        found = layer.totals(Spikes(torch.cat([one.tensor for one in spikes]), first.grid, first.run)) * arith.ONE
    else:
        found = _flat(counted(torch.cat([_spread(one) for one in spikes]), first.run), first)
    return _windows(found, first.run).double().numpy().astype(np.int64)


def _windows(found: Tensor, run: Run) -> Tensor:
    """(samples, ...) or (samples, tokens, ...) -> (windows, ...)."""
    rows = found.flatten(0, 1) if run.stream else found
    return rows.flatten(1)


def _shared(run: Run, like: NDArray[np.bool_], positions: int = 0) -> Played:
    """The ports that layers share. positions: of texts, where there are any."""
    windows, steps = like.shape[:2]
    found: Played = {}
    if positions:
        found[PADDING] = np.repeat(_padding(run, positions)[:, None], steps, 1)
    if isinstance(run.timing, Stream):
        last = (np.arange(windows) + 1) % (run.timing.slot or windows) == 0
        found[CONTINUES] = np.broadcast_to(~last[:, None, None], (windows, steps, 1)).copy()
    return found


def _padding(run: Run, positions: int) -> NDArray[np.bool_]:
    """(samples, positions)."""
    assert run.packing is not None
    found: NDArray[np.bool_] = np.arange(positions) >= run.packing.lengths().numpy()[:, None]
    return found


def _require_played(inputs: dict[str, list[Spikes]]) -> None:
    """What a host can play: 0 and 1, once for each input."""
    for name, spikes in inputs.items():
        if len(spikes) > 1:
            raise InputError(f"{name}: called {len(spikes)} times", "once, and what it gives to all that hear it")
        if not ((spikes[0].tensor == 0) | (spikes[0].tensor == 1)).all():
            raise InputError(f"{name}: spikes of other numbers than 0 and 1", "0 and 1")


def _require_apart(found: dict[str, Layer], run: Run, samples: int) -> None:
    """A chip plays samples one after another: what is not cleared between them would be another sample's."""
    never = [n for n, layer in found.items() if getattr(layer, "resets", None) is Resets.NEVER]
    endless = [n for n, layer in found.items() if getattr(layer, "resets", None) is Resets.SEQUENCE]
    if not isinstance(run.timing, Stream) or samples == 1:
        return
    if never or (endless and not run.timing.slot):
        raise InputError(f"{(never or endless)[0]}: {samples} samples of a stream, and state that is not cleared between them", "one sample")
