"""Partition and placement: nothing lost, nothing doubled, no limit exceeded; execution core by core is the plain one."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import mapping_check
import numpy as np
import pytest
import random_checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tritspike.compiler.errors import DoesNotFit
from tritspike.compiler.lower import lower
from tritspike.compiler.mapping import place, slicing
from tritspike.compiler.mapping.fit import map_program
from tritspike.compiler.mapping.rates import measured_rates, uniform_rates
from tritspike.compiler.mapping.slicing import RESOURCES, limits
from tritspike.compiler.mapping.storage import FORMATS, packed_bits, projection
from tritspike.hw_profiles.profile import load
from tritspike.runtime import mapping as mapping_file
from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.simulator import partitioned, reference
from tritspike.runtime.tiling import even_cuts

outcomes: Counter[str] = Counter()


@st.composite
def models_and_chips(draw):
    config = dict(
        steps=draw(st.integers(1, 4)),
        max_length=draw(st.integers(1, 9)),
        hidden=draw(st.integers(4, 24)),
        heads=draw(st.integers(1, 3)),
        head_dim=draw(st.integers(1, 6)),
        ffn=draw(st.integers(2, 30)),
        layers=draw(st.integers(1, 2)),
        causal=draw(st.booleans()),
        window=draw(st.integers(1, 3)),
        weights=draw(st.sampled_from(["ternary", "binary"])),
        readout=draw(st.sampled_from(["mean", "first", "each"])),
    )
    config["causal"] |= config["readout"] == "each"
    memory = draw(st.sampled_from([1 << 10, 1 << 12, 1 << 15]))
    chip = dict(
        neurons_per_core=draw(st.sampled_from([3, 16, 64, 100])),
        core_memory_bytes=memory,
        synapse_memory_bytes=draw(st.sampled_from([memory, memory // 2])),
        input_axons_per_core=draw(st.sampled_from([24, 80, 400])),
        output_axons_per_core=draw(st.sampled_from([48, 200, 1000])),
        configurations_per_core=draw(st.integers(1, 4)),
        cores_per_chip=draw(st.sampled_from([120, 128])),
        chips=64,
        chips_x=8,
        chips_y=8,
    )
    return config, draw(st.integers(0, 2**31)), chip, draw(st.sampled_from(["host", "chip"]))


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(models_and_chips())
def test_every_neuron_and_synapse_is_on_one_core_within_every_limit(case):
    config, seed, chip, head = case
    folder = Path(tempfile.mkdtemp())
    try:
        program = lower(random_checkpoint.write(folder, seed, **config), "hala-point", head=head)
    finally:
        shutil.rmtree(folder)
    profile = replace(load("loihi2"), name="drawn", **chip)
    try:
        mapped = map_program(program, profile, uniform_rates(program))
    except DoesNotFit as error:
        outcomes["refused"] += 1
        assert (str(error).startswith("drawn: ") and " needed, " in str(error)) or " its smallest slice needs " in str(error)
        return
    outcomes["mapped"] += 1
    outcomes.update(f"{form}" for form in mapped.partition.forms.values())
    _check(program, profile, mapped)
    encoder = Encoder(program)
    samples = encoder.samples(
        encoder.tokens(random_checkpoint.texts(seed % 99, 2, config["max_length"])) if config["max_length"] > 1 else [([1], [0])]
    )
    require_equal(program, reference.run(program, samples, True), partitioned.run(mapped.mapping(), samples, True), ("reference", "partitioned"))


def allowed(profile):
    """What a core has, from the profile and in the order of `mapping_check.used`; not as the mapper reads it."""
    memory = profile.core_memory_bytes, profile.synapse_memory_bytes
    return profile.neurons_per_core, *memory, profile.input_axons_per_core, profile.output_axons_per_core


def test_each_limit_is_the_profile_s_of_that_name():
    chip = replace(load("loihi2"), neurons_per_core=1, core_memory_bytes=2, synapse_memory_bytes=3, input_axons_per_core=4, output_axons_per_core=5)
    by_hand = {"neurons": 1, "bytes of memory": 2, "bytes of synapses": 3, "input axons": 4, "output axons": 5}
    assert dict(zip(RESOURCES, limits(chip).tolist(), strict=True)) == by_hand


def _check(program, profile, mapped):
    held, synapses = mapping_check.used(program, profile, mapped.mapping())
    assert synapses == sum(program.synapse_count(s) for s in program.synapses)
    assert sum(h[0] for h in held.values()) == program.neurons()
    assert len(set(mapped.core.tolist())) == len(mapped.core) and mapped.core.min() >= 0 and mapped.core.max() < profile.cores
    claimed = dict(zip(mapped.core.tolist(), mapped.used().tolist()))
    for core, (*uses, configurations) in held.items():
        for what, counted, said, limit in zip(RESOURCES, uses, claimed[core], allowed(profile), strict=True):
            assert counted <= said <= limit, (what, counted, said, limit)
        assert uses[0] == claimed[core][0] and len(configurations) <= profile.configurations_per_core


def test_the_drawn_cases_were_not_all_refused():
    if not outcomes:
        pytest.fail("the property did not run before this test")
    assert outcomes["mapped"] >= 20 and all(outcomes[form] for form in FORMATS), outcomes


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return lower(random_checkpoint.write(tmp_path_factory.mktemp("mapped") / "c", 3), "loihi2")


SMALL_CORES = replace(load("loihi2"), neurons_per_core=256, core_memory_bytes=16384, synapse_memory_bytes=16384)


def test_bytes_of_a_full_attention_block_are_counted_exactly(program):
    """No causal diagonal and no input channel without weights here, so the claim is not only an upper bound."""
    mapped = map_program(program, SMALL_CORES, uniform_rates(program))
    held, _ = mapping_check.used(program, SMALL_CORES, mapped.mapping())
    for core, said in zip(mapped.core.tolist(), mapped.used().tolist()):
        assert held[core][:5] == said


@pytest.mark.parametrize("entries, bits, expected", [(0, 9, 0), (1, 9, 64), (6, 9, 64), (7, 9, 128), (64, 8, 576), (65, 8, 640)])
def test_packing_is_nengo_loihi_s(entries, bits, expected):
    """Words of 64 bits, ten of header for each 64 synapses: 6 * 9 + 10 = 64 bits is one word."""
    assert packed_bits(np.array([entries]), bits, load("loihi1")).tolist() == [expected]


def test_rates_are_counted_from_the_reference_s_spikes(program):
    encoder = Encoder(program)
    samples = encoder.samples(encoder.tokens(random_checkpoint.texts(0, 11, 12)))
    rates, spikes = measured_rates(program, samples), reference.run(program, samples, True).spikes
    for p in program.populations:
        assert rates.spikes[p.name] == np.unpackbits(spikes[p.name], axis=-1, count=program.size(p)).mean()
    for s in program.synapses:
        heard = np.unpackbits(spikes[s.source], axis=-1, count=program.size(program.by_name[s.source])).sum((0, 1), dtype=np.int64)
        assert rates.events[s.name] == ((program.csr(s) != 0).sum(0) @ heard).item() / 11


def test_traffic_is_messages_times_hops_counted_one_by_one(program):
    profile = replace(SMALL_CORES, cores_per_chip=8, chips=16, chips_x=4, chips_y=4)
    rates = measured_rates(program, Encoder(program).samples([([1, 5, 6, 2], [0] * 4)]))
    mapped = map_program(program, profile, rates)
    total = 0.0
    place_of = {t.population.name: mapped.slice_core[mapped.partition.offsets[t.population.name] :] for t in mapped.partition.tilings}
    owner = {t.population.name: mapping_check.owners(program, t) for t in mapped.partition.tilings}
    for s in program.synapses:
        found = program.csr(s).tocoo()
        pairs = {(c, int(owner[s.target][r])) for r, c, w in zip(found.row, found.col, found.data) if w}
        for c, target in pairs:
            start = 0 if s.source not in owner else int(place_of[s.source][owner[s.source][c]])
            total += rates.spikes[s.source] * program.steps * _far(start, int(place_of[s.target][target]), profile)
    assert mapped.traffic.weighed(mapped.core) == pytest.approx(total)


def _far(a, b, profile):
    """Hops between two cores, from the definition of the mesh."""
    (ax, ay, acx, acy), (bx, by, bcx, bcy) = (_where(core, profile) for core in (a, b))
    return abs(ax - bx) + abs(ay - by) + profile.chip_hop_weight * (abs(acx - bcx) + abs(acy - bcy))


def _where(core, profile):
    chip, local = divmod(core, profile.cores_per_chip)
    tile = local // profile.cores_per_tile
    chip_x, chip_y = chip % profile.chips_x, chip // profile.chips_x
    return chip_x * profile.tiles_x + tile % profile.tiles_x, chip_y * profile.tiles_y + tile // profile.tiles_x, chip_x, chip_y


@pytest.mark.parametrize("exact", [512, 0])
def test_both_optimisers_gain_on_random_and_on_program_order(program, exact, monkeypatch):
    monkeypatch.setattr(place, "_EXACT", exact)
    profile = replace(SMALL_CORES, neurons_per_core=64, cores_per_chip=32, chips=16, chips_x=4, chips_y=4)
    mapped = map_program(program, profile, uniform_rates(program))
    traffic = mapped.traffic
    assert traffic.weighed(mapped.core) < 0.5 * np.mean([traffic.weighed(place.random(traffic, n)) for n in range(5)])
    assert traffic.weighed(mapped.core) < 0.9 * traffic.weighed(place.in_order(traffic))


def test_fewer_candidates_are_cuts_too(program, monkeypatch):
    """What bounds memory for very long axes leaves the mapping sound."""
    monkeypatch.setattr(slicing, "_MOST_CANDIDATES", 20)
    _check(program, SMALL_CORES, map_program(program, SMALL_CORES, uniform_rates(program)))


@pytest.mark.parametrize("pieces", [(1,), (2,), (3,), (5,)])
def test_the_fullest_slice_is_found_without_cutting(program, pieces):
    """Sums over all channels below an index against counting each slice."""
    synapse = next(s for s in program.synapses if s.name == "layer.0.hidden<layer.0.attended")
    found = projection(synapse, False)
    parts = np.split(found.nonzero, even_cuts(24, pieces[0])[1:-1])
    expected = max(int(packed_bits(part.sum(0), 9, SMALL_CORES).sum()) for part in parts)
    assert found.most_bits((24,), [(*pieces, 9)], SMALL_CORES) == [expected]


def test_the_same_program_maps_the_same(program, tmp_path):
    for name in ("a", "b"):
        mapping_file.save(map_program(program, SMALL_CORES, uniform_rates(program)).mapping(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_mapping_is_read_back_and_only_for_its_program(program, tmp_path):
    written = map_program(program, SMALL_CORES, uniform_rates(program)).mapping()
    mapping_file.save(written, tmp_path / "m.map")
    read = mapping_file.load(tmp_path / "m.map", program)
    assert read.forms == written.forms and [t.cuts for t in read.tilings] == [t.cuts for t in written.tilings]
    assert all((read.cores[name] == cores).all() for name, cores in written.cores.items())
    with pytest.raises(InputError, match=r"m\.map: maps another program \(hint: lower it again with --map\)"):
        mapping_file.load(tmp_path / "m.map", program.at_length(5))
    content = (tmp_path / "m.map").read_bytes()
    (tmp_path / "m.map").write_bytes(content[:-5])
    with pytest.raises(FileError, match="truncated or damaged"):
        mapping_file.load(tmp_path / "m.map", program)


def test_a_slice_that_fits_no_core_names_population_and_resource(program):
    chip = replace(SMALL_CORES, name="narrow", synapse_memory_bytes=64)
    with pytest.raises(DoesNotFit, match=r"narrow: readout: its smallest slice needs \d+ bytes of synapses, a core has 64 \(hint: a narrower layer"):
        map_program(program, chip, uniform_rates(program))


def test_too_few_cores_name_the_scarce_resource_and_a_board_that_does(program):
    chip = replace(SMALL_CORES, name="short", cores_per_chip=10)
    with pytest.raises(DoesNotFit, match=r"short: \d+ cores needed, 10 available; what fills a core: neurons on \d+.* \(hint: --profile loihi2"):
        map_program(program, chip, uniform_rates(program))
