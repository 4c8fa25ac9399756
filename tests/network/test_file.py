"""Files of networks: the same network back, the same bytes again, and one line for whatever somebody has made of one."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import random_network
from safetensors.numpy import load as tensors
from safetensors.numpy import save

from tritspike.runtime import files
from tritspike.runtime.errors import FileError, InputError, RangeError
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.network import file


@pytest.fixture(params=range(12))
def drawn(request):
    return random_network.draw(request.param)


def test_the_same_network_comes_back(drawn, tmp_path):
    program, inputs = drawn
    file.save(program, tmp_path / "n.tsn")
    again = file.load(tmp_path / "n.tsn")
    assert file.to_bytes(again) == (tmp_path / "n.tsn").read_bytes() == file.to_bytes(program)
    a, b = (literal.run(p, inputs, record=True) for p in (program, again))
    assert all((a.spikes[name] == b.spikes[name]).all() for name in a.spikes) and again.timing == program.timing


def parts(program):
    content = file.to_bytes(program)
    size = int.from_bytes(content[:8], "little")
    outer = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["tritspike"])
    return json.loads(outer["program"]), tensors(content)


def written(path, body, arrays) -> None:
    text = json.dumps(body)
    path.write_bytes(save(arrays, {"tritspike": json.dumps({"sha256": files.digest(text, arrays), "program": text})}))


VALUES = [
    None,
    True,
    -1,
    0,
    1,
    2,
    7,
    1 << 30,
    1 << 62,
    10**30,
    0.5,
    float("inf"),
    "",
    "x0",
    "a0",
    "sum",
    [],
    [[]],
    {},
    {"value": 0},
    "\n",
    "p" * 1000,
]


def change(rng: random.Random, value):
    """One place of a tree made another value, left out or doubled."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        if rng.random() < 0.05:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: change(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        if rng.random() < 0.05:
            return [*value, value[at]]
        return [*value[:at], change(rng, value[at]), *value[at + 1 :]]
    return rng.choice(VALUES)


def test_whatever_is_changed_is_refused_in_one_line_or_runs(tmp_path):
    rng, refused, ran = random.Random(0), 0, 0
    for seed in range(40):
        program, inputs = random_network.draw(seed)
        body, arrays = parts(program)
        for _ in range(25):
            written(tmp_path / "n.tsn", change(rng, body), arrays)
            try:
                literal.run(file.load(tmp_path / "n.tsn"), inputs)
                ran += 1
            except (FileError, InputError) as error:
                refused += 1
                assert str(error).isprintable()
            except RangeError:
                ran += 1
    assert refused > 500 and ran > 30, (refused, ran)


def test_arrays_of_another_kind_are_refused(drawn, tmp_path):
    program, _ = drawn
    body, arrays = parts(program)
    for name, array in arrays.items():
        for other in (array.astype(np.float32), array[:0], array.reshape(-1)[:-1], np.concatenate([array, array])):
            written(tmp_path / "n.tsn", body, {**arrays, name: np.ascontiguousarray(other)})
            if other.shape != array.shape or other.dtype != array.dtype:
                with pytest.raises(FileError):
                    file.load(tmp_path / "n.tsn")
    written(tmp_path / "n.tsn", body, {**arrays, "more": np.zeros(3, np.int64)})
    with pytest.raises(FileError, match="array more belongs to nothing"):
        file.load(tmp_path / "n.tsn")


def test_a_damaged_file_and_another_kind_are_refused(tmp_path):
    program, _ = random_network.draw(0)
    content = bytearray(file.to_bytes(program))
    content[-1] ^= 1
    (tmp_path / "n.tsn").write_bytes(content)
    with pytest.raises(FileError, match=r"the checksum does not match|not a whole"):
        file.load(tmp_path / "n.tsn")
    body, arrays = parts(program)
    written(tmp_path / "n.tsn", {**body, "version": 4}, arrays)
    with pytest.raises(FileError, match=r"tritspike-network version 4, this runtime reads tritspike-network version 3"):
        file.load(tmp_path / "n.tsn")
    for missing in ("missing.tsn", "."):
        with pytest.raises(FileError):
            file.load(tmp_path / missing)
