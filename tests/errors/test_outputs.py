"""What commands write: refused before any work where it cannot be written or must not be, and whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import random_checkpoint
from command import LOWER, ROOT, RUNTIME

from tritspike.compiler.commands import lower as lowering
from tritspike.compiler.lower import lower
from tritspike.compiler.mapping import command as mapping_command
from tritspike.runtime import mapping
from tritspike.runtime.commands import compare as comparing
from tritspike.runtime.commands import deploy
from tritspike.runtime.errors import InputError
from tritspike.runtime.host import batches, language
from tritspike.runtime.host import file as program_file

SIZES = dict(layers=1, hidden=4, heads=1, head_dim=2, ffn=2, steps=2, max_length=6)
NAMES = ("p.map", "p.svg", "p.tsp")  # in the order in which they are written


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """Every kind of input."""
    at = tmp_path_factory.mktemp("inputs")
    random_checkpoint.write(at / "c", **SIZES)
    random_checkpoint.write(at / "lm", readout="each", **SIZES)
    (at / "glue" / "SST-2").mkdir(parents=True)
    (at / "glue" / "SST-2" / "dev.tsv").write_text("sentence\tlabel\nw1 w2\t1\nw3\t0\n")
    (at / "text").write_text("w1 w2 w3\n")
    (at / "own.toml").write_text('like = "loihi2"\n')
    program_file.save(lower(at / "c", "loihi2"), at / "p.tsp")
    program_file.save(lower(at / "lm", "loihi2"), at / "lm.tsp")
    return at


@pytest.fixture()
def place(inputs) -> Path:
    """A copy of them in a folder that anybody may look into."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(inputs, name, dirs_exist_ok=True)
        Path(name).chmod(0o755)
        yield Path(name)


def _worked(*arguments, **options):
    raise AssertionError("the work was begun")


@pytest.fixture()
def no_work(monkeypatch):
    """Fails where a command begins to work."""
    begins = [(lowering, "lowered"), (batches, "answer"), (language, "score"), (deploy, "preflight"), (deploy, "_samples")]
    for module, name in [*begins, (comparing, "run_side")]:
        monkeypatch.setattr(module, name, _worked)


def _command(name: str, at: Path, out: object) -> tuple[object, ...]:
    """(which, arguments ...) of a command that writes to `out`."""
    glue = ("--task", "sst2", "--data", at / "glue")
    return {
        "lower": (LOWER, at / "c", "--profile", at / "own.toml", "--out", out),
        "map": (LOWER, at / "c", "--profile", at / "own.toml", "--map", "--rates", at / "text", "--out", out),
        "glue": (RUNTIME, "glue", at / "p.tsp", *glue, "--json", out),
        "perplexity": (RUNTIME, "perplexity", at / "lm.tsp", "--data", at / "text", "--json", out),
        "compare": (RUNTIME, "compare", at / "p.tsp", at / "c", *glue, "--runs", at / "runs.db", "--json", out),
        "history": (RUNTIME, "compare", at / "p.tsp", at / "c", *glue, "--runs", out),
        "deploy": (RUNTIME, "deploy", at / "p.tsp", "--profile", at / "own.toml", "--data", at / "glue", "--bundle", out),
    }[name]


COMMANDS = ("lower", "map", "glue", "perplexity", "compare", "history", "deploy")


def _refusal(shell, name: str, at: Path, out: object, *options: object) -> str:
    """The one line; and nothing at all has changed."""
    before = _all(at)
    found = shell.refusal(*_command(name, at, out), *options)
    assert _all(at) == before
    return found


def _all(at: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(at)): p.read_bytes() if p.is_file() else None for p in at.rglob("*")}


# inputs, other outputs, and what is no file


@pytest.mark.parametrize(
    "name, out",
    [
        ("lower", "own.toml"),
        ("map", "text"),
        ("glue", "p.tsp"),
        ("glue", "glue/SST-2/dev.tsv"),
        ("perplexity", "lm.tsp"),
        ("perplexity", "text"),
        ("compare", "p.tsp"),
        ("compare", "c/config.json"),
        ("compare", "c/tokenizer.json"),
        ("compare", "c/model.safetensors"),
        ("compare", "glue/SST-2/dev.tsv"),
        ("deploy", "p.tsp"),
        ("deploy", "own.toml"),
    ],
)
def test_an_output_is_never_an_input(name, out, place, shell, no_work):
    (place / "link").symlink_to(place / out)
    os.link(place / out, place / "hard")
    for path in (place / out, place / "link", place / "hard"):
        found = _refusal(shell, name, place, path)
        assert found.startswith(f"{path}: cannot be written: the same file as {place}") and found.endswith(", which is read (hint: name another)")


@pytest.mark.parametrize("out", ["c/model.safetensors", "c/config.json", "c/tokenizer.json", "glue/SST-2/dev.tsv"])
def test_nor_is_it_part_of_a_folder_that_is_read(out, place, shell, no_work):
    name, folder = ("deploy", "glue") if out.startswith("glue") else ("lower", "c")
    found = _refusal(shell, name, place, place / out)
    assert found == f"{place}/{out}: cannot be written: it is there, part of {place}/{folder}, which is read (hint: name another)"


@pytest.mark.parametrize("name", ["glue", "perplexity", "compare", "deploy"])
def test_a_program_that_is_no_input_is_not_replaced_either(name, place, shell, no_work):
    shutil.copy(place / "p.tsp", place / "other.tsp")
    what = "a bundle" if name == "deploy" else "JSON"
    expected = f"{place}/other.tsp: cannot be written: it holds a program, not {what} (hint: move it, or name another)"
    assert _refusal(shell, name, place, place / "other.tsp") == expected


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("make, why", [(os.mkfifo, "a FIFO, not a regular file"), (Path.mkdir, "s a directory"), (None, "No such file or directory")])
def test_places_where_nothing_can_be_written(name, make, why, place, shell, no_work):
    path = place / "missing" / "out" if make is None else place / "out"
    if make is not None:
        make(path)
    found = _refusal(shell, name, place, path)
    way_out = f" (hint: make the folder {path.parent} first)" if make is None else ""
    assert found.startswith(f"{path}: ") and found.endswith(why + way_out)


@contextmanager
def _nobody():
    """As a user who may look but not write; the superuser may do all."""
    superuser = os.geteuid() == 0
    if superuser:
        try:
            os.seteuid(65534)
        except OSError:
            pytest.skip("this superuser cannot become another user")
    try:
        yield
    finally:
        if superuser:
            os.seteuid(0)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("older", [False, True], ids=["new", "older"])
def test_a_place_that_may_be_read_only(name, older, place, shell, no_work):
    """A folder that takes no new file; or a file that may not be changed, in a folder that anybody may write to."""
    folder = place / "out"
    folder.mkdir()
    if older:
        (folder / "file").touch(0o444)
    folder.chmod(0o777 if older else 0o555)
    place.chmod(0o777)  # for the history, where it is not what is refused
    with _nobody():
        code, out, err = shell.run(*_command(name, place, folder / "file"))
    assert (code, out, err) == (1, "", f"error: {folder}/file: cannot be written: Permission denied\n")
    assert os.listdir(folder) == ["file"] * older


@pytest.mark.parametrize("name", ["p.map", "p.svg", "p.MAP"])
@pytest.mark.parametrize("command", ["lower", "map"])
def test_a_program_is_not_named_as_what_lies_beside_one(name, command, place, shell, no_work):
    found = _refusal(shell, command, place, place / name)
    end = Path(name).suffix
    assert found == f"{place}/{name}: cannot be written: {end} is for what --map writes beside a program (hint: name a .tsp file)"


def test_a_report_in_the_place_of_the_history(place, shell, no_work):
    for other in (place / "new.db", f"{place}/./new.db"):
        found = _refusal(shell, "history", place, place / "new.db", "--json", other)
        assert found == f"{place}/new.db: cannot be written: the same file as {place}/new.db, which is written too (hint: name another)"


def test_another_history_is_no_report(place, shell, no_work):
    (place / "old.db").write_bytes(b"SQLite format 3\0")
    assert "it holds a database, not JSON" in _refusal(shell, "compare", place, place / "old.db")


@pytest.mark.parametrize("end", ["map", "svg"])
@pytest.mark.parametrize(
    "make, why",
    [
        (lambda p: p.write_text("notes"), "it holds something else, not "),
        (lambda p: p.write_text("<svg>another's</svg>"), "it holds a picture, not "),
        (Path.mkdir, "Is a directory"),
        (os.mkfifo, "a FIFO, not a regular file"),
        (lambda p: p.symlink_to("p.tsp"), "the same file as "),
    ],
)
def test_what_lies_beside_a_program_replaces_only_its_own_kind(make, why, end, place, shell, no_work):
    make(place / f"p.{end}")
    assert _refusal(shell, "map", place, place / "p.tsp").startswith(f"{place}/p.{end}: cannot be written: {why}")


def test_dumped_graphs_replace_only_dumped_graphs(place, shell, monkeypatch):
    for _ in range(2):
        assert shell.run(*_command("lower", place, place / "p.tsp"), "--dump-ir", place / "ir")[::2] == (0, "")
    monkeypatch.setattr(lowering, "lowered", _worked)
    (place / "ir" / "00-frontend.txt").write_text("notes")
    found = _refusal(shell, "lower", place, place / "p.tsp", "--dump-ir", place / "ir")
    assert found.startswith(f"{place}/ir/00-frontend.txt: cannot be written: it holds something else, not a printed graph")
    found = _refusal(shell, "lower", place, place / "new", "--dump-ir", place / "new")
    assert found == f"{place}/new: cannot be written: the same file as {place}/new, which is written too (hint: name another)"


# sets


def _lowered(shell, place: Path, *options: object) -> tuple[object, str, str]:
    return shell.run(*_command("map", place, place / "out" / "p.tsp"), *options)


@pytest.fixture(params=["new", "older"])
def older(request, place, shell) -> dict[str, bytes | None]:
    """What lies in the folder `out` before: nothing, or a program for fewer tokens, its mapping and its picture."""
    (place / "out").mkdir()
    if request.param == "older":
        assert _lowered(shell, place, "--length", 5)[::2] == (0, "")
        assert sorted(os.listdir(place / "out")) == sorted(NAMES)
    return _all(place / "out")


def test_a_set_replaces_a_set(older, place, shell):
    code, out, err = _lowered(shell, place)
    assert (code, err) == (0, "") and out.endswith(f"{place}/out/p.map, {place}/out/p.svg: written\n")
    found = _all(place / "out")
    assert sorted(found) == sorted(NAMES) and not found.items() & older.items()
    mapping.load(place / "out" / "p.map", program_file.load(place / "out" / "p.tsp").scheduled)


@pytest.mark.parametrize("fault, code, line", [(KeyboardInterrupt(), 130, "interrupted\n"), (InputError("late"), 1, "error: late\n")])
@pytest.mark.parametrize("where", ["report", "picture"])
def test_a_late_refusal_leaves_what_was_there_and_tells_nothing(where, fault, code, line, older, place, shell, monkeypatch):
    def late(*arguments):
        raise fault

    monkeypatch.setattr(mapping_command, where, late)
    assert _lowered(shell, place, "--explain") == (code, "", line)
    assert _all(place / "out") == older


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_disk_that_is_full_at_any_file(at, older, place, shell, monkeypatch):
    calls, sync = iter(range(100)), os.fsync

    def full(handle):
        if next(calls) == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    assert _lowered(shell, place) == (1, "", f"error: {place}/out/{NAMES[at]}: cannot be written: No space left on device\n")
    assert _all(place / "out") == older


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_in_the_place_of_one_meanwhile(name, place, shell, monkeypatch):
    (place / "out").mkdir()
    draw = mapping_command.picture

    def picture(found):
        (place / "out" / name).mkdir()
        return draw(found)

    monkeypatch.setattr(mapping_command, "picture", picture)
    assert _lowered(shell, place) == (1, "", f"error: {place}/out/{name}: cannot be written: Is a directory\n")
    assert os.listdir(place / "out") == [name]


MOMENTS = [("picture", 0), ("fsync", 0), ("replace", 0), ("replace", 1), ("replace", 2)]

# Forks, and kills each fork at one moment: in the picture, as the first file is written, at each rename.
_KILLED = f"""
import os, signal, sys
from matplotlib import collections, figure, patches  # once for all
from tritspike.compiler.commands import lower  # once for all
from tritspike.compiler.commands.table import LOWER
from tritspike.compiler.mapping import command
from tritspike.runtime.command_line import main

def kill_at(owner, name, number):
    calls, real = iter(range(100)), getattr(owner, name)
    def killing(*arguments):
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)
    setattr(owner, name, killing)

checkpoint, *folders = sys.argv[1:]
for folder in folders:
    for name, number in {MOMENTS}:
        child = os.fork()
        if not child:
            kill_at(command if name == "picture" else os, name, number)
            main([LOWER], "lower.py", [checkpoint, "--map", "--out", f"{{folder}}/{{name}}{{number}}/p.tsp"], single=True)
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
"""


def test_killed_in_the_picture_and_at_every_rename(place, shell):
    """Until the first rename nothing is seen of a set; then the program comes last, and until it does, a new mapping beside an older
    program is refused by the program's digest. Hidden names may stay, but none from the work that comes before writing."""
    new, older = place / "new", place / "older"
    assert shell.run(LOWER, place / "c", "--map", "--length", 5, "--out", place / "p.tsp")[0] == 0
    for name, number in MOMENTS:
        (new / f"{name}{number}").mkdir(parents=True)
        (older / f"{name}{number}").mkdir(parents=True)
        for file in NAMES:
            shutil.copy(place / file, older / f"{name}{number}")
    subprocess.run([sys.executable, "-c", _KILLED, place / "c", new, older], cwd=ROOT, check=True)
    for name, number in MOMENTS:
        _require_none_or_known(new / f"{name}{number}", older / f"{name}{number}", number)
    assert not os.listdir(new / "picture0") and sorted(os.listdir(older / "picture0")) == sorted(NAMES)


def _require_none_or_known(new: Path, older: Path, renamed: int) -> None:
    assert sorted(p.name for p in new.iterdir() if not p.name.startswith(".")) == sorted(NAMES[:renamed])
    program = program_file.load(older / "p.tsp")
    assert program.positions == 5
    if renamed:
        with pytest.raises(InputError, match="maps another program"):
            mapping.load(older / "p.map", program.scheduled)
    else:
        mapping.load(older / "p.map", program.scheduled)
