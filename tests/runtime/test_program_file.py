"""A program is what it was after it was written and read, whatever its wirings hold; and its digest is of what it computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tritspike.compiler.lower import lower
from tritspike.runtime.checkpoint import pack_codes
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.simulator import fast, reference
from tritspike.runtime.wiring import Along, Matrix, Pool, Shift

SMALL = dict(layers=1, hidden=6, heads=2, head_dim=3, ffn=5, steps=3, max_length=4)


def again(program, path):
    program_file.save(program, path)
    return program_file.load(path)


def same(a, b) -> bool:
    """Two wirings, field by field."""
    assert type(a) is type(b)
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in vars(a) | vars(b))


@pytest.mark.parametrize("weights", ["ternary", "binary"])
@pytest.mark.parametrize("readout, head", [("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")])
def test_every_wiring_is_read_as_it_was_written(weights, readout, head, tmp_path):
    """A head on the chip whose weights are -1, 0 and 1 too: one bit cannot say 0."""
    weak = {"head.weight": np.random.default_rng(0).integers(-1, 2, (40, 6)).astype(np.int8)} if readout == "each" else {}
    folder = random_checkpoint.write(tmp_path / "c", 1, weak, weights=weights, readout=readout, window=2, **SMALL)
    program = lower(folder, "loihi2", head=head)
    found = again(program, tmp_path / "p.tsp")
    assert {type(s.wiring) for s in program.synapses} >= {Along, Matrix, Shift} | ({Pool} if readout in ("mean", "first") else set())
    assert [s.name for s in found.synapses if not same(s.wiring, program.by_synapse[s.name].wiring)] == []
    assert program_file.to_bytes(found) == (tmp_path / "p.tsp").read_bytes()
    samples = Encoder(program).samples(random_checkpoint.tokens(0, 3, 4))
    require_equal(program, reference.run(program, samples, True), fast.run(found, samples, True), ("written", "read"))


def changed(program, **codes):
    """The program with other codes in the synapses of these names, dots for underscores."""
    return replace(
        program, synapses=tuple(replace(s, wiring=replace(s.wiring, codes=codes[s.name])) if s.name in codes else s for s in program.synapses)
    )


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["ternary", "binary"]), st.integers(0, 3), st.integers(0, 1 << 30))
def test_any_codes(tmp_path_factory, weights, most, seed):
    folder = tmp_path_factory.mktemp("any")
    program = lower(random_checkpoint.write(folder / "c", 1, weights=weights, **SMALL), "loihi2")
    rng = np.random.default_rng(seed)
    codes = {s.name: rng.integers(-most, most + 1, s.wiring.codes.shape).astype(np.int8) for s in program.synapses if isinstance(s.wiring, Matrix)}
    gains = {s.name: np.ones_like(s.wiring.gain) for s in program.synapses if isinstance(s.wiring, Matrix)}
    other = changed(program, **codes)
    other = replace(other, synapses=tuple(replace(s, wiring=replace(s.wiring, gain=gains[s.name])) if s.name in gains else s for s in other.synapses))
    found = again(other, folder / "p.tsp")
    assert all(np.array_equal(found.by_synapse[name].wiring.codes, c) for name, c in codes.items())
    assert program_file.digest(found) == program_file.digest(other)


def test_the_digest_is_of_what_is_computed(tmp_path):
    """A zero among binary codes is neither the 1 nor the -1 that one bit would make of it."""
    program = lower(random_checkpoint.write(tmp_path / "c", 1, weights="binary", **SMALL), "loihi2")
    name = next(s.name for s in program.synapses if isinstance(s.wiring, Matrix))
    codes = program.by_synapse[name].wiring.codes
    found = set()
    for value in (-1, 0, 1):
        put = codes.copy()
        put[0, 0] = value
        found.add(program_file.digest(changed(program, **{name: put})))
    assert len(found) == 3


def test_programs_of_before_are_read(tmp_path):
    """Version 2 as it was written until now: packed as the host says; the same bytes come out."""
    program = lower(random_checkpoint.write(tmp_path / "c", 1, weights="binary", **SMALL), "loihi2")
    arrays = program_file._arrays(program)
    names = [n for n in arrays if n.startswith("codes.")]
    assert names and all(arrays[n].dtype == np.uint8 for n in names)
    s = next(s for s in program.synapses if isinstance(s.wiring, Matrix))
    assert np.array_equal(arrays[f"codes.{s.name}"], pack_codes(s.wiring.codes, "binary"))
