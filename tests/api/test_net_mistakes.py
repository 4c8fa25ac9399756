"""Whatever is handed to `tritspike.net` that is not what it needs is refused in one line that names it, where it is written."""

from __future__ import annotations

import numpy as np
import pytest

from tritspike import net as tn
from tritspike.compiler.errors import CompileError, VerifyError
from tritspike.hw_profiles.errors import TritspikeError
from tritspike.runtime import memory
from tritspike.runtime.errors import InputError

NET = tn.Net()
X = NET.input("x", features=4)
PICTURE = NET.input("p", rows=8, columns=8, channels=2)
TEXT = NET.input("t", tn.Axis("position", 5, True), features=4)
CODES, KERNEL, RAGGED = np.ones((3, 4), int), np.ones((4, 2, 3, 3), int), [[1], [1, 2]]


def lif(**registers):
    return tn.Net().lif("h", tn.same(X), **{"keep": 0, "vth": 0, **registers})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NET.input("", features=3), "a name is ''"),
        (lambda: NET.input("a\nb", features=3), r"a name is 'a\\nb'"),
        (lambda: NET.input(3, features=3), "a name is 3"),
        (lambda: NET.input("y", "features"), r"y: \('features',\) \(hint: axes"),
        (lambda: NET.input("y", features=0.5), "sizes that are whole numbers"),
        (lambda: NET.input("y", features=3, plays=3), "a name is 3"),
        (lambda: NET.count("x"), "count: str is no population"),
        (lambda: NET.join("x", tn.same(X)), "join: str is no population"),
        (lambda: NET.both("b", "x", "x"), "b: str is no population"),
        (lambda: NET.coincide("b", "x", "x"), "b: str is no population"),
        (lambda: NET.readout("r", tn.same(X), keep=9999), "r: keep is 9999"),
        (lambda: lif(keep=RAGGED), "h: keep: list that makes no array"),
        (lambda: lif(vth=np.uint64(1 << 63)), "h: vth"),
        (lambda: lif(keep=tn.Values(("features",), ["a"])), "h: keep is <U1"),
        (lambda: tn.linear(X, RAGGED), "codes from x: list that makes no array"),
        (lambda: tn.linear(X, CODES * 200), r"codes from x: int64 of shape \(3, 4\), 200..200 \(hint: a matrix of whole numbers in -127..127"),
        (lambda: tn.linear(X, CODES, RAGGED), "gain from x: list"),
        (lambda: tn.linear(X, CODES, into=3), "into from x: 3"),
        (lambda: tn.linear(X, CODES, into=["a", "b"]), "into from x"),
        (lambda: tn.linear(X, CODES, over="features"), "over is 'features'"),
        (lambda: tn.linear(X, np.ones((2, 16), int), over=["features", "features"]), "each axis once"),
        (lambda: tn.linear(TEXT, CODES, shift=["position"]), "shift is"),
        (lambda: tn.linear(TEXT, CODES, shift={"position": 0.5}), "shift along position is 0.5"),
        (lambda: tn.linear(X, CODES, shift={"features": 1}), "the axis 'features' in two of over, pool, at and shift"),
        (lambda: tn.linear(TEXT, CODES, pool=["position"], at={"position": 0}), "the axis 'position' in two of"),
        (lambda: tn.linear(TEXT, CODES, at={"position": -1}), "at along position is -1"),
        (lambda: tn.onto(X, "features"), "the target of x: 'features'"),
        (lambda: tn.onto(X, X), "the target of x"),
        (lambda: tn.onto(X, X.grid, renamed={"other": "a"}), "no axis 'other'"),
        (lambda: tn.summed(X, "features"), "over is 'features'"),
        (lambda: tn.pooled(PICTURE, {"rows": 0}), "a pool along rows is 0"),
        (lambda: tn.pooled(PICTURE, {"rows": 1 << 40}), "a pool along rows"),
        (lambda: tn.pooled(PICTURE, ["rows"]), "a pool is"),
        (lambda: tn.conv2d(PICTURE, KERNEL, stride=0), "stride is 0"),
        (lambda: tn.conv2d(PICTURE, KERNEL, padding="same"), "padding is 'same'"),
        (lambda: tn.conv2d(PICTURE, KERNEL[:, :, :0]), "a kernel of shape"),
        (lambda: tn.sparse(X, RAGGED, [0], [1], X.grid), "rows: list that makes no array"),
        (lambda: tn.sparse(X, [0], [0], [1], "f"), "the target of x: 'f'"),
        (lambda: tn.same(X).weighing(1.5), "the weight from x is 1.5"),
        (lambda: tn.same(X).weighing(1 << 40), "the weight from x"),
        (lambda: tn.same(X).scaled("a"), "the exponent from x is 'a'"),
        (lambda: tn.same(X) + 1, "a term and int do not add up"),
        (lambda: 1 + tn.same(X), "a term and int do not add up"),
    ],
)
def test_a_network_that_cannot_be_written(make, message):
    with pytest.raises(InputError, match=message) as error:
        make()
    assert str(error.value).isprintable()


def test_sizes_may_be_counted_by_numpy_and_terms_summed_by_python():
    net = tn.Net()
    x = net.input("x", features=np.int64(4))
    net.count(net.lif("h", sum([tn.same(x), tn.same(x)]), keep=0, vth=1))
    program = tn.lower(net, tn.Windows(2))
    assert type(x.grid[0].size) is int and len(program.network.synapses) == 2


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        (RAGGED, "x: list that makes no array"),
        (np.zeros((2, 0, 4), bool), r"x: bool of shape \(2, 0, 4\)"),
        (np.full((2, 2, 4), 2), r"x: int64 of shape \(2, 2, 4\), 2..2 \(hint: \(windows, steps, ...\) of 0 and 1"),
    ],
)
def test_spikes_that_are_none(spikes, message):
    net = tn.Net()
    net.count(net.input("x", features=4))
    with pytest.raises(InputError, match=message):
        tn.run(tn.lower(net, tn.Windows(2)), {"x": spikes})


def program():
    net = tn.Net()
    net.count(net.lif("h", tn.same(net.input("x", features=4), 9), keep=0, vth=1))
    return tn.lower(net, tn.Windows(np.int64(2)))


SPIKES = {"x": np.zeros((1, 2, 4), bool)}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda p: tn.run(p, SPIKES | {"y": SPIKES["x"]}), r"no port plays 'y' \(hint: there are x"),
        (lambda p: tn.run(p, {3: SPIKES["x"]}), r"no spikes for 'x' \(hint: they are given for 3"),
        (lambda p: tn.on_cores(p, "loihi2", SPIKES | {"y": SPIKES["x"]}), "no port plays 'y'"),
        (lambda p: tn.run(p, SPIKES, []), r"executor \[\] is unknown"),
        (lambda p: tn.verify(p, SPIKES, executors=3), "executors are 3"),
        (lambda p: tn.verify(p, SPIKES, time_limit=-1), "time_limit is -1"),
        (lambda p: tn.verify(p, SPIKES, time_limit="a"), "time_limit is 'a'"),
        (lambda p: tn.on_cores(p, None), "profile is None"),
        (lambda p: tn.save(p, None), "a path is needed, not NoneType"),
        (lambda p: tn.load(None), "a path is needed, not NoneType"),
        (lambda p: tn.lower("net", tn.Windows(2)), "a network is needed, not str"),
        (lambda p: tn.lower(p, tn.Windows(2)), "a network is needed, not Scheduled"),
        (lambda p: tn.lower(p.network, tn.Windows(2), 3), "passes are 3"),
        *[
            (lambda p, timing=timing: tn.lower(p.network, timing), r"timing is .*, allowed 1..65536 steps, in a period of at least as")
            for timing in (tn.Windows(0), tn.Windows(0.5), tn.Windows(1 << 40), tn.Stream(8, 4), tn.Stream(2, 1 << 40), tn.Stream(2, 2, -1))
        ],
    ],
)
def test_what_is_asked_of_a_program(ask, message):
    with pytest.raises(TritspikeError, match=message) as error:
        ask(program())
    assert str(error.value).isprintable() and not isinstance(error.value, VerifyError)


def test_an_axis_longer_than_memory_holds_is_refused_before_it_is_counted(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1 << 30)
    net = tn.Net()
    net.count(net.lif("h", tn.same(net.input("x", features=1 << 30), 9), keep=0, vth=1))
    with pytest.raises(CompileError, match=r"an axis of 1,073,741,824 cells needs 51,200 MiB to be counted, 1,024 MiB are free \(hint: several axes"):
        tn.lower(net, tn.Windows(2))
