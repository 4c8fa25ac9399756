"""Files are written in sets, whole or not at all, and replace nothing that nobody asked to be replaced."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tritspike.runtime import outputs
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import require_folder, require_writable, staged, write_all, write_atomic, write_tensors
from tritspike.runtime.outputs import ANSWERS, BUNDLE, GRAPH, HISTORY, MAPPING, PICTURE, PROGRAM, REPORT, Output


def _files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@contextmanager
def _umask(mask: int):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


# writing


@pytest.mark.parametrize("mask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_what_the_umask_leaves(mask, mode, tmp_path):
    with _umask(mask):
        write_atomic(tmp_path / "new", b"x")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_a_file_that_is_there_keeps_its_mode(mode, tmp_path):
    path = tmp_path / "old"
    path.write_bytes(b"old")
    path.chmod(mode)
    with _umask(0o022):
        write_all({path: b"x", tmp_path / "other": b"y"})
    assert (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) == (mode, b"x")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/file")
    for content in (b"new", b"again"):
        write_atomic(tmp_path / "link", content)
        assert _files(tmp_path / "there") == {"file": content} and (tmp_path / "link").is_symlink()


def test_a_name_as_long_as_names_may_be(tmp_path):
    write_atomic(tmp_path / ("x" * 255), b"x")
    with pytest.raises(FileError, match=r"cannot be written: File name too long$"):
        require_writable(tmp_path / ("x" * 256))


@pytest.mark.parametrize("older", [{}, {"a": b"old"}, {"a": b"old", "c": b"older"}], ids=list)
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("moment", ["refused", "interrupted before", "interrupted after", "refused on a disk without links"])
def test_a_set_that_breaks_off_at_any_rename_leaves_what_was_there(older, at, moment, tmp_path, monkeypatch):
    for name, content in older.items():
        (tmp_path / name).write_bytes(content)
    renames, replace = iter(range(100)), os.replace
    fault = OSError(errno.EIO, "Input/output error") if moment.startswith("refused") else KeyboardInterrupt()

    def breaking(source, target):
        now = next(renames) == at
        if not now or moment == "interrupted after":
            replace(source, target)
        if now:
            raise fault

    def unknown(source, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "replace", breaking)
    if moment.endswith("links"):
        monkeypatch.setattr(os, "link", unknown)
    with pytest.raises(FileError if moment.startswith("refused") else KeyboardInterrupt):
        write_all({tmp_path / name: b"new" for name in "abc"})
    assert _files(tmp_path) == older


def test_a_folder_made_in_the_place_of_one_meanwhile(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    with pytest.raises(FileError, match=r"b: cannot be written: Is a directory$"), staged(dict.fromkeys(paths, b"new")):
        paths[1].mkdir()
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_work_that_fails_while_a_set_is_staged_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), staged({tmp_path / "a": b"new"}):
        assert [p.name[0] for p in tmp_path.iterdir()] == ["."]
        raise ZeroDivisionError
    assert not _files(tmp_path)


def _device(path: Path) -> None:
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except OSError:
        pytest.skip("only the superuser makes devices")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


@pytest.mark.parametrize(
    "make, why",
    [
        (Path.mkdir, "Is a directory"),
        (os.mkfifo, "a FIFO, not a regular file"),
        (_device, "a device, not a regular file"),
        (_socket, "a socket, not a regular file"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
)
@pytest.mark.parametrize("call", [require_writable, lambda path: write_atomic(path, b"x")], ids=["before", "then"])
def test_what_is_no_file_is_never_replaced(make, why, call, tmp_path):
    make(tmp_path / "x")
    before = os.lstat(tmp_path / "x")
    with pytest.raises(FileError) as found:
        call(tmp_path / "x")
    assert str(found.value) == f"{tmp_path}/x: cannot be written: {why}"
    assert os.path.samestat(before, os.lstat(tmp_path / "x")) and os.listdir(tmp_path) == ["x"]


def test_a_name_that_no_system_takes(tmp_path):
    for call in (require_writable, lambda path: write_atomic(path, b"x")):
        with pytest.raises(FileError, match=r"cannot be written: embedded null byte$"):
            call(tmp_path / "a\0b")


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    require_folder(tmp_path / "a" / "b")
    require_folder(tmp_path)
    for path, why in (("file", "File exists"), ("file/a", "Not a directory")):
        with pytest.raises(FileError) as found:
            require_folder(tmp_path / path)
        assert str(found.value) == f"{tmp_path}/{path}: cannot be made a folder: {why}"
    assert _files(tmp_path) == {"file": b"x"}


# what may be replaced


def _tensors(path: Path, text: str) -> None:
    write_tensors(path, {}, {"tritspike": f'{{"format": "{text}"}}'})


HOLDS = {
    PROGRAM: lambda p: _tensors(p, "tritspike-program"),
    MAPPING: lambda p: _tensors(p, "tritspike-mapping"),
    ANSWERS: lambda p: _tensors(p, "tritspike-side"),
    "tensors": lambda p: _tensors(p, "another's"),
    PICTURE: lambda p: p.write_text('<?xml version="1.0"?>\n<svg>\n<g id="cores">\n</g></svg>'),
    "a picture": lambda p: p.write_text('<?xml version="1.0"?>\n<svg>\n</svg>'),
    BUNDLE: lambda p: p.write_bytes(b"PK\3\4" + bytes(26) + b"MANIFEST.json"),
    "an archive": lambda p: p.write_bytes(b"PK\3\4" + bytes(26) + b"archive/data.pkl"),
    HISTORY: lambda p: p.write_bytes(b"SQLite format 3\0" + bytes(84)),
    REPORT: lambda p: p.write_text('\n {"accuracy": 1}'),
    GRAPH: lambda p: p.write_text("network Windows(steps=4)"),
}


@pytest.mark.parametrize("output", [PROGRAM, MAPPING, ANSWERS, PICTURE, BUNDLE, HISTORY, REPORT, GRAPH])
@pytest.mark.parametrize("held", HOLDS)
def test_a_file_is_replaced_by_its_own_kind_alone(held, output, tmp_path):
    HOLDS[held](tmp_path / "x")
    for named in (True, False):
        if held == output:
            outputs.require([Output(tmp_path / "x", output, named)])
        else:
            with pytest.raises(FileError) as found:
                outputs.require([Output(tmp_path / "x", output, named)])
            assert str(found.value) == f"{tmp_path}/x: cannot be written: it holds {held}, not {output} (hint: move it, or name another)"


def test_a_file_of_no_known_kind_is_replaced_only_where_the_user_named_it(tmp_path):
    (tmp_path / "x").write_text("some notes")
    (tmp_path / "empty").touch()
    for name in ("x", "empty", "new"):
        outputs.require([Output(tmp_path / name, PICTURE)])
    for name in ("empty", "new"):
        outputs.require([Output(tmp_path / name, PICTURE, named=False)])
    with pytest.raises(FileError, match=r"x: cannot be written: it holds something else, not a picture of ours \(hint: "):
        outputs.require([Output(tmp_path / "x", PICTURE, named=False)])


@pytest.mark.parametrize("name", ["x", "./x", "link", "hard", "folder/../x"])
def test_an_output_that_is_an_input(name, tmp_path):
    (tmp_path / "x").write_text("{}")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("x")
    os.link(tmp_path / "x", tmp_path / "hard")
    path = Path(f"{tmp_path}/{name}")
    with pytest.raises(FileError) as found:
        outputs.require([Output(path, REPORT)], [tmp_path / "y", tmp_path / "x"])
    assert str(found.value) == f"{path}: cannot be written: the same file as {tmp_path}/x, which is read (hint: name another)"


def test_an_output_in_a_folder_that_is_read(tmp_path):
    """New names and older files of its own kind are free there, all else may be what is read."""
    (tmp_path / "in" / "SST-2").mkdir(parents=True)
    (tmp_path / "in" / "SST-2" / "dev.tsv").write_text("sentence\tlabel\n")
    (tmp_path / "link").symlink_to("in/SST-2/dev.tsv")
    _tensors(tmp_path / "in" / "p.tsp", "tritspike-program")
    for path in (tmp_path / "in" / "p.tsp", tmp_path / "in" / "new"):
        outputs.require([Output(path, PROGRAM)], [tmp_path / "in"])
    for path in (tmp_path / "in" / "SST-2" / "dev.tsv", tmp_path / "link"):
        with pytest.raises(FileError) as found:
            outputs.require([Output(path, PROGRAM)], [tmp_path / "in"])
        assert str(found.value) == f"{path}: cannot be written: it is there, part of {tmp_path}/in, which is read (hint: name another)"


@pytest.mark.parametrize("a, b", [("p.map", "p.map"), ("p.map", "P.MAP"), ("p.map", "link"), ("old", "hard")])
def test_two_outputs_in_one_file(a, b, tmp_path):
    """In another case too, where neither is there: not every disk tells cases apart."""
    (tmp_path / "link").symlink_to("p.map")
    (tmp_path / "old").write_text("")
    os.link(tmp_path / "old", tmp_path / "hard")
    with pytest.raises(FileError, match=rf"{b}: cannot be written: the same file as {tmp_path}/{a}, which is written too"):
        outputs.require([Output(tmp_path / a, PROGRAM), Output(tmp_path / b, MAPPING)])


def test_files_that_differ_in_case_alone_are_two_where_both_are_there(tmp_path):
    for name in ("a", "A"):
        (tmp_path / name).write_text("")
    if len(os.listdir(tmp_path)) == 2:
        outputs.require([Output(tmp_path / "a", PROGRAM), Output(tmp_path / "A", PROGRAM)])


def test_a_folder_to_be_made_in_the_place_of_an_output(tmp_path):
    with pytest.raises(FileError, match="the same file as"):
        outputs.require([Output(tmp_path / "p", PROGRAM)], folder=tmp_path / "p")


def test_where_standard_output_goes(tmp_path, monkeypatch):
    with (tmp_path / "log").open("w") as log:
        monkeypatch.setattr(sys, "__stdout__", log)
        with pytest.raises(FileError, match=r"log: cannot be written: what the command prints goes there"):
            outputs.require([Output(tmp_path / "log", REPORT)])


def test_a_training_s_folder_that_it_reads(tmp_path):
    (tmp_path / "teacher").mkdir()
    (tmp_path / "link").symlink_to("teacher")
    outputs.require_other_folder(tmp_path / "out", [tmp_path / "teacher", None])
    with pytest.raises(FileError, match="link: cannot be written to: the same folder as"):
        outputs.require_other_folder(tmp_path / "link", [None, tmp_path / "teacher"])
