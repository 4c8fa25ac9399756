"""Every rule of a network finds what breaks it, and the runner says which pass it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import random_checkpoint

from tritspike.compiler.errors import CompileError, VerifyError
from tritspike.compiler.lower import lower
from tritspike.compiler.passes.base import Lowering, Pass
from tritspike.compiler.passes.fold_registers import FoldRegisters
from tritspike.compiler.passes.silence_padding import SilencePadding
from tritspike.compiler.pipeline import DEFAULT, go_on
from tritspike.runtime.errors import InputError
from tritspike.runtime.network.network import Network, Probe, Reads, Scheduled
from tritspike.runtime.network.soundness import network_findings, require_sound
from tritspike.runtime.network.wiring.maps import At, Follow

SIZES = dict(layers=1, hidden=8, heads=2, head_dim=2, ffn=6, max_length=4, steps=3, embedding_rank=4)
Change = Callable[[Network], Network]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return random_checkpoint.write(tmp_path_factory.mktemp("verify") / "checkpoint", **SIZES)


@pytest.fixture(scope="module")
def program(folder) -> Scheduled:
    """Lowered whole."""
    return lower(folder, "tiny").scheduled


def _population(name: str, **changes) -> Change:
    return lambda n: replace(n, populations=tuple(replace(p, **changes) if p.name == name else p for p in n.populations))


def _synapse(name: str, **changes) -> Change:
    return lambda n: replace(n, synapses=tuple(replace(s, **changes) if s.name == name else s for s in n.synapses))


def _wiring(name: str, change: Callable) -> Change:
    return lambda n: replace(n, synapses=tuple(replace(s, wiring=change(s.wiring)) if s.name == name else s for s in n.synapses))


def _reads(name: str, **rules) -> Change:
    return _wiring(name, lambda w: replace(w, read={**w.read, **rules}))


def _without(name: str) -> Change:
    return lambda n: replace(n, populations=tuple(p for p in n.populations if p.name != name))


def _twice(name: str) -> Change:
    return lambda n: replace(n, populations=(*n.populations, n.by_name[name]))


def _two_lengths(n: Network) -> Network:
    return replace(n, populations=tuple(replace(p, grid=n.at_length(3).by_name[p.name].grid) if p.name == "x" else p for p in n.populations))


QUERY, SKIP, READOUT = "layer.0.query<x", "layer.0.output<layer.0.attended#1", "readout<layer.0.output"
BROKEN: dict[str, tuple[Change, str]] = {
    "unknown source": (_synapse(QUERY, source="ghost"), f"{QUERY}: an end is ghost, allowed a population of this network"),
    "unknown target": (_synapse(QUERY, target="ghost"), f"{QUERY}: an end is ghost, allowed a population of this network"),
    "defined twice": (_twice("layer.0.key"), "layer.0.key: populations of that name is 2, allowed one, of a name that is not empty"),
    "a host's line that hears": (_synapse(QUERY, target="x"), f"{QUERY}: its target is x, allowed a population that fires by itself"),
    "a population that nobody plays": (_population("layer.0.key", neuron=None), "layer.0.key: ports that play it is 0, allowed one"),
    "a port of no population": (lambda n: replace(n, ports=(replace(n.ports[0], population="ghost"), *n.ports[1:])), "x: its population is ghost"),
    "no probe": (lambda n: replace(n, probes=()), "network: probes is 0, allowed at least one"),
    "membranes of the host's": (lambda n: replace(n, probes=(Probe(name="a", population="x", reads=Reads.MEMBRANE),)), "a: membranes is of x, which"),
    "lengths": (_two_lengths, "network: sizes of axes that grow is [3, 4], allowed one"),
    "an axis that its source has not": (
        _reads(QUERY, channel=At(0)),
        f"{QUERY}: a coordinate that is read is channel, allowed one of position, hidden",
    ),
    "an axis that its target has not": (_reads(QUERY, position=Follow("key")), f"{QUERY}: position is Follow(target='key', stride=1, offset=0)"),
    "a place that its source has not": (_reads(QUERY, position=At(4)), f"{QUERY}: position is 4, allowed 0..3"),
    "columns": (_wiring(QUERY, lambda w: replace(w, codes=w.codes[:, :-1])), f"{QUERY}: codes is int8 (4, 7), allowed int8 (4, 8) in -127..127"),
    "a code beyond": (
        _wiring(QUERY, lambda w: replace(w, codes=np.full_like(w.codes, -128))),
        f"{QUERY}: codes is int8 (4, 8), allowed int8 (4, 8) in -127..127",
    ),
    "gain": (_wiring(QUERY, lambda w: replace(w, gain=w.gain[:-1])), f"{QUERY}: gain is int64 (3,), allowed int64 (4,) in -32767..32767"),
    "what no rule reads": (_wiring(SKIP, lambda w: replace(w, read={"position": Follow("position")})), f"{SKIP}: coordinates of its source that no"),
}
TIMES = {
    "late": ("readout", 99, f"{READOUT}: steps between its ends is 91, allowed 1, or in a stream whole periods less"),
    "before its source": ("readout", 3, f"{READOUT}: steps between its ends is -5, allowed 1, or in a stream whole periods less"),
    "negative": ("x", -1, "x: latency is -1, allowed 0..1048576"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_found(name, program):
    change, line = BROKEN[name]
    assert not list(network_findings(program.network))
    found = [str(f) for f in network_findings(change(program.network))]
    assert any(f.startswith(line) for f in found), found


@pytest.mark.parametrize("name", TIMES)
def test_a_wrong_time_is_found(name, program):
    population, at, line = TIMES[name]
    require_sound(program)
    with pytest.raises(InputError) as error:
        require_sound(replace(program, latency={**program.latency, population: at}), where="when")
    assert str(error.value).startswith("when: ") and line in str(error.value)


def test_a_population_without_latency_is_found(program):
    latency = {name: at for name, at in program.latency.items() if name != "x"}
    with pytest.raises(InputError, match=r"^network: latencies is \d+, allowed one for each of \d+ populations$"):
        require_sound(replace(program, latency=latency))


def test_all_findings_are_shown(program):
    broken = BROKEN["no probe"][0](BROKEN["unknown source"][0](program.network))
    assert len(list(network_findings(broken))) == 2


@dataclass(frozen=True)
class BreakSomething(Pass):
    """Break the network as told."""

    name: ClassVar[str] = "break-something"
    how: Change

    def apply(self, given, profile):
        return replace(given, network=self.how(given.network))


@pytest.mark.parametrize("name", ["unknown source", "defined twice", "no probe", "columns"])
def test_the_runner_names_the_pass_that_broke_it_and_stops(name, folder, tmp_path):
    change, line = BROKEN[name]
    with pytest.raises(VerifyError) as error:
        lower(folder, "tiny", [FoldRegisters(), BreakSomething(change), SilencePadding(), *DEFAULT[2:]], dump=tmp_path / "ir")
    assert str(error.value).startswith("after break-something: ") and line in str(error.value)
    assert sorted(p.name for p in (tmp_path / "ir").iterdir()) == ["00-frontend.txt", "01-fold-registers.txt"]


def test_times_that_a_pass_broke_are_its_own(folder):
    class Late(BreakSomething):
        """Move the readout."""

        def apply(self, given, profile):
            return replace(given, latency={**given.latency, "readout": 99})

    with pytest.raises(VerifyError, match=r"^after break-something: readout<layer\.0\.output: steps between its ends is 91, allowed 1"):
        lower(folder, "tiny", [*DEFAULT[:4], Late(lambda n: n), *DEFAULT[4:]])


def test_the_runner_refuses_a_network_that_was_broken_before(program):
    """Whoever wrote it, not a pass, is to blame."""
    given = Lowering(network=BROKEN["unknown source"][0](program.network), timing=program.timing)
    with pytest.raises(CompileError, match=r"^before the first pass: layer\.0\.query<x: an end is ghost") as error:
        go_on(given, None, DEFAULT)
    assert not isinstance(error.value, VerifyError)
