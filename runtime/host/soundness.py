"""What a sound program is besides its network (`runtime/network/soundness.py`): a host whose tables fit, one port, one probe.

Rules are small functions that yield findings, all of which are shown: what single fields hold, then what arrays are beside the sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakSet

import numpy as np

from tritspike.hw_profiles.errors import Finding, TritspikeError, listed
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import BITS, INT32, SIZES
from tritspike.runtime.errors import InputError
from tritspike.runtime.host.program import TOKENS, FrontEnd, Host, Program
from tritspike.runtime.kinds import FLAG, LINE, TEXT, Exactly, Finite, Kind, OneOf, Whole, array, held
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network import ranges, soundness
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.network import Population, Reads
from tritspike.runtime.network.rows import PADDING
from tritspike.runtime.network.sequences import TIMED

_WEIGHT = Whole(-arith.WEIGHT_LIMIT, arith.WEIGHT_LIMIT)
_INT32 = Whole(*INT32)  # what a checkpoint can hold; sums over 4,096 positions stay far from int64's end
_FRONT: dict[str, Kind] = {
    "shift": Whole(*SIZES["embedding_shift"]),
    "keep": Whole(1, arith.KEEP_ALL),
    "vth": Whole(0, arith.VTH_LIMIT),
    "tokenizer": TEXT,
}
_HOST: dict[str, Kind] = {
    "first_position_only": FLAG,
    "task": LINE,
    "labels": Exactly(tuple, "a list of texts"),
    "logit_scale": Finite(),
    "weights": OneOf(tuple(BITS)),
}
_SOUND: WeakSet[Program] = WeakSet()


def require_sound(program: Program, where: object = "program", kind: type[TritspikeError] = InputError) -> None:
    """Raise `kind` with all findings. A program object is asked once: it does not change."""
    if program in _SOUND:
        return
    found = list(findings(program))
    if found:
        raise kind(f"{where}: not a sound program: {listed(found)}")
    _SOUND.add(program)


def findings(program: Program) -> Iterator[Finding]:
    """Everything that is wrong in the first round that finds anything; nothing where the program is sound."""
    for rules in ((_fields, _network), (_registers, _answer), (_front, _host)):
        found = [finding for rule in rules for finding in rule(program)]
        yield from found
        if found:
            return


def host_findings(program: Program) -> Iterator[Finding]:
    """The same of its host and what that plays and reads, of a network that is sound but has no latencies yet."""
    for rules in ((_fields,), (_answer,), (_front, _host)):
        found = [finding for rule in rules for finding in rule(program)]
        yield from found
        if found:
            return


def _fields(program: Program) -> Iterator[Finding]:
    yield from held("program", program, {"profile": LINE})
    yield from held("front end", program.host.front, _FRONT)
    yield from held("host", program.host, _HOST)
    for label in program.host.labels if isinstance(program.host.labels, tuple) else ():
        if not LINE.holds(label):
            yield Finding("host", "a label", label, LINE)


def _network(program: Program) -> Iterator[Finding]:
    yield from soundness.findings(program.scheduled)


def _registers(program: Program) -> Iterator[Finding]:
    """A program is for a chip: what no register of it holds is refused before it is run; what inputs do, executors ask."""
    yield from ranges.registers(program.scheduled)


def _answer(program: Program) -> Iterator[Finding]:
    """Texts come in through one port, over positions; one probe reads of each text or, of a language model, of each position."""
    if program.steps > SIZES["steps"][1]:
        yield Finding("program", "timing", program.scheduled.timing, f"{'a stream' if program.flows else 'windows'} of 1..{SIZES['steps'][1]} steps")
    others = TIMED if program.flows else (PADDING,)
    plays = sorted(port.plays for port in program.network.ports)
    if TOKENS not in plays or len(set(plays)) < len(plays) or not set(plays) <= {TOKENS, *others}:
        allowed = f"{TOKENS}, and any of {', '.join(TIMED)}" if program.flows else f"{TOKENS}, and {PADDING} or not"
        yield Finding("program", "what its ports play", ", ".join(plays) or "nothing", allowed)
        return
    yield from _ports(program)
    if len(program.network.probes) != 1:
        yield Finding("program", "probes", len(program.network.probes), "1, the answer")
    elif (program.probe.reads is Reads.COUNT) != (program.host.head is not None):
        wanted = "a count, which the host's head weighs" if program.host.head is not None else "membranes, where the host has no head"
        yield Finding(program.probe.name, "reads", program.probe.reads.value, wanted)
    elif not found_only_once(program):
        yield Finding(
            program.answering.name, "answer", f"over {', '.join(grids.names(program.answering.grid))}", "over classes, or positions and classes"
        )


def found_only_once(program: Program) -> bool:
    """Whether what is read is one answer a text, or one a position in the text's order."""
    grid = program.answering.grid
    return not grids.grows(grid) or _is_positions(program, grid[0])


def _is_positions(program: Program, axis: object) -> bool:
    return axis == program.tokens.grid[0]


def _ports(program: Program) -> Iterator[Finding]:
    if program.flows:
        growing = [p.name for p in program.network.populations if grids.grows(p.grid)]
        if growing:
            yield Finding(growing[0], "axes that grow", "in a stream, whose tokens come one by one", "none")
        return
    for port in program.network.ports:
        p = program.network.by_name[port.population]
        if not _over_positions(p, alone=port.plays == PADDING):
            yield Finding(
                p.name, "grid", ", ".join(grids.names(p.grid)), "positions, which grow" + ("" if port.plays == PADDING else ", and channels")
            )
        elif not 1 <= grids.shape(p.grid)[0] <= SIZES["max_length"][1]:
            yield Finding(p.name, "positions", grids.shape(p.grid)[0], Whole(*SIZES["max_length"]))


def _over_positions(p: Population, alone: bool) -> bool:
    first = p.grid[0] if p.grid else None
    return isinstance(first, Axis) and first.grows and (len(p.grid) == 1) == alone and not grids.grows(p.grid[1:])


def _front(program: Program) -> Iterator[Finding]:
    front, hidden = program.host.front, program.hidden
    rank = front.token.shape[1] if isinstance(front.token, np.ndarray) and front.token.ndim == 2 else None
    for name, rows in (("token", None), ("position", None), ("segment", 2), ("projection", hidden)):
        yield from array("front end", name, getattr(front, name), "int8", (rows, rank))
    yield from array("front end", "bias", front.bias, "int32", (hidden,))
    yield from _rows(front, program.positions)
    if rank is not None and not 1 <= rank <= SIZES["embedding_rank"][1]:
        yield Finding("front end", "rank", rank, Whole(*SIZES["embedding_rank"]))


def _rows(front: FrontEnd, positions: int) -> Iterator[Finding]:
    for name, low, high in (("token", 1, SIZES["vocabulary"][1]), ("position", positions, SIZES["max_length"][1])):
        table = getattr(front, name)
        if isinstance(table, np.ndarray) and table.ndim == 2 and not low <= len(table) <= high:
            yield Finding("front end", f"rows of {name}", len(table), Whole(low, high))


def _host(program: Program) -> Iterator[Finding]:
    host: Host = program.host
    if host.head is not None:
        width = program.answering.size // program.positions
        yield from array("host", "head", host.head, "int8", (None, width), _WEIGHT)
        if not isinstance(host.head, np.ndarray):
            return
    yield from array("host", "class_bias", host.class_bias, "int64", (program.classes,), _INT32)
    if host.labels and len(host.labels) != program.classes:
        yield Finding("host", "number of labels", len(host.labels), f"{program.classes}, one a class")
    if program.each and (program.classes != len(host.front.token) or host.labels):
        yield Finding("program", "language model", f"{program.classes} classes", "a class a token, no labels")
