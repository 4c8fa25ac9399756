"""A text that grows row by row gives the spikes and readings of a whole run, in every population, at every step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
import random_network
import text_network

from tritspike.compiler.lower import lower
from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.fast.growing import Growing
from tritspike.runtime.executors.fast.plan import plan
from tritspike.runtime.executors.fast.run import run
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.wiring import Dense
from tritspike.runtime.network.wiring.maps import Follow


def program_of(tmp_path, seed, head="host", **config):
    folder = random_checkpoint.write(tmp_path / f"{seed}-{head}", seed, **{"readout": "each", **config})
    return lower(folder, "hala-point", head=head).scheduled


def words_of(program, seed, rows):
    """(rows, steps, words) that x plays."""
    (port,) = (port for port in program.network.ports if port.plays == "x")
    width = program.network.by_name[port.population].grid[-1].size
    return bits.pack(np.random.default_rng(seed).random((rows, program.timing.steps, width)) < 0.4)


def read_in_parts(growing, words, cuts):
    """(what is read of one part after another, by probe)."""
    parts = [growing.add({"x": part}) for part in np.split(words, cuts)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.parametrize("plainly", [True, False])
@pytest.mark.parametrize("head", ["host", "chip"])
def test_growing_is_a_whole_run(head, plainly, tmp_path):
    rng = np.random.default_rng(0)
    for seed in range(8):
        length = int(rng.choice([1, 2, 9, 12]))
        program = program_of(tmp_path, seed, head, window=1 + seed % 4, steps=1 + seed % 5, max_length=length)
        words = words_of(program, seed, length)
        whole = literal.run(program, Rows({"x": words}, np.array([length]), length), record=True)
        growing = Growing(program, plainly)
        for cuts in (range(1, length), sorted(rng.integers(0, length, 3))):
            growing.restart()
            read = read_in_parts(growing, words, list(cuts))
            found = growing.outcome()
            for name, expected in whole.read.items():
                assert (read[name] == expected.reshape(length, -1)).all() and (found.read[name] == read[name]).all()
            for name, spikes in whole.spikes.items():
                assert (found.spikes[name] == spikes).all(), name


def test_random_networks_that_can_grow_do():
    """Of any names, with several ports and probes. Those whose rows hear no later ones, and are all read by themselves, are not refused."""
    grown = 0
    for seed in range(240):
        program, rows = text_network.drawn(seed)
        found, _ = plan(program)
        can = all(stage.reach()[1] == 0 for stage in found.stages) and all(reader.by_row for reader in found.readers.values())
        if not can:
            continue
        growing, (last, *_) = Growing(program, plainly=bool(seed % 2)), rows.lengths
        words = {name: some[:last] for name, some in rows.words.items()}
        whole = literal.run(program, Rows(words, np.array([last]), rows.positions), record=True)
        read = [growing.add({name: some[n : n + 1] for name, some in words.items()}) for n in range(last)]
        for name, expected in whole.read.items():
            assert (np.concatenate([part[name] for part in read]) == expected.reshape(rows.positions, -1)[:last]).all(), (seed, name)
        assert all((found == whole.spikes[name]).all() for name, found in growing.outcome().spikes.items()), seed
        grown += 1
    assert grown > 20


def test_words_end_where_no_row_does(tmp_path):
    """Lengths and widths around those of a word; too long for the literal simulator, so a whole run of `fast`."""
    for seed, length in enumerate((63, 64, 65, 70)):
        program = program_of(tmp_path, seed, max_length=length, hidden=63 + seed, ffn=65, window=3)
        words = words_of(program, seed, length)
        whole = run(program, Rows({"x": words}, np.array([length]), length), record=True)
        growing = Growing(program)
        assert (read_in_parts(growing, words, [1, 2, 40, 62])["answer"] == whole.read["answer"]).all()
        assert all((found == whole.spikes[name]).all() for name, found in growing.outcome().spikes.items())


def test_a_part_of_a_text_is_padded(tmp_path):
    program = program_of(tmp_path, 2, window=2)
    words, growing = words_of(program, 2, 7), Growing(program)
    growing.add({"x": words})
    expected = literal.run(program, Rows({"x": words}, np.array([7]), 12), record=True)
    assert growing.length == 7 and all((found == expected.spikes[name]).all() for name, found in growing.outcome().spikes.items())


def test_a_restarted_text_is_a_new_one(tmp_path):
    program = program_of(tmp_path, 3, window=3)
    growing, words = Growing(program), words_of(program, 1, 5)
    growing.add({"x": words_of(program, 0, 9)})
    growing.restart()
    expected = run(program, Rows({"x": words}, np.array([5]), 12))
    assert growing.length == 0 and (growing.add({"x": words})["answer"] == expected.read["answer"]).all() and growing.length == 5


@pytest.mark.parametrize("config", [dict(readout="mean", causal=True), dict(readout="first", causal=True), dict(readout="mean")])
def test_what_hears_later_rows_is_refused(config, tmp_path):
    with pytest.raises(InputError, match=r"^a text cannot grow: the program hears later tokens too \(hint: a language model's program\)$"):
        Growing(program_of(tmp_path, 0, **config))


def test_a_matrix_that_hears_later_rows_cannot_grow(tmp_path):
    """Attention is causal; what a query hears of the next row is not, and would change when that is read."""
    program = program_of(tmp_path, 0)
    s = next(s for s in program.network.synapses if s.target == "layer.0.query" and isinstance(s.wiring, Dense))
    later = replace(s, wiring=replace(s.wiring, read={"position": Follow("position", 1, 1)}))
    synapses = tuple(later if some is s else some for some in program.network.synapses)
    program = replace(program, network=replace(program.network, synapses=synapses))
    assert plan(program)[0] is not None
    with pytest.raises(InputError, match=r"^a text cannot grow: the program hears later tokens too"):
        Growing(program)


def test_what_is_not_of_texts_is_refused():
    unplanned = next(p for p, _ in map(random_network.drawn, range(400)) if plan(p)[0] is None)
    with pytest.raises(InputError, match=r"^a text cannot grow: the program is not packed row by row"):
        Growing(unplanned)
    with pytest.raises(InputError, match=r"^a text cannot grow: the program hears later tokens too"):
        Growing(text_network.small())


def test_rows_that_do_not_fit_are_refused(tmp_path):
    program = program_of(tmp_path, 0, max_length=3)
    growing = Growing(program)
    with pytest.raises(InputError, match=r"^4 tokens in a window of 3 \(hint: restart\)$"):
        growing.add({"x": words_of(program, 0, 4)})
    with pytest.raises(InputError, match=r"^x: (bool of shape|words are)"):
        growing.add({"x": words_of(program, 0, 2)[:, :2]})
    with pytest.raises(InputError, match=r"^no spikes for 'x'"):
        growing.add({"y": words_of(program, 0, 2)})
    assert growing.length == 0
