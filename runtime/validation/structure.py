"""Third round: names, order, time and shapes: how populations and synapses refer to each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime.program import LIF, READOUT, RELAY, SOURCE, Population, Program, Synapse
from tritspike.runtime.wiring import Along, Matrix, Pool, Shift

_SOURCES = {"x": "ie", "pad": "i"}  # what a host plays, and over which grid


def structure(program: Program) -> Iterator[Finding]:
    """The names first, since every other rule looks things up by them."""
    found = [*_names(program), *_references(program)]
    yield from found
    if not found:
        yield from (finding for rule in _RULES for finding in rule(program))


def _names(program: Program) -> Iterator[Finding]:
    for what, records in (("population", program.populations), ("synapse", program.synapses)):
        counts = Counter(r.name for r in records)
        yield from (Finding(name, f"number of {what}s of that name", n, "1") for name, n in counts.items() if n > 1)
    if "x" not in {p.name for p in program.populations}:
        yield Finding("program", "population x", "missing", "the encoder's spikes")


def _references(program: Program) -> Iterator[Finding]:
    """Every end exists; a source is defined above its target, but for a relay's own shift register."""
    order = {p.name: n for n, p in enumerate(program.populations)}
    for s in program.synapses:
        missing = [name for name in (s.source, s.target) if name not in order]
        yield from (Finding(s.name, "end", name, "a population of the program") for name in missing)
        if not missing and isinstance(s.wiring, Shift) != (s.source == s.target):
            yield Finding(s.name, "loop", f"{s.source} to {s.target}", "a shift register, from a relay to itself")
        elif not missing and s.source != s.target and order[s.source] >= order[s.target]:
            yield Finding(s.name, "order", f"{s.source} below {s.target}", "sources above targets")


def _sources(program: Program) -> Iterator[Finding]:
    for p in program.populations:
        if p.role == SOURCE and (_SOURCES.get(p.name) != p.axes or p.latency or p.stages != 1 or p.bias is not None or program.inputs(p.name)):
            what = f"[{p.axes}] at latency {p.latency} with {len(program.inputs(p.name))} inputs"
            yield Finding(p.name, "source", what, "x over [ie] or pad over [i], at latency 0, with neither inputs nor bias")
        if p.name in _SOURCES and p.role != SOURCE:
            yield Finding(p.name, "role", p.role, SOURCE)
        if p.role != SOURCE and not any(s.source != p.name for s in program.inputs(p.name)):
            yield Finding(p.name, "number of inputs", 0, "1 or more")


def _stages(program: Program) -> Iterator[Finding]:
    for p in program.populations:
        shifts = [s for s in program.inputs(p.name) if isinstance(s.wiring, Shift)]
        if p.stages > 1 and p.role != RELAY:
            yield Finding(p.name, "stages", p.stages, "1, of all but relays")
        if len(shifts) != (p.stages > 1):
            yield Finding(p.name, "number of shift registers", len(shifts), f"{int(p.stages > 1)}, of a population with {p.stages} stages")
        for s in shifts:
            if isinstance(s.wiring, Shift) and s.wiring.stages != p.stages:
                yield Finding(s.name, "stages", s.wiring.stages, f"{p.stages}, those of {p.name}")


def _time(program: Program) -> Iterator[Finding]:
    """Every synapse takes one step."""
    for s in program.synapses:
        source, target = program.by_name[s.source], program.by_name[s.target]
        if s.source_stage >= source.stages:
            yield Finding(s.name, "source_stage", s.source_stage, f"0..{source.stages - 1}, the stages of {source.name}")
        elif s.source == s.target:
            if s.source_stage:
                yield Finding(s.name, "source_stage", s.source_stage, "0, of a shift register")
        elif target.latency != source.latency + s.source_stage + 1:
            spanned = target.latency - source.latency - s.source_stage
            yield Finding(s.name, "steps that it spans", spanned, f"1; {target.name} has latency {target.latency}, what it hears {source.latency}")


def _shapes(program: Program) -> Iterator[Finding]:
    for s in program.synapses:
        source, target = program.by_name[s.source], program.by_name[s.target]
        if isinstance(s.wiring, Along):
            yield from _along(s, s.wiring, source)
        elif isinstance(s.wiring, Matrix | Pool):
            yield from _matrix(program, s, source, target)


def _along(s: Synapse, wiring: Along, source: Population) -> Iterator[Finding]:
    """The axes that are read are the source's own; a position i may be read as a key's, j."""
    if wiring.source not in (source.axes, source.axes.replace("i", "j")):
        yield Finding(s.name, "axes read", f"[{wiring.source}]", f"[{source.axes}], those of {source.name}, or j in place of i")


def _matrix(program: Program, s: Synapse, source: Population, target: Population) -> Iterator[Finding]:
    """From channels at a position to channels at a position or, of a pool, to classes."""
    assert isinstance(s.wiring, Matrix | Pool)
    pooled = isinstance(s.wiring, Pool)
    if source.axes[0] != "i" or source.axes == "i" or target.axes[0] != ("c" if pooled else "i") or target.axes == "i":
        allowed = "from a grid [i..] to " + ("[c]" if pooled else "a grid [i..]")
        yield Finding(s.name, "grids", f"[{source.axes}] to [{target.axes}]", allowed)
        return
    wanted = (program.dims.size(target.axes.removeprefix("i")), program.dims.size(source.axes.removeprefix("i")))
    if s.wiring.codes.shape != wanted:
        yield Finding(
            s.name, "shape", "x".join(map(str, s.wiring.codes.shape)), f"{wanted[0]}x{wanted[1]}, channels of {target.name} and {source.name}"
        )


def _answer(program: Program) -> Iterator[Finding]:
    """One readout that a host with a head has none of, fed by the last layer alone."""
    readouts = [p for p in program.populations if p.role == READOUT]
    wanted = 1 if program.host.head is None else 0
    if len(readouts) != wanted:
        yield Finding("program", "number of readouts", len(readouts), f"{wanted}, where the host has {'no' if wanted else 'a'} head")
        return
    if readouts:
        yield from _readout(program, readouts[0])
    elif (program.last.role, program.last.axes) != (LIF, "ie"):
        yield Finding(program.last.name, "last population", f"{program.last.role} [{program.last.axes}]", "lif [ie], which the host's head hears")
    if program.each and not (program.dims.causal and program.dims.classes == len(program.host.front.token) and not program.host.labels):
        yield Finding("program", "language model", f"{program.dims.classes} classes", "causal, a class a token, no labels")


def _readout(program: Program, p: Population) -> Iterator[Finding]:
    heard = program.inputs(p.name)
    kind = Pool if p.axes == "c" else Matrix
    if p.axes not in ("c", "ic") or len(heard) != 1 or not isinstance(heard[0].wiring, kind) or program.by_name[heard[0].source].role != LIF:
        yield Finding(p.name, "readout", f"[{p.axes}] with {len(heard)} inputs", "[c] with one pool or [ic] with one matrix, from a lif")
    elif isinstance(heard[0].wiring, Pool) and heard[0].wiring.first != program.host.first_position_only:
        yield Finding(heard[0].name, "first", heard[0].wiring.first, f"{program.host.first_position_only}, as the host says")


_RULES = (_sources, _stages, _time, _shapes, _answer)
