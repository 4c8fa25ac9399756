"""Mistakes that a newcomer made: each is one line that says what was given and what is needed, and none computes something else in silence."""

from __future__ import annotations

import numpy as np
import pytest
import random_checkpoint

import tritspike as ts
from tritspike import net as tn
from tritspike.compiler.errors import CompileError
from tritspike.hw_profiles.errors import TritspikeError
from tritspike.runtime.errors import DataError, FileError, InputError


def source(features: int = 4):
    net = tn.Net()
    return net, net.input("x", features=features)


ONES = np.ones((2, 4), int)
TERMS = {
    "a gain that wraps": (lambda x: tn.linear(x, ONES, 2**32 + 3), r"gain from x: int64 of shape \(\)"),
    "an unsigned gain that wraps": (lambda x: tn.linear(x, ONES, np.uint64(2**64 - 3)), "gain from x: uint64"),
    "a kernel's gain": (lambda x: tn.linear(x, ONES, 128), "gain from x"),
    "float weights": (lambda x: tn.sparse(x, [0], [0], [1.5], x.grid), "weights from x: float64"),
    "float rows": (lambda x: tn.sparse(x, [0.7], [0], [1], x.grid), "rows from x: float64"),
    "a weight that wraps": (lambda x: tn.sparse(x, [0], [0], [2**32 + 2], x.grid), "weights from x: int64"),
    "weights that add up": (lambda x: tn.sparse(x, [0, 0], [0, 0], [100, 100], x.grid), "several synapses of one pair from x add up to 200"),
    "as many of each": (lambda x: tn.sparse(x, [0, 1], [0], [1], x.grid), "columns from x"),
    "a float weight": (lambda x: tn.same(x, 1.5), r"the weight from x is 1\.5"),
    "a large weight": (lambda x: tn.same(x, 128), "the weight from x is 128"),
    "a negative delay": (lambda x: tn.same(x, delay=-1), "the delay from x is -1"),
    "a float delay": (lambda x: tn.same(x, delay=1.5), r"the delay from x is 1\.5"),
    "a name for a population": (lambda _: tn.linear("x", ONES), "a term reads str"),
    "a name for another": (lambda _: tn.same("x"), "a term reads str"),
}


@pytest.mark.parametrize("term, message", TERMS.values(), ids=TERMS)
def test_a_term_is_refused_where_it_is_written(term, message):
    _, x = source()
    with pytest.raises(InputError, match=f"^{message}"):
        term(x)


def test_numpy_integers_are_whole_numbers_too(tmp_path):
    net, x = source()
    net.count(net.lif("a", tn.same(x, np.int8(100)), keep=4000, vth=np.int64(3)))
    program = tn.lower(net, tn.Windows(3))
    tn.save(program, tmp_path / "n.tsn")
    spikes = {"x": np.ones((2, 3, 4), bool)}
    tn.verify(program, spikes)
    assert (tn.run(tn.load(tmp_path / "n.tsn"), spikes).read["a"] == 3).all()


@pytest.mark.parametrize("bias", [-(2**63), 2**62, 2**31])
def test_a_bias_that_no_register_holds(bias):
    net, x = source()
    with pytest.raises(InputError, match=r"^a: biases up to \d+ are not multiples"):
        net.lif("a", tn.same(x), keep=0, vth=1, bias=bias)


def test_what_a_population_hears_is_a_term_and_sizes_are_whole():
    net, x = source()
    with pytest.raises(InputError, match=r"^a: hears Handle \(hint: a term, such as linear"):
        net.lif("a", x, keep=0, vth=1)
    for size in ("64", 2.0, True):
        with pytest.raises(InputError, match=r"^y: over features"):
            net.input("y", features=size)


@pytest.mark.parametrize("timing", [8, tn.Windows(8.0), tn.Windows(True), tn.Windows(0), tn.Windows("8"), tn.Stream(3, 2.5)], ids=str)
def test_a_timing_that_is_none(timing):
    net, x = source()
    net.count(net.lif("a", tn.same(x), keep=0, vth=1))
    with pytest.raises(CompileError, match="timing"):
        tn.lower(net, timing)


def test_what_is_run_is_a_program_and_what_it_plays_spikes_by_port():
    net, x = source()
    net.count(net.lif("a", tn.same(x), keep=0, vth=0))
    program, spikes = tn.lower(net, tn.Windows(3)), np.ones((2, 3, 4), bool)
    for wrong in (lambda: tn.run(net, {"x": spikes}), lambda: tn.explain(net), lambda: tn.save(net, "n.tsn"), lambda: tn.on_cores(net)):
        with pytest.raises(InputError, match=r"^a program is needed, not Net \(hint: lower\(net"):
            wrong()
    with pytest.raises(InputError, match=r"^spikes are ndarray \(hint: by port"):
        tn.run(program, spikes)
    with pytest.raises(InputError, match=r"^no windows to play"):
        tn.run(program, {"x": spikes[:0]})
    for executors in ([], ["reference"], "reference"):
        with pytest.raises(InputError, match=r"^reference is compared with "):
            tn.verify(program, {"x": spikes}, executors=executors)
    assert tn.verify(program, {"x": spikes}, executors="fast").samples == 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return random_checkpoint.write(tmp_path_factory.mktemp("mistakes") / "c")


def test_one_text_is_one_text_and_none_is_refused(folder):
    model = ts.load(folder)
    assert ts.verify(model, "w1 w2").samples == 1 and ts.verify(model, ["w1", "w2"], executors="fast").samples == 2
    for wrong, message in (
        (lambda: ts.verify(model, []), "no texts to compare on"),
        (lambda: ts.verify(model, executors=[]), "reference is compared with nothing"),
        (lambda: ts.verify(model, executors=["fast"], against="fast"), "fast is compared with fast"),
        (lambda: ts.evaluate(model, []), "no examples to score"),
        (lambda: model(None), "texts are NoneType"),
        (lambda: model(5), "texts are int"),
        (lambda: model(b"abc"), "texts are bytes"),
        (lambda: ts.load(5), "a model is needed, not int"),
    ):
        with pytest.raises(InputError, match=f"^{message}"):
            wrong()
    with pytest.raises(DataError, match=r"^example 1: 'good' is no text with its label \(hint: \(text, label\)\)"):
        ts.evaluate(model, ["good"])
    for tokens in (0, -3, "3"):
        with pytest.raises(TritspikeError, match="tokens is"):
            ts.generate(random_checkpoint.write(folder.parent / f"lm{tokens}", readout="each"), "w1", tokens=tokens)


def test_files_of_the_other_kind_say_who_reads_them(folder, tmp_path):
    net, x = source()
    net.count(net.lif("a", tn.same(x), keep=0, vth=0))
    tn.save(tn.lower(net, tn.Windows(3)), tmp_path / "n.tsn")
    ts.load(folder).save(tmp_path / "p.tsp")
    with pytest.raises(FileError, match=r"\(hint: .*tritspike\.net\.load"):
        ts.load(tmp_path / "n.tsn")
    with pytest.raises(FileError, match=r"\(hint: tritspike\.load reads programs"):
        tn.load(tmp_path / "p.tsp")
