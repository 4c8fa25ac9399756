"""A .map file that somebody hands over: whatever it holds, it is read whole or refused in one line, also where its checksum is right."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint
import text_program
from hypothesis import given, settings
from hypothesis import strategies as st

from tritspike.compiler.mapping.command import mapped
from tritspike.hw_profiles.errors import TritspikeError
from tritspike.hw_profiles.profile import load as profile
from tritspike.runtime import map_report, mapping
from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.files import digest, read_tensors, write_tensors
from tritspike.runtime.map_report import Report
from tritspike.runtime.network.boxes import neurons
from tritspike.runtime.records import from_json, to_json


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(program, path of its mapping on a profile whose cores are small enough for many slices)."""
    folder = tmp_path_factory.mktemp("map")
    (folder / "small.toml").write_text('like = "loihi2"\nname = "small"\nneurons_per_core = { value = 64, unit = "neuron", source = "made up" }\n')
    small = profile(str(folder / "small.toml"))
    program = text_program.program(random_checkpoint.write(folder / "c", layers=1, hidden=8, heads=1, head_dim=4, ffn=8, max_length=4))
    found, figures = mapped(program, small, None)
    mapping.save(found.mapping(figures), folder / "m.map")
    return program.scheduled, folder / "m.map"


def opened(path):
    arrays, metadata = read_tensors(path)
    return arrays, json.loads(json.loads(metadata["tritspike"])["mapping"])


def closed(path, arrays, body):
    """Written again with a right checksum."""
    text = json.dumps(body)
    write_tensors(path, arrays, {"tritspike": json.dumps({"sha256": digest(text, arrays), "mapping": text})})


def test_what_was_written_is_read(written, tmp_path):
    program, path = written
    arrays, body = opened(path)
    closed(tmp_path / "again.map", arrays, body)
    found = mapping.load(path, program)
    assert (tmp_path / "again.map").read_bytes() == path.read_bytes() and to_json(found.report) == body["report"]
    assert mapping.to_bytes(found) == path.read_bytes()
    assert len(list(map_report.tables(found.report))) == 5


def test_it_is_of_one_program_alone(written):
    program, path = written
    shorter = replace(program, network=program.network.at_length(3))
    with pytest.raises(InputError, match=r"m\.map: maps another program \(hint: lower it again with --map\)"):
        mapping.load(path, shorter)


def test_every_neuron_is_in_one_slice(written):
    program, path = written
    held = {p.name: np.zeros(p.size, int) for p in program.network.populations if p.neuron}
    for one in mapping.load(path, program).slices():
        held[one.population][neurons(one.box, program.network.by_name[one.population].grid)] += 1
    assert all((found == 1).all() for found in held.values())


def test_any_flipped_byte_is_noticed(written, tmp_path):
    program, path = written
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for at in [*rng.integers(0, len(content), 60).tolist(), *range(len(content) - 40, len(content))]:
        (tmp_path / "m.map").write_bytes(content[:at] + bytes([content[at] ^ 1 << int(rng.integers(8))]) + content[at + 1 :])
        with pytest.raises((FileError, InputError)):
            mapping.load(tmp_path / "m.map", program)


@pytest.mark.parametrize("version", [1, 4])
def test_a_mapping_of_an_earlier_version_is_refused_with_the_way_out(version, written, tmp_path):
    """The first held its figures beside the checksum, the fourth was of a stream's tokens where others are of a sentence."""
    program, path = written
    arrays, body = opened(path)
    if version == 1:
        write_tensors(tmp_path / "old.map", arrays, {"tritspike": json.dumps(body | {"version": 1})})
    else:
        closed(tmp_path / "old.map", arrays, body | {"version": version})
    expected = rf"tritspike-mapping version {version}, this runtime reads (tritspike-mapping )?version 5 \(hint: lower it again with --map\)$"
    with pytest.raises(FileError, match=expected):
        mapping.load(tmp_path / "old.map", program)


NAME = "layer.0.score"
CORES = f"cores.{NAME}"


def cores(change):
    return lambda arrays, body: arrays.__setitem__(CORES, change(arrays[CORES].copy()))


def entry(*keys, value):
    def change(arrays, body):
        for key in keys[:-1]:
            body = body[key]
        body[keys[-1]] = value

    return change


def same(value):
    def change(found):
        found[:] = value
        return found

    return change


def stack(change):
    """Of the score's stack."""
    return lambda arrays, body: change(next(s for s in body["stacks"] if s["members"] == [NAME]))


def cuts(value):
    return stack(lambda s: s["cuts"].__setitem__(0, value))


def first_form(value):
    return lambda arrays, body: body["forms"].__setitem__(sorted(body["forms"])[0], value)


FAULTS = {
    "cores of another type": (cores(lambda c: c.astype(np.int32)), f"{NAME}: cores is int32["),
    "cores as floats": (cores(lambda c: c * 0.5), f"{NAME}: cores is float64["),
    "one core too few": (cores(lambda c: c[:-1]), f"{NAME}: cores is "),
    "cores in a table": (cores(lambda c: c[None]), f"{NAME}: cores is int64[1, "),
    "a core beyond the board": (cores(same(120)), f"{NAME}: cores is 120..120, allowed 0..119"),
    "a core below 0": (cores(same(-1)), f"{NAME}: cores is -1..-1, allowed 0..119"),
    "no cores": (lambda arrays, body: arrays.pop(CORES), f"arrays: {CORES} is missing"),
    "cores of what is not there": (lambda arrays, body: arrays.update({"cores.z": arrays[CORES]}), "arrays: cores.z is there"),
    "cuts that fall": (cuts([1, 0]), f"{NAME}: cuts is [[1, 0]"),
    "cuts beyond the end": (cuts([0, 10**9]), f"{NAME}: cuts is [[0, 1000000000]"),
    "cuts that are no numbers": (cuts([0, True]), f"{NAME}: cuts is [[0, True]"),
    "cuts of no axis": (stack(lambda s: s.__setitem__("cuts", [])), f"{NAME}: cuts is []"),
    "cuts of no list": (stack(lambda s: s.__setitem__("cuts", 5)), "not a whole mapping: "),
    "no cuts": (stack(lambda s: s.pop("cuts")), "not a whole mapping: a stack that is not its members and cuts"),
    "no stacks": (entry("stacks", value=[]), "stacks: layer.0.attended is missing"),
    "stacks of no list": (entry("stacks", value={"a": 1}), "not a whole mapping: "),
    "a stack twice": (lambda arrays, body: body["stacks"].append(body["stacks"][0]), "is in 2 of them, allowed one"),
    "a member that is not there": (stack(lambda s: s["members"].append("z")), "stacks: z is there"),
    "members of unlike grids": (
        lambda arrays, body: stack(lambda s: s["members"].append("layer.0.query"))(arrays, body),
        f"stacks: {NAME} is with layer.0.query, allowed with populations of its own grid",
    ),
    "a member that the host plays": (stack(lambda s: s["members"].append("x")), "stacks: x is there"),
    "a member without a name": (stack(lambda s: s.__setitem__("members", [None])), "not a whole mapping: a stack whose members are no names"),
    "an unknown form": (first_form({"name": "new", "positions": []}), "forms: "),
    "a form of no object": (first_form("dense"), "forms: "),
    "positions of no coordinates": (first_form({"name": "shared", "positions": ["z"]}), "positions is ['z'], allowed coordinates of "),
    "no forms": (entry("forms", value={}), "forms: "),
    "forms of no object": (entry("forms", value=[]), "not a whole mapping: "),
    "a profile without a name": (entry("profile", value=None), "mapping: profile is None, allowed a name"),
    "another format": (entry("format", value="tritspike-program"), "tritspike-program version 5, this runtime reads tritspike-mapping version 5"),
    "a report of no object": (entry("report", value=[1]), "report: report is [1], allowed entries profile, unit, slices, "),
    "a report of little": (entry("report", value={"cores": [1, 120]}), "report: report is ['cores'], allowed entries profile, unit, slices, "),
    "a figure that is text": (entry("report", "traffic", "messages", value="many"), "report: traffic: messages is many, allowed a finite number"),
    "a figure that is no number": (entry("report", "seconds", "step", value=float("nan")), "report: seconds: step is nan, allowed a finite number"),
    "a figure beyond all": (entry("report", "energy_pj", "messages", value=10**400), "report: energy_pj: messages is "),
    "a count with a fraction": (entry("report", "slices", value=1.5), "report: slices is 1.5, allowed a whole number of 0 or more"),
    "no tokens": (entry("report", "texts", "tokens", value=0), "report: texts: tokens is 0, allowed more than 0"),
    "a unit of no windows": (entry("report", "unit", "windows", value=0), "report: unit: windows is 0, allowed more than 0"),
    "nothing allowed": (entry("report", "resources", "neurons", "allowed", value=0), "report: resources: neurons: allowed is 0, allowed more than 0"),
    "a name that moves the cursor": (entry("report", "texts", "host", "\x1b[2J", value=1.0), "a name in texts: host is "),
    "a sentence of many lines": (entry("report", "workload", value="a\nb"), "report: workload is a"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_checksum_that_is_right_saves_nothing(fault, written, tmp_path):
    change, expected = FAULTS[fault]
    program, path = written
    arrays, body = opened(path)
    change(arrays, body)
    closed(tmp_path / "m.map", arrays, body)
    with pytest.raises(FileError) as refusal:
        mapping.load(tmp_path / "m.map", program)
    assert str(refusal.value).startswith(f"{tmp_path}/m.map: ") and expected in str(refusal.value)


def test_all_faults_are_listed(written, tmp_path):
    program, path = written
    arrays, body = opened(path)
    for name in ("a core below 0", "an unknown form", "no tokens"):
        FAULTS[name][0](arrays, body)
    closed(tmp_path / "m.map", arrays, body)
    with pytest.raises(FileError, match=r"not a sound mapping: forms: .*; layer\.0\.score: cores .*; report: texts: tokens "):
        mapping.load(tmp_path / "m.map", program)


@pytest.mark.parametrize("outer", ["", "{", "[]", "{}", '{"mapping": 5}', '{"mapping": "[]", "sha256": ""}', "[" * 100_000])
def test_metadata_that_is_no_mapping(outer, written, tmp_path):
    program, path = written
    write_tensors(tmp_path / "m.map", opened(path)[0], {"tritspike": outer})
    with pytest.raises(FileError, match=r"m\.map: "):
        mapping.load(tmp_path / "m.map", program)


def test_a_mapping_without_figures_prints_none(written):
    with pytest.raises(InputError, match=r"the mapping holds no figures \(hint: lower it again with --map\)"):
        list(map_report.tables(None))


def places(value, path=()):
    """Every place in a JSON value."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*path, key))


JSON = st.sampled_from([None, True, 0, 1, -1, 2**63, 10**30, 1.5, float("nan"), float("inf"), "", "x", "\x1b", [], {}, [1], {"a": 1}])


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_whatever_stands_in_the_report_is_refused_or_printed(written, data):
    report = copy.deepcopy(opened(written[1])[1]["report"])
    for path in data.draw(st.lists(st.sampled_from(list(places(report))), min_size=1, max_size=2)):
        with suppress(TypeError, IndexError, KeyError):  # the first change may take away what the second one was in
            entry(*path, value=data.draw(JSON))(None, report)
    if list(map_report.findings(report)):
        return
    try:
        list(map_report.tables(from_json(report, Report)))
    except TritspikeError as error:
        pytest.fail(str(error))


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_whatever_stands_in_the_file_is_refused_or_read_whole(written, tmp_path_factory, data):
    program, path = written
    arrays, body = opened(path)
    for place in data.draw(st.lists(st.sampled_from(list(places(body))), min_size=1, max_size=2)):
        with suppress(TypeError, IndexError, KeyError):
            entry(*place, value=data.draw(JSON))(None, body)
    changed = tmp_path_factory.mktemp("hostile") / "m.map"
    closed(changed, arrays, body)
    with suppress(FileError, InputError):
        sum(len(neurons(s.box, program.network.by_name[s.population].grid)) for s in mapping.load(changed, program).slices())
