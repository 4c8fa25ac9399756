"""A .map file that somebody hands over: whatever it holds, it is read whole or refused in one line, also where its checksum is right."""

from __future__ import annotations

import copy
import json
from contextlib import suppress

import numpy as np
import pytest
import random_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from tritspike.compiler.lower import lower
from tritspike.compiler.mapping import storage
from tritspike.compiler.mapping.command import mapped
from tritspike.hw_profiles.errors import TritspikeError
from tritspike.hw_profiles.profile import load as profile
from tritspike.runtime import map_report, mapping
from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.files import digest, read_tensors, write_tensors


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(program, path of its mapping on a profile whose cores are small enough for many slices)."""
    folder = tmp_path_factory.mktemp("map")
    (folder / "small.toml").write_text('like = "loihi2"\nname = "small"\nneurons_per_core = { value = 64, unit = "neuron", source = "made up" }\n')
    small = profile(str(folder / "small.toml"))
    program = lower(random_checkpoint.write(folder / "c", layers=1, hidden=8, heads=1, head_dim=4, ffn=8, max_length=4), "loihi2")
    found, figures = mapped(program, small, None)
    mapping.save(found.mapping(figures), folder / "m.map")
    return program, folder / "m.map"


def opened(path):
    arrays, metadata = read_tensors(path)
    return arrays, json.loads(json.loads(metadata["tritspike"])["mapping"])


def closed(path, arrays, body):
    """Written again with a right checksum."""
    text = json.dumps(body)
    write_tensors(path, arrays, {"tritspike": json.dumps({"sha256": digest(text, arrays), "mapping": text})})


def test_forms_are_the_compiler_s():
    assert set(mapping.FORMS) == set(storage.FORMATS)


def test_what_was_written_is_read(written, tmp_path):
    program, path = written
    arrays, body = opened(path)
    closed(tmp_path / "again.map", arrays, body)
    found = mapping.load(path, program)
    assert (tmp_path / "again.map").read_bytes() == path.read_bytes() and found.report == body["report"]
    assert len(list(map_report.tables(found.report))) == 5


def test_any_flipped_byte_is_noticed(written, tmp_path):
    program, path = written
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for at in [*rng.integers(0, len(content), 60).tolist(), *range(len(content) - 40, len(content))]:
        (tmp_path / "m.map").write_bytes(content[:at] + bytes([content[at] ^ 1 << int(rng.integers(8))]) + content[at + 1 :])
        with pytest.raises((FileError, InputError)):
            mapping.load(tmp_path / "m.map", program)


def test_a_mapping_of_the_first_version_is_refused_with_the_way_out(written, tmp_path):
    program, path = written
    arrays, body = opened(path)
    write_tensors(tmp_path / "old.map", arrays, {"tritspike": json.dumps(body | {"version": 1})})
    with pytest.raises(FileError, match=r"tritspike-mapping version 1, this runtime reads version 2 \(hint: lower it again with --map\)$"):
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


FAULTS = {
    "cores of another type": (cores(lambda c: c.astype(np.int32)), f"{NAME}: cores is int32["),
    "cores as floats": (cores(lambda c: c * 0.5), f"{NAME}: cores is float64["),
    "one core too few": (cores(lambda c: c[:-1]), f"{NAME}: cores is "),
    "cores in a table": (cores(lambda c: c[None]), f"{NAME}: cores is int64[1, "),
    "a core beyond the board": (cores(same(120)), f"{NAME}: cores is 120..120, allowed 0..119"),
    "a core below 0": (cores(same(-1)), f"{NAME}: cores is -1..-1, allowed 0..119"),
    "no cores": (lambda arrays, body: arrays.pop(CORES), f"arrays: {CORES} is missing"),
    "cores of what is not there": (lambda arrays, body: arrays.update({"cores.z": arrays[CORES]}), "arrays: cores.z is there"),
    "cuts that fall": (entry("cuts", NAME, 0, value=[1, 0]), f"{NAME}: cuts is [[1, 0]"),
    "cuts beyond the end": (entry("cuts", NAME, 0, value=[0, 10**9]), f"{NAME}: cuts is [[0, 1000000000]"),
    "cuts that are no numbers": (entry("cuts", NAME, 0, value=[0, True]), f"{NAME}: cuts is [[0, True]"),
    "cuts of no axis": (entry("cuts", NAME, value=[]), f"{NAME}: cuts is []"),
    "cuts of no list": (entry("cuts", NAME, value=5), "not a whole mapping: "),
    "no cuts": (entry("cuts", value={}), "cuts: "),
    "an unknown form": (entry("forms", f"{NAME}<layer.0.query.relay", value="new"), "forms: "),
    "no forms": (entry("forms", value={}), "forms: "),
    "forms of no object": (entry("forms", value=[]), "not a whole mapping: "),
    "a profile without a name": (entry("profile", value=None), "mapping: profile is None, allowed a name"),
    "another format": (entry("format", value="tritspike-program"), "tritspike-program version 2, this runtime reads tritspike-mapping version 2"),
    "a report of no object": (entry("report", value=[1]), "not a whole mapping: "),
    "a report of little": (entry("report", value={"cores": [1, 120]}), "report: report is ['cores'], allowed entries profile, length, "),
    "a figure that is text": (entry("report", "traffic", "messages", value="many"), "report: traffic: messages is many, allowed a finite number"),
    "a figure that is no number": (entry("report", "seconds", "step", value=float("nan")), "report: seconds: step is nan, allowed a finite number"),
    "a figure beyond all": (entry("report", "energy pJ", "messages", value=10**400), "report: energy pJ: messages is "),
    "a count with a fraction": (entry("report", "slices", value=1.5), "report: slices is 1.5, allowed a whole number of 0 or more"),
    "no tokens": (entry("report", "tokens", value=0), "report: tokens is 0, allowed more than 0"),
    "nothing allowed": (entry("report", "resources", "neurons", "allowed", value=0), "report: resources: neurons: allowed is 0, allowed more than 0"),
    "a name that moves the cursor": (entry("report", "host", "\x1b[2J", value=1.0), "a name in host is "),
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
    with pytest.raises(FileError, match=r"not a sound mapping: forms: .*; layer\.0\.score: cores .*; report: tokens "):
        mapping.load(tmp_path / "m.map", program)


@pytest.mark.parametrize("outer", ["", "{", "[]", "{}", '{"mapping": 5}', '{"mapping": "[]", "sha256": ""}', "[" * 100_000])
def test_metadata_that_is_no_mapping(outer, written, tmp_path):
    program, path = written
    write_tensors(tmp_path / "m.map", opened(path)[0], {"tritspike": outer})
    with pytest.raises(FileError, match=r"m\.map: "):
        mapping.load(tmp_path / "m.map", program)


def test_a_mapping_without_figures_prints_none(written):
    with pytest.raises(InputError, match=r"the mapping holds no figures \(hint: lower it again with --map\)"):
        list(map_report.tables({}))


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
        list(map_report.tables(report))
    except TritspikeError as error:
        pytest.fail(str(error))
