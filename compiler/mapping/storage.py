"""What a projection takes from the core that holds its target: words of synaptic memory, input axons, output slots at the source.

A source neuron's synapses on one slice are a list, stored in words of `word_bits`: n * (weight bits + index bits) + header bits for each
`synapses_per_header`, rounded up (nengo-loihi `bits_per_axon`; no delays, no tags). Three formats:

    dense    a list for every source neuron, over all of the slice's channels, without indices; where targets lie side by side
    sparse   a list for every source neuron, of its synapses that are not zero, with indices
    shared   the sparse lists of one position, for all positions: a population axon for each source position, whose channel number
             chooses the list and whose base says where in the slice it starts; costs `population_axon_slots` at the source
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.program import Program, Synapse
from tritspike.runtime.tiling import POSITIONS, Boxes, Index, count, even_cuts, grid_axes, lengths, preimage, read_axes
from tritspike.runtime.wiring import Matrix, Pool

DENSE, SPARSE, SHARED = "dense", "sparse", "shared"
FORMATS = (SHARED, SPARSE, DENSE)  # those of `runtime/mapping.py`; on equal costs the first is taken
_THIN = 8  # channels: counting slices thinner than this costs more time than it saves cores
_NEVER = 1 << 40  # bits: more than any core has
_WIDTHS = np.array([0, 1, 2, 3, 4, 5, 6, 8, 8, 9])  # by wanted bits: there is no weight of 7 bits [nengo-loihi]; 9 is no width and never wanted


@dataclass(frozen=True, eq=False)
class Projection:
    """A synapse with what storing it depends on: bits of a weight, for matrices which are not zero, (out, in), and whether j <= i."""

    synapse: Synapse
    weight_bits: int
    nonzero: NDArray[np.bool_] | None
    causal: bool

    @cached_property
    def fullest(self) -> int:
        """Most synapses that one input channel has over all output channels."""
        assert self.nonzero is not None
        return int(self.nonzero.sum(0).max(initial=0))

    @cached_property
    def _known(self) -> dict[tuple[int, ...], int]:
        return {}

    def most_bits(self, shape: tuple[int, ...], cuts: Sequence[tuple[int, ...]], profile: HardwareProfile) -> list[int]:
        """For each of `cuts` (pieces along each axis of the output channels' `shape`, then bits of a synapse): bits of the fullest slice's
        sparse lists of one position. Counted once a cut, from sums over all channels below an index: a box is a difference of those.
        """
        missing = [cut for cut in dict.fromkeys(cuts) if cut not in self._known]
        below = self._below(shape) if missing else np.zeros(0)
        for cut in missing:
            found = below
            for axis, (length, pieces) in enumerate(zip(shape, cut)):
                found = np.diff(found.take(even_cuts(length, pieces), axis), axis=axis)
            table = packed_bits(np.arange(int(np.prod(shape)) + 1, dtype=np.int64), cut[-1], profile)
            self._known[cut] = int(table[found].sum(-1).max())
        return [self._known[cut] for cut in cuts]

    def _below(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """(*shape + 1, in) synapses of each input channel on the output channels below."""
        assert self.nonzero is not None
        dtype = np.int16 if np.prod(shape) < 1 << 15 else np.int32
        found = np.pad(self.nonzero.reshape(*shape, -1).astype(dtype), [(1, 0)] * len(shape) + [(0, 0)])
        for axis in range(len(shape)):
            found = found.cumsum(axis, dtype=dtype)
        return found


def projection(synapse: Synapse, causal: bool) -> Projection:
    """Measure a synapse's weights. A sign takes a bit only where signs are mixed."""
    if not isinstance(synapse.wiring, Matrix | Pool):
        return Projection(synapse, _width(np.array([synapse.wiring.mantissa])), None, causal)
    weights = synapse.wiring.weights() if isinstance(synapse.wiring, Matrix) else synapse.wiring.codes
    return Projection(synapse, _width(weights), weights != 0, causal)


def _width(weights: NDArray[np.int32] | NDArray[np.int64] | NDArray[np.int8]) -> int:
    return weight_bits(int(weights.min(initial=0)), int(weights.max(initial=0)))


def weight_bits(low: int, high: int) -> int:
    """Of a weight in low..high."""
    return int(_WIDTHS[max(-low, high, 1).bit_length() + (low < 0 < high)])


@dataclass(frozen=True, eq=False)
class Stored:
    """Costs of one projection in one format, each (slices,): bits, input axons, source neurons that reach the slice; and output slots of each."""

    bits: Index
    axons: Index
    reached: Index
    slots: int


def packed_bits(synapses: Index, bits_each: Index | int, profile: HardwareProfile) -> Index:
    """Bits of lists of `synapses` entries each."""
    full, rest = np.divmod(synapses, profile.synapses_per_header)
    bits = full * _words(profile.synapses_per_header * bits_each + profile.header_bits, profile)
    return bits + np.where(rest > 0, _words(rest * bits_each + profile.header_bits, profile), 0)


def _words(bits: Index | int, profile: HardwareProfile) -> Index:
    return -(-np.asarray(bits, np.int64) // profile.word_bits) * profile.word_bits


def stored(program: Program, p: Projection, boxes: Boxes, form: str, profile: HardwareProfile, exact: bool = True) -> Stored:
    """Costs of each slice in `boxes`. Not `exact`: at most so much for any slice of these extents, without counting zeros."""
    source = program.by_name[p.synapse.source]
    own, wanted = grid_axes(source.axes), preimage(program, p.synapse, boxes)
    reached = count(wanted, own, program.dims.causal)
    positions = _positions(own, wanted, program.dims.causal)
    lists = np.where(reached > 0, reached // np.maximum(positions, 1), 0)  # channels: lists of one position
    bits = _list_bits(program, p, boxes, lists, form, profile, exact)
    if form == DENSE and not _contiguous(program, p):
        bits = np.full_like(bits, _NEVER)
    if form != SHARED:
        return Stored(bits * positions, reached, reached, 1)
    copies = np.where(_alike(program, p, boxes, exact), 1, positions)
    return Stored(bits * copies, positions, reached, profile.population_axon_slots)


def _contiguous(program: Program, p: Projection) -> bool:
    """Whether a source neuron's targets follow each other in a slice that is numbered in the order of its axes: a dense list has no indices."""
    names = grid_axes(program.by_name[p.synapse.target].axes)[1:]
    read = read_axes(p.synapse, program.by_name[p.synapse.source])
    return all(a not in read for a in names.lstrip(read))


def _positions(own: str, wanted: Boxes, causal: bool) -> Index:
    keep = [n for n, a in enumerate(own) if a in POSITIONS]
    return count(wanted[:, keep], "".join(own[n] for n in keep), causal)


def _alike(program: Program, p: Projection, boxes: Boxes, exact: bool) -> NDArray[np.bool_]:
    """Whether all positions of a source may share their lists: not on a causal model's diagonal, where each hears other pairs."""
    names = grid_axes(program.by_name[p.synapse.target].axes)
    read = read_axes(p.synapse, program.by_name[p.synapse.source])
    if not p.causal or "j" not in names or ("i" in read and "j" in read):
        return np.ones(len(boxes), np.bool_)
    i, j = names.index("i"), names.index("j")
    if not exact:
        return (lengths(boxes)[:, [i, j]] == 1).any(1)
    return boxes[:, j, 1] - 1 <= boxes[:, i, 0]


def _list_bits(program: Program, p: Projection, boxes: Boxes, lists: Index, form: str, profile: HardwareProfile, exact: bool) -> Index:
    """(slices,) bits of one position's lists."""
    names = grid_axes(program.by_name[p.synapse.target].axes)
    entries = _entries(program, p, boxes, names)
    if p.nonzero is None:
        index = 0 if form == DENSE else index_bits(lengths(boxes).prod(1), profile)
        return lists * packed_bits(entries, p.weight_bits + index, profile)
    if form == DENSE:
        return lists * packed_bits(entries, p.weight_bits, profile)
    each = p.weight_bits + index_bits(entries, profile)
    if not exact:
        return np.minimum(lists * packed_bits(np.minimum(entries, p.fullest), each, profile), _most_bits(program, p, boxes, names, each, profile))
    return np.where(lists > 0, _counted(program, p, boxes, names, each, profile), 0)


def _most_bits(program: Program, p: Projection, boxes: Boxes, names: str, each: Index, profile: HardwareProfile) -> Index:
    """(slices,) exact bits of the fullest slice where output channels are cut into slices of these lengths; very thin ones are not counted."""
    keep = [n for n, a in enumerate(names) if a not in POSITIONS]
    shape = tuple(program.dims.axis(names[n]) for n in keep)
    pieces = -(-np.array(shape) // lengths(boxes)[:, keep])
    rows, which = np.unique(np.column_stack([pieces, each]), axis=0, return_inverse=True)
    bits = np.full(len(rows), _NEVER)
    counted = rows[:, :-1].prod(1) * _THIN <= np.prod(shape)
    bits[counted] = p.most_bits(shape, [tuple(map(int, row)) for row in rows[counted]], profile)
    return bits[which.ravel()]


def _entries(program: Program, p: Projection, boxes: Boxes, names: str) -> Index:
    """(slices,) target neurons of the box that one source neuron reaches, zeros included; at most, on a causal diagonal."""
    read = read_axes(p.synapse, program.by_name[p.synapse.source])
    free = [n for n, a in enumerate(names) if a != "s" and a not in read]
    return lengths(boxes)[:, free].prod(1)


def index_bits(span: Index, profile: HardwareProfile) -> Index:
    """Bits that tell `span` neurons apart: none for one, else at least the narrowest index there is."""
    wanted = np.ceil(np.log2(np.maximum(span, 1))).astype(np.int64)
    return np.where(wanted > 0, np.maximum(wanted, profile.index_bits_min), 0)


def _counted(program: Program, p: Projection, boxes: Boxes, names: str, each: Index, profile: HardwareProfile) -> Index:
    """Bits of sparse lists by counting what is not zero, once for each range of output channels."""
    assert p.nonzero is not None
    keep = [n for n, a in enumerate(names) if a not in POSITIONS]
    ranges, which = np.unique(boxes[:, keep].reshape(len(boxes), -1), axis=0, return_inverse=True)
    shape = [program.dims.axis(names[n]) for n in keep]
    bits = np.zeros(len(ranges), np.int64)
    for at, row in enumerate(ranges.reshape(len(ranges), -1, 2)):
        block = p.nonzero.reshape(*shape, -1)[tuple(slice(a, b) for a, b in row)]
        found = block.reshape(-1, p.nonzero.shape[1]).sum(0)
        bits[at] = packed_bits(found, int(each[np.argmax(which == at)]), profile).sum()
    return bits[which]
