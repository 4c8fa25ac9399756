"""NIR out: what is written reads back to a program with the same spikes, by our reader; nir's own reads it too."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritspike import net as tn
from tritspike.compiler.frontend.nir import build
from tritspike.compiler.lower import lower_network
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import array_files, arrays
from tritspike.runtime.interchange.nir_out import READERS, write_nir, write_trace


def network(rng, timing, leaky=True) -> tn.Net:
    """Two layers with a skip path; in a stream with a recurrence, a delay and current memory."""
    flows = isinstance(timing, tn.Stream)
    net = tn.Net()
    x = net.input("x", features=5)
    n, m = (int(k) for k in rng.integers(2, 6, 2))

    def codes(rows, columns):
        return rng.integers(-9, 12, (rows, columns))

    def keep():
        return int(rng.choice([0, 4096] + ([1, 2000, 4000] if leaky else [])))

    resets = tn.Resets.SEQUENCE if flows else tn.Resets.WINDOW
    one = net.lif(
        "one", tn.linear(x, codes(n, 5)), keep=keep(), vth=rng.integers(0, 20, n), bias=int(rng.integers(-3, 1 if flows else 4)) * 64, resets=resets
    )
    if flows:
        net.join(one, tn.linear(one, codes(n, n), delay=int(rng.integers(1, 4))))
    two = tn.linear(one, codes(m, n)) + tn.linear(x, codes(m, 5), delay=2 if flows else 0)
    current = int(rng.choice([0, 1000])) if flows and leaky else 0
    last = net.lif("two", two, keep=int(rng.integers(0, 4096)) if current else keep(), vth=12, keep_u=current, resets=resets)
    net.count(last)
    net.readout("sum", tn.linear(last, codes(3, m)), keep=2048 if flows else 4096, resets=resets)
    return net


def again(path, program, steps=None):
    found = build(path, steps=steps)
    return lower_network(found.network, found.timing)


def same(ours, theirs, program, back, samples, steps, rng):
    given = {"x": rng.random((samples, steps, 5)) < 0.4}
    a, b = (arrays.run(p, given, "fast", How(), record=True) for p in (program, back))
    for name in ours:
        assert (a.spikes[name] == b.spikes[name]).all(), name
    assert (a.read["sum"] == b.read[theirs]).all()
    return sum(int(a.spikes[name].sum()) for name in ours)


@settings(max_examples=25)
@given(st.integers(0, 1 << 30), st.booleans(), st.sampled_from(sorted(READERS)))
def test_a_round_trip_gives_the_same_spikes(tmp_path_factory, seed, flows, reader):
    rng = np.random.default_rng(seed)
    timing = tn.Stream(1, 1) if flows else tn.Windows(7)
    program = tn.lower(network(rng, timing), timing)
    try:
        content = write_nir(program, reader)
    except InputError as error:
        assert not READERS[reader].whole and "this reader knows no Delay" in str(error)
        return
    path = tmp_path_factory.mktemp("nir") / "net.nir"
    path.write_bytes(content)
    back = again(path, program, None if flows else 7)
    same(("one", "two"), "sum.out", program, back, 3, 30 if flows else 7, rng)


def test_round_trips_are_of_networks_that_fire(tmp_path):
    rng, fired = np.random.default_rng(1), 0
    for _ in range(6):
        program = tn.lower(network(rng, tn.Stream(1, 1)), tn.Stream(1, 1))
        (tmp_path / "net.nir").write_bytes(write_nir(program))
        fired += same(("one", "two"), "sum.out", program, again(tmp_path / "net.nir", program), 3, 30, rng) > 100
    assert fired > 3


def test_a_coincidence_is_a_threshold_or_a_leak_of_one_step(tmp_path):
    net = tn.Net()
    left, right = net.input("left", features=3), net.input("right", features=3)
    net.count(net.both("met", left, right))
    program = tn.lower(net, tn.Windows(4))
    for reader, kind in (("spyx", "Threshold"), ("norse", "LIF")):
        (tmp_path / "net.nir").write_bytes(write_nir(program, reader))
        with h5py.File(tmp_path / "net.nir") as file:
            assert file["node/nodes/met/type"].asstr()[()] == kind
        given = {name: np.random.default_rng(0).random((5, 4, 3)) < 0.5 for name in ("left", "right")}
        back = arrays.run(again(tmp_path / "net.nir", program, 4), given, "fast", How(), record=True)
        assert (back.spikes["met"] == given["left"] & given["right"]).all()


def test_nir_s_own_reader_takes_it(tmp_path):
    nir = pytest.importorskip("nir")
    program = tn.lower(network(np.random.default_rng(5), tn.Stream(1, 1)), tn.Stream(1, 1))
    (tmp_path / "net.nir").write_bytes(write_nir(program))
    graph = nir.read(tmp_path / "net.nir", type_check=False)
    assert {type(node).__name__ for node in graph.nodes.values()} >= {"Input", "Output"} and len(graph.edges) > 5
    said = graph.nodes["x"].metadata
    assert said["tritspike_dt"] == 1e-3 and said["tritspike_resets"] == "sequence" and "toward zero" in said["tritspike_decay"]


def test_what_nir_has_no_word_for_is_refused():
    net = tn.Net()
    hidden = net.lif("hidden", tn.linear(net.input("x", features=2), np.eye(2, dtype=int)), keep=4096, vth=3, keep_u=7, resets=tn.Resets.NEVER)
    net.count(hidden)
    with pytest.raises(InputError, match=r"the program: steps of a token is 3, 2 with input.*; hidden: keep and keep_u is 4096 and 7"):
        write_nir(tn.lower(net, tn.Stream(2, 3)))
    with pytest.raises(InputError, match="a reader 'lava' of NIR files"):
        write_nir(tn.lower(net, tn.Stream(1, 1)), "lava")


def test_spikes_of_before_the_first_step_are_no_part_of_nir():
    net = tn.Net()
    one = net.lif("one", tn.linear(net.input("x", features=2), np.eye(2, dtype=int)), keep=4096, vth=3, bias=64, resets=tn.Resets.SEQUENCE)
    net.join(one, tn.same(one, -1, delay=1))
    net.count(one)
    with pytest.raises(InputError, match="one: bias is enough to fire alone, allowed less where there are delays"):
        write_nir(tn.lower(net, tn.Stream(1, 1)))


def test_a_golden_trace(tmp_path):
    rng = np.random.default_rng(5)
    program = tn.lower(network(rng, tn.Stream(1, 1)), tn.Stream(1, 1))
    x = rng.random((2, 9, 5)) < 0.4
    found = arrays.run(program, {"x": x}, "reference", How(), record=True)
    path = tmp_path / "trace.nir"
    path.write_bytes(write_trace(program, {name: found.spikes[name] for name in ("x", "one")}))
    assert (array_files.read(path, program)["x"] == x).all() and (array_files.read(path, program)["one"] == found.spikes["one"]).all()
    nir = pytest.importorskip("nir")
    seen = nir.read_data(path).nodes["one"].observables["spikes"]
    assert (seen.data == found.spikes["one"]).all() and seen.dt == READERS["nir"].dt
