"""A program is what it was after it was written and read, whatever its wirings hold; and its digest is of what it computes."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields
from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_json import described, named

from tritspike.compiler.lower import lower
from tritspike.runtime.checkpoint import pack_codes
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.network.wiring import Dense, Join

SMALL = dict(layers=1, hidden=6, heads=2, head_dim=3, ffn=5, steps=3, max_length=4)


def again(program, path):
    program_file.save(program, path)
    return program_file.load(path)


def same(a, b) -> bool:
    """Two wirings, field by field."""
    assert type(a) is type(b)
    fields = {f.name for f in dataclass_fields(a)}
    return all(np.array_equal(x, y) if isinstance(x, np.ndarray) else x == y for x, y in ((getattr(a, n), getattr(b, n)) for n in fields))


def wirings(program):
    return {s.name: s.wiring for s in program.network.synapses}


def dense(program):
    return {name: wiring for name, wiring in wirings(program).items() if isinstance(wiring, Dense)}


@pytest.mark.parametrize("weights", ["ternary", "binary"])
@pytest.mark.parametrize("readout, head", [("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")])
def test_every_wiring_is_read_as_it_was_written(weights, readout, head, tmp_path):
    """A head on the chip whose weights are -1, 0 and 1 too: one bit cannot say 0."""
    weak = {"head.weight": np.random.default_rng(0).integers(-1, 2, (40, 6)).astype(np.int8)} if readout == "each" else {}
    folder = random_checkpoint.write(tmp_path / "c", 1, weak, weights=weights, readout=readout, window=2, **SMALL)
    program = lower(folder, "loihi2", head=head)
    found = again(program, tmp_path / "p.tsp")
    assert {type(wiring) for wiring in wirings(program).values()} == {Dense, Join}
    assert [name for name, wiring in wirings(found).items() if not same(wiring, wirings(program)[name])] == []
    assert program_file.to_bytes(found) == (tmp_path / "p.tsp").read_bytes()
    rows, ask = Encoder(program).rows(random_checkpoint.tokens(0, 3, 4)), Ask(record=True)
    written, read = batches.run(program, rows, "reference", ask=ask), batches.run(found, rows, "fast", ask=ask)
    require_equal(program, written, read, ("written", "read"))


def changed(program, what, values):
    """The program with other `what` (codes or gains) in the synapses of these names."""
    network = program.network
    some = tuple(replace(s, wiring=replace(s.wiring, **{what: values[s.name]})) if s.name in values else s for s in network.synapses)
    return replace(program, scheduled=replace(program.scheduled, network=replace(network, synapses=some)))


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["ternary", "binary"]), st.integers(0, 3), st.integers(0, 1 << 30))
def test_any_codes(tmp_path_factory, weights, most, seed):
    folder = tmp_path_factory.mktemp("any")
    program = lower(random_checkpoint.write(folder / "c", 1, weights=weights, **SMALL), "loihi2")
    rng = np.random.default_rng(seed)
    codes = {name: rng.integers(-most, most + 1, wiring.codes.shape).astype(np.int8) for name, wiring in dense(program).items()}
    gains = {name: np.ones_like(wiring.gain) for name, wiring in dense(program).items()}
    other = changed(changed(program, "codes", codes), "gain", gains)
    found = again(other, folder / "p.tsp")
    assert all(np.array_equal(dense(found)[name].codes, c) for name, c in codes.items())
    assert program_file.digest(found) == program_file.digest(other)


def test_the_digest_is_of_what_is_computed(tmp_path):
    """A zero among binary codes is neither the 1 nor the -1 that one bit would make of it."""
    program = lower(random_checkpoint.write(tmp_path / "c", 1, weights="binary", **SMALL), "loihi2")
    name, wiring = next(iter(dense(program).items()))
    codes = wiring.codes
    found = set()
    for value in (-1, 0, 1):
        put = codes.copy()
        put[0, 0] = value
        found.add(program_file.digest(changed(program, "codes", {name: put})))
    assert len(found) == 3


@pytest.mark.parametrize("weights", ["ternary", "binary"])
def test_codes_are_packed_where_the_packing_can_say_them(weights, tmp_path):
    """As a checkpoint packs its own: one or two bits a code."""
    program = lower(random_checkpoint.write(tmp_path / "c", 1, weights=weights, **SMALL), "loihi2")
    again(program, tmp_path / "p.tsp")
    arrays, body = described(tmp_path / "p.tsp")
    for name, wiring in dense(program).items():
        stored = named(body["synapses"], name)["wiring"]["codes"]
        assert (stored["weights"], stored["columns"]) == (weights if np.abs(wiring.codes).min() else "ternary", wiring.codes.shape[1])
        assert np.array_equal(arrays[stored["packed"]], pack_codes(wiring.codes, stored["weights"]))
