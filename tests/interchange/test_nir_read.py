"""NIR files that somebody hands over: each mistake in one line, none crashes, hangs, or opens another file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from nir_files import cell, chain, end, graph, linear, write

from tritspike.compiler.frontend.nir.reading import read
from tritspike.runtime.errors import FileError

NODES = {"in": end("Input", 2), "w": linear(np.eye(2)), "a": cell("LIF", 2), "out": end("Output", 2)}
EDGES = chain("in", "w", "a", "out")


@pytest.fixture()
def path(tmp_path):
    return write(tmp_path / "net.nir", NODES, EDGES)


def refusal(path) -> str:
    with pytest.raises(FileError) as found:
        read(path)
    assert str(found.value).startswith(str(path)) and "\n" not in str(found.value)
    return str(found.value)


def test_a_whole_file_is_read(path):
    found = read(path)
    assert list(found.nodes) == ["a", "in", "out", "w"] and sorted(found.edges) == sorted(EDGES)


def test_no_hdf5(tmp_path, path):
    whole = path.read_bytes()
    for content in (b"", b"\x89HDF", b"text", bytes(1000)):
        path.write_bytes(content)
        assert "not an HDF5 file" in refusal(path)
    for cut in (20, 500, len(whole) // 2, len(whole) - 300):
        path.write_bytes(whole[:cut])
        refusal(path)
    assert "no such file" in refusal(tmp_path / "other.nir") and "directory" in refusal(tmp_path).lower()


@pytest.mark.parametrize(
    "field, value, told",
    [
        ("tau", None, "a: tau is not there, allowed numbers"),
        ("tau", np.array([1e-3, np.nan]), "a: tau is not finite"),
        ("tau", np.array([1e-3, -1.0]), "a: tau is -1, allowed more than 0"),
        ("tau", np.zeros(0), "a: tau is of shape"),
        ("tau", "soon", "a: tau is no numbers"),
        ("r", np.full(2, 1e31), "a: r is up to 1e\\+31"),
        ("r", np.full(3, 1.0), "a: its parameters is of several shapes"),
        ("r", np.array([1 + 2j]), "of type complex128"),
        ("type", "Perceptron", "a: type is \"'Perceptron'\"|a: type is 'Perceptron', allowed one of Input"),
        ("type", None, "a: type is not there"),
        ("type", np.arange(3), "a: type is not there"),
    ],
)
def test_a_field_that_is_wrong(path, field, value, told):
    with h5py.File(path, "r+") as file:
        del file["node/nodes/a"][field]
        if value is not None:
            file["node/nodes/a"][field] = value
    import re

    assert re.search(told, refusal(path))


def test_several_mistakes_are_said_at_once(path):
    with h5py.File(path, "r+") as file:
        del file["node/nodes/a/tau"], file["node/nodes/w/weight"]
    found = refusal(path)
    assert "a: tau is not there" in found and "w: weight is not there" in found


@pytest.mark.parametrize(
    "edges, told",
    [
        ([("in", "nobody")], "what an edge names is 'nobody', which is no node"),
        (None, "edges is no pairs of names"),
        (np.arange(4).reshape(2, 2), "edges is no pairs of names"),
    ],
)
def test_edges_that_are_wrong(path, edges, told):
    with h5py.File(path, "r+") as file:
        del file["node/edges"]
        if isinstance(edges, list):
            file["node"].create_dataset("edges", data=np.array(edges, dtype=object), dtype=h5py.string_dtype())
        elif edges is not None:
            file["node/edges"] = edges
    assert told in refusal(path)


def test_links_are_not_followed(path, tmp_path):
    other = tmp_path / "secret.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.ones((2, 2))
    (tmp_path / "raw").write_bytes(bytes(32))
    with h5py.File(path, "r+") as file:
        weight = file["node/nodes/w"]
        for link in (h5py.ExternalLink(str(other), "x"), h5py.SoftLink("/node/nodes/a/tau")):
            del weight["weight"]
            weight["weight"] = link
            file.flush()
            assert "/node/nodes/w/weight: a link" in refusal(path)
        del weight["weight"]
        weight.create_dataset("weight", (2, 2), "f8", external=[(str(tmp_path / "raw"), 0, 32)])
        file.flush()
        assert "in another file" in refusal(path)
        del weight["weight"]
        layout = h5py.VirtualLayout((2, 2), "f8")
        layout[:] = h5py.VirtualSource(str(other), "x", (2, 2))
        weight.create_virtual_dataset("weight", layout)
        file.flush()
        assert "in another file" in refusal(path)


def test_sizes_are_known_before_anything_is_read(path):
    with h5py.File(path, "r+") as file:
        del file["node/nodes/w/weight"]
        file["node/nodes/w"].create_dataset("weight", (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10), compression="gzip")
    assert "more than 134,217,728 numbers" in refusal(path)
    with h5py.File(path, "r+") as file:
        del file["node/nodes/w/weight"], file["node/nodes/in/shape"]
        file["node/nodes/w/weight"] = np.eye(2)
        file["node/nodes/in/shape"] = np.array([1 << 40, 1 << 40])
    assert "in: shape is" in refusal(path)


def test_nested_without_end(tmp_path):
    path = tmp_path / "deep.nir"
    with h5py.File(path, "w") as file:
        at = file.create_group("node")
        for _ in range(10_000):
            at = at.create_group("n")
    assert "nested more than" in refusal(path)
    with h5py.File(path, "w") as file:
        graph(file.create_group("node"), NODES, EDGES)
        file["node/nodes/circle"] = file["node"]  # a hard link to a group around it
    assert "nested more than" in refusal(path)
    with h5py.File(path, "w") as file:
        below = file.create_group("node/nodes")
        for n in range(10_001):
            below.create_group(str(n))
    assert "more than 10,000 groups" in refusal(path)


def test_inner_graphs_need_one_input_and_one_output(tmp_path):
    inner = {"nodes": {"a": cell("LIF", 2), "output": end("Output", 2)}, "edges": [("a", "output")]}
    found = refusal(write(tmp_path / "n.nir", {"in": end("Input", 2), "g": inner, "out": end("Output", 2)}, chain("in", "g", "out")))
    assert "g: what an edge in -> g is to join is 0 nodes, allowed an Input, one" in found
