"""`check`, `lower`, `run`, `inspect` and `verify` of networks that others wrote, as a shell runs them."""

from __future__ import annotations

import io
import json
import re
import zipfile

import h5py
import numpy as np
import pytest
import random_checkpoint
from command import LOWER, RUNTIME, Shell
from nir_files import DT, cell, chain, end, linear, write

from tritspike import commands
from tritspike import net as tn
from tritspike.runtime.command_line import main
from tritspike.runtime.errors import FileError

RNG = np.random.default_rng(2)
SPIKES = RNG.random((3, 20, 4)) < 0.4


@pytest.fixture()
def shell(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nodes = {"in": end("Input", 4), "w": linear(RNG.integers(-3, 5, (5, 4))), "a": cell("IF", 5, v_threshold=4), "out": end("Output", 5)}
    write(tmp_path / "net.dat", nodes, chain("in", "w", "a", "out"))  # told by its content, not by its name
    np.save(tmp_path / "x.npy", SPIKES)
    return Shell(capsys, tmp_path)


TELL = ("--dt", DT, "--convention", "euler")


def lowered(shell, *more):
    code, out, err = shell.run(LOWER, "net.dat", *TELL, "--out", "net.tsp", *more)
    assert (code, err) == (0, ""), err
    return out


def checked(capsys, *arguments):
    assert main(commands.COMMANDS, "tritspike", ["check", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_check_says_what_it_would_become(shell, capsys):
    before = shell.files()
    found = checked(capsys, "net.dat", *TELL)
    assert "a: 5 neurons, exact; 1 units in one of the file, threshold 4, weights in one plane of 8 bits" in found
    assert "5 neurons, exact: the same spikes as the file's for every input" in found and "a: 100.00% of" in found
    assert "on x.npy:\n  a: 100.00%" in checked(capsys, "net.dat", *TELL, "--input", "x.npy")
    assert shell.files() == before


def test_from_a_file_to_its_spikes(shell):
    assert "net.tsp: 5 neurons of" in lowered(shell) and "samples of any number of steps, each from rest" in lowered(shell)
    results = {}
    for executor in ("fast", "reference"):
        code, out, _ = shell.run(RUNTIME, "run", "net.tsp", "--input", "x.npy", "--out", f"{executor}.npz", "--record", "--executor", executor)
        assert code == 0 and "spikes.out: bool (3, 20, 5)" in out
        results[executor] = (shell.folder / f"{executor}.npz").read_bytes()
    assert results["fast"] == results["reference"]
    with zipfile.ZipFile(io.BytesIO(results["fast"])) as archive:
        assert set(archive.namelist()) == {"spikes.in.npy", "spikes.a.npy", "spikes.out.npy"}
    found = tn.convert(shell.folder / "net.dat", dt=DT, convention="euler")
    answer = tn.play(found.program, {"in": SPIKES})
    assert answer.read["out"].any() and "exact" in found.report[-1]
    assert shell.run(RUNTIME, "verify", "net.tsp", "--executor", "fast")[1].startswith("equal: reference == fast on 8 samples")
    assert "5 neurons" in shell.run(RUNTIME, "inspect", "net.tsp", "--check")[1]


def test_a_file_that_is_not_there_is_of_no_kind(shell):
    told = "mine.nir: no such file or folder (hint: a checkpoint is a folder of "
    with pytest.raises(FileError, match=f"^{re.escape(told)}"):
        main(commands.COMMANDS, "tritspike", ["check", "mine.nir"])
    assert shell.refusal(LOWER, "mine.nir", *TELL, "--out", "mine.tsp").startswith(told)


def test_what_was_lowered_is_not_lowered_again(shell):
    lowered(shell)
    said = "net.tsp: lowered already (hint: from Python, tn.on_cores(tn.load(FILE), PROFILE) puts it on cores)"
    assert shell.refusal(LOWER, "net.tsp", "--profile", "loihi1", "--map", "--out", "again.tsp") == said
    random_checkpoint.write(shell.folder / "c")
    assert shell.run(LOWER, "c", "--out", "texts.tsp")[0] == 0
    assert shell.refusal(LOWER, "texts.tsp", "--out", "again.tsp") == "texts.tsp: lowered already (hint: lower its checkpoint again)"


def test_windows_have_counts(shell):
    assert "20 steps a window" in lowered(shell, "--steps", 20)
    code, out, _ = shell.run(RUNTIME, "run", "net.tsp", "--input", "x.npy", "--out", "y.npz")
    assert (code, out) == (0, "counts.out: int64 (3, 5)\n")


def test_a_network_of_one_s_own_is_played_too(shell):
    net = tn.Net()
    net.readout("digit", tn.linear(net.input("x", features=4), np.eye(4, dtype=int)))
    tn.save(tn.lower(net, tn.Windows(20)), shell.folder / "own.tsn")
    assert shell.run(RUNTIME, "run", "own.tsn", "--input", "x.npy", "--out", "y.npz")[1] == "membranes.digit: int64 (3, 4)\n"
    with np.load(shell.folder / "y.npz") as found:
        assert (found["membranes.digit"] == 64 * SPIKES.sum(1)).all()


def test_it_is_mapped_and_played_core_by_core(shell):
    assert "net.map" in lowered(shell, "--map", "--profile", "auto")
    assert shell.run(RUNTIME, "run", "net.tsp", "--input", "x.npy", "--out", "y.npz", "--executor", "partitioned", "--map", "net.map")[0] == 0


def npy(descr: str, shape: str, content: bytes = b"") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@pytest.mark.parametrize(
    "content, told",
    [
        (npy("'<f8'", "(1000000, 1000000)"), "is cut: (1000000, 1000000) of float64 need"),
        (npy("'|O'", "(2,)", bytes(16)), "is of type |O"),
        (npy("[('a', '<i4')]", "(2,)", bytes(16)), "is of type [('a', '<i4')]"),
        (npy("'<f8'", "(-1,)"), "is of shape (-1,)"),
        (npy("'<f8'", "__import__('os')"), "not a whole .npy file"),
        (b"\x93NUMPY\x01\x00\xff\xff", "a header of 65,535 bytes"),
        (b"0 1 0", "no .npy array, no .npz archive and no NIR data"),
        (b"PK\x03\x04rubbish", "not a whole .npz archive"),
        (b"\x80\x04K\x01.", "this is a pickle"),
    ],
)
def test_arrays_that_are_wrong(shell, content, told):
    lowered(shell)
    (shell.folder / "x.npy").write_bytes(content)
    assert told in shell.refusal(RUNTIME, "run", "net.tsp", "--input", "x.npy", "--out", "y.npz")


@pytest.mark.parametrize(
    "array, told",
    [
        (SPIKES[..., :3], "in: bool of shape (3, 20, 3) (hint: (samples, steps, 4): samples, each a stream from rest)"),
        (SPIKES * 2, "of 0 and 1"),
        (SPIKES[:, :0], "samples of no steps"),
        (SPIKES[0, 0], "in: bool of shape (4,)"),
    ],
)
def test_arrays_that_do_not_fit(shell, array, told):
    lowered(shell)
    np.save(shell.folder / "x.npy", array)
    assert told in shell.refusal(RUNTIME, "run", "net.tsp", "--input", "x.npy", "--out", "y.npz")


def test_what_cannot_be_asked(shell, checkpoint):
    assert "length of a source of the kind nir (hint: it takes dt, convention, steps)" in shell.refusal(
        LOWER, "net.dat", "--length", 3, "--out", "n.tsp"
    )
    assert "dt of a source of the kind checkpoint" in shell.refusal(LOWER, checkpoint, "--dt", 1, "--out", "n.tsp")
    assert "texts, for a program that is given arrays" in shell.refusal(LOWER, "net.dat", *TELL, "--out", "n.tsp", "--map", "--rates", "x.npy")
    lowered(shell)
    assert "a network that is given arrays: `tritspike run`" in shell.refusal(RUNTIME, "classify", "net.tsp", "text")


def test_nir_data_are_played(shell):
    lowered(shell)
    for kind in ("TimeGriddedData", "EventData"):
        with h5py.File(shell.folder / "x.h5", "w") as file:
            file.attrs["__type__"] = "NIRGraphData"
            seen = file.create_group("nodes/in/observables/spikes")
            file["nodes/in"].attrs["__type__"], seen.attrs["__type__"] = "NIRNodeData", kind
            if kind == "TimeGriddedData":
                seen["data"], seen.attrs["dt"] = SPIKES, DT
                continue
            sample, step, neuron = np.nonzero(SPIKES)
            most = np.bincount(sample).max()
            index, time = np.full((3, most), -1), np.full((3, most), np.inf)
            for n in range(3):
                mine = sample == n
                index[n, : mine.sum()], time[n, : mine.sum()] = neuron[mine], step[mine] * DT
            seen["idx"], seen["time"], seen.attrs["n_neurons"], seen.attrs["t_max"] = index, time, 4, 20 * DT
        assert shell.run(RUNTIME, "run", "net.tsp", "--input", "x.h5", "--out", f"{kind}.npz", "--dt", DT)[0] == 0
        assert shell.run(RUNTIME, "run", "net.tsp", "--input", "x.npy", "--out", "y.npz")[0] == 0
        assert (shell.folder / f"{kind}.npz").read_bytes() == (shell.folder / "y.npz").read_bytes()
    assert "events in seconds (hint: --dt" in shell.refusal(RUNTIME, "run", "net.tsp", "--input", "x.h5", "--out", "z.npz")


def test_a_program_goes_out_and_comes_back(shell):
    lowered(shell)
    code, out, _ = shell.run(RUNTIME, "export", "net.tsp", "--nir", "out.nir", "--trace", "trace.nir")
    assert code == 0 and "out.nir: 0.0 MiB, for nir, a step of 0.001 s" in out and "trace.nir: spikes of" in out
    assert shell.run(LOWER, "out.nir", "--out", "back.tsp")[0] == 0
    for name in ("net", "back"):
        assert shell.run(RUNTIME, "run", f"{name}.tsp", "--input", "x.npy", "--out", f"{name}.npz")[0] == 0
    found, back = (np.load(shell.folder / f"{name}.npz") for name in ("net", "back"))
    assert [found[key].tolist() for key in found] == [back[key].tolist() for key in back]
    assert shell.run(RUNTIME, "export", "net.tsp", "--nir", "out.nir")[0] == 0, "its own file is replaced"


def test_what_nir_does_not_say_is_told(shell):
    net = tn.Net()
    x = net.input("x", features=4)
    net.count(net.lif("a", tn.linear(x, RNG.integers(0, 2, (3, 4)), 100), keep=3072, vth=150))
    tn.save(tn.lower(net, tn.Windows(5)), shell.folder / "w.tsn")
    code, out, _ = shell.run(RUNTIME, "export", "w.tsn", "--nir", "w.nir")
    assert code == 0 and "no word for the resets of 1 populations" in out and "nor for what 1 populations lose" in out
    with h5py.File(shell.folder / "w.nir") as file:
        said = json.loads(file["node/metadata/tritspike"][()])
    assert said["cleared"] == {"a": "window"} and said["truncated"] == ["a"] and said["steps"] == 5


def test_exports_that_are_refused(shell, checkpoint):
    lowered(shell)
    (shell.folder / "other.nir").write_bytes((shell.folder / "net.tsp").read_bytes())
    for arguments, told in (
        ((), "nothing to write (hint: --onnx OUT.onnx, --nir OUT.nir or --trace OUT.nir)"),
        (("--nir", "other.nir"), "it holds a program, not a NIR file of ours"),
        (("--nir", "net.tsp"), "the same file as net.tsp, which is read"),
    ):
        assert told in shell.refusal(RUNTIME, "export", "net.tsp", *arguments)
