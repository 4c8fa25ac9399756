"""What of a .map file contradicts the network that it maps, or itself."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import Finding
from tritspike.hw_profiles.profile import MOST_CORES
from tritspike.runtime import map_report
from tritspike.runtime.files import Arrays
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.boxes import Tiling
from tritspike.runtime.network.network import Network, Synapse
from tritspike.runtime.network.stacks import stack_grid, stage_axis

FORMS = ("dense", "sparse", "shared")
_SPARSEST = 16  # boxes for each one that holds neurons: each causal axis of a grid leaves about half of them empty


def findings(body: dict[str, Any], arrays: Arrays, network: Network) -> Iterator[Finding]:
    """Of a body whose checksum is right and arrays beside it."""
    of_report = [] if body["report"] is None else list(map_report.findings(body["report"]))
    board = MOST_CORES if body["report"] is None or of_report else body["report"]["cores"]["allowed"]
    stacks, forms = _stacks(body["stacks"]), body["forms"]
    yield from _members(stacks, network)
    yield from _names("forms", forms.keys(), {s.name for s in network.synapses})
    yield from _names("arrays", arrays.keys(), {f"cores.{stack['members'][0]}" for stack in stacks if stack["members"]})
    for s in network.synapses:
        if s.name in forms:
            yield from _form(forms[s.name], s, network)
    if not isinstance(body["profile"], str):
        yield Finding("mapping", "profile", body["profile"], "a name")
    for stack in stacks:
        yield from _stack(stack, arrays, board, network)
    yield from of_report


def _stacks(raw: Any) -> list[dict[str, Any]]:
    """Raises `ValueError` for what is no list of members and cuts."""
    for stack in raw:
        if not isinstance(stack, dict) or stack.keys() != {"members", "cuts"} or not all(isinstance(part, list) for part in stack.values()):
            raise ValueError("a stack that is not its members and cuts")
        if not stack["members"] or not all(isinstance(name, str) for name in stack["members"]):
            raise ValueError("a stack whose members are no names")
    return list(raw)


def _members(stacks: list[dict[str, Any]], network: Network) -> Iterator[Finding]:
    often = Counter(name for stack in stacks for name in stack["members"])
    yield from _names("stacks", often, {p.name for p in network.populations if p.neuron is not None})
    yield from (Finding("stacks", name, f"in {count} of them", "one") for name, count in often.items() if count > 1)


def _names(where: str, found: Iterable[str], wanted: set[str]) -> Iterator[Finding]:
    for name in sorted(set(found) ^ wanted):
        yield Finding(where, name, "missing" if name in wanted else "there", "each of the program's and no other")


def _form(raw: Any, s: Synapse, network: Network) -> Iterator[Finding]:
    if not isinstance(raw, dict) or raw.keys() != {"name", "positions"} or raw["name"] not in FORMS:
        yield Finding("forms", s.name, raw, f"a name of {', '.join(FORMS)}, and positions")
        return
    known = {stage_axis(network), *grids.names(network.by_name[s.source].grid)}
    if not isinstance(raw["positions"], list) or not all(name in known for name in raw["positions"]):
        yield Finding("forms", f"{s.name}: positions", raw["positions"], f"coordinates of {s.source}")


def _stack(stack: dict[str, Any], arrays: Arrays, board: int, network: Network) -> Iterator[Finding]:
    name = stack["members"][0]
    known = [network.by_name[member] for member in stack["members"] if member in network.by_name]
    if len(known) < len(stack["members"]) or any(p.neuron is None for p in known):
        return  # that it is there is a finding already
    if any(p.grid != known[0].grid for p in known):
        yield Finding("stacks", name, f"with {', '.join(stack['members'][1:])}", "with populations of its own grid")
    elif f"cores.{name}" in arrays:
        yield from _cores(stack, arrays[f"cores.{name}"], board, network)


def _cores(stack: dict[str, Any], cores: NDArray[Any], board: int, network: Network) -> Iterator[Finding]:
    name, grid, cuts = stack["members"][0], stack_grid(network, tuple(stack["members"])), stack["cuts"]
    ends = list(grids.extents(grid).values())
    if [_end(c) for c in cuts] != ends:
        yield Finding(name, "cuts", cuts, f"whole numbers that rise from 0 to {', '.join(map(str, ends))}")
        return
    boxes = math.prod(len(c) - 1 for c in cuts)
    if cores.dtype != np.int64 or cores.ndim != 1 or not boxes / _SPARSEST <= len(cores) <= boxes:
        yield Finding(name, "cores", f"{cores.dtype}{list(cores.shape)}", f"int64, one for each slice of {boxes} boxes")
    elif len(cores) != len(tiling := Tiling(grid, tuple(tuple(c) for c in cuts))):
        yield Finding(name, "cores", len(cores), f"{len(tiling)}, one for each slice")
    elif not 0 <= cores.min() <= cores.max() < board:
        yield Finding(name, "cores", f"{cores.min()}..{cores.max()}", f"0..{board - 1}")


def _end(cut: list[Any]) -> int:
    """Where boundaries end that rise from 0; -1 where they do not."""
    rise = all(type(n) is int for n in cut) and all(a < b for a, b in itertools.pairwise(cut))
    return cut[-1] if rise and len(cut) > 1 and cut[0] == 0 else -1
