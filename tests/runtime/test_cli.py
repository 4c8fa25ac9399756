"""How commands begin and end, whatever their streams are and whenever Ctrl-C comes: in processes of their own where only these can show it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import random_checkpoint
from command import LOWER, ROOT, RUNTIME, Shell, interruptible, message

from tritspike.compiler.lower import lower
from tritspike.runtime import cli
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.told import CutText, told, told_warnings

SMALL = dict(layers=1, hidden=4, heads=1, head_dim=2, ffn=2, steps=2, max_length=6)


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    program_file.save(lower(random_checkpoint.write(folder / "c", **SMALL), "loihi2"), folder / "p.tsp")
    return folder / "p.tsp"


@pytest.fixture()
def shell(capsys, tmp_path) -> Shell:
    return Shell(capsys, tmp_path)


def run(*arguments, command=RUNTIME, stdout=subprocess.PIPE, before=(), **environment) -> tuple[int, bytes, bytes]:
    """(exit code, stdout, stderr), with a buffered stdout as in a shell."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | environment
    given = [a if isinstance(a, bytes) else os.fsencode(str(a)) for a in arguments]
    done = subprocess.run([*before, sys.executable, *command, *given], cwd=ROOT, env=env, stdout=stdout, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr


def with_streams(how: str) -> tuple[str, ...]:
    return "sh", "-c", f'exec "$@" {how}', "sh"


# closed, ended, full


@pytest.mark.parametrize("how", [">&-", "<&- >&-"])
def test_a_closed_stdout_is_one_that_nobody_reads(how, program, tmp_path):
    """Files that are written get none of its output: they do not take its number."""
    out = tmp_path / "p.tsp"
    assert run(program.parent / "c", "--out", out, command=LOWER, before=with_streams(how)) == (0, b"", b"")
    assert out.read_bytes() == program.read_bytes()


def test_with_stderr_closed_the_error_is_not_told_on_stdout():
    assert run("inspect", "missing.tsp", before=with_streams("2>&-")) == (1, b"", b"")


@pytest.fixture()
def ended():
    """The end of a pipe that nobody reads any more."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


def test_what_is_to_be_written_is_written_though_the_pipe_has_ended(program, ended, tmp_path):
    out = tmp_path / "p.tsp"
    assert run(program.parent / "c", "--out", out, "--map", command=LOWER, stdout=ended) == (0, None, b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.map", "p.svg", "p.tsp"]


def test_a_pipe_that_has_ended_when_the_buffer_is_flushed(ended):
    assert run("--help", stdout=ended) == (0, None, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is not here")
@pytest.mark.parametrize("arguments", [("--help",), ("inspect", "PROGRAM")])
def test_a_full_disk_behind_stdout_is_one_line(arguments, program):
    with open("/dev/full", "wb") as full:
        code, _, err = run(*(str(program) if a == "PROGRAM" else a for a in arguments), stdout=full)
    assert code == 1 and message(err.decode()).endswith("No space left on device")


def test_stderr_that_nobody_reads_changes_no_exit_code(ended):
    assert run("inspect", "missing.tsp", stdout=ended, before=with_streams("2>&1")) == (1, None, b"")


# encodings and names


ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "PYTHONIOENCODING": ""}


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "latin-1:strict"}, ASCII])
def test_text_and_tables_on_a_stdout_that_is_not_utf8(environment, program):
    code, out, err = run("classify", program, "w1 日本 é".encode(), **environment)
    last = "w1 \\u65e5\\u672c " + ("é" if "latin-1" in str(environment) else "\\xe9")
    assert (code, err, out.decode("latin-1").rstrip("\n").split("  ", 2)[2]) == (0, b"", last)
    code, out, err = run("inspect", program, **environment)
    assert (code, err) == (0, b"") and out.isascii() and b"layer.0.output" in out


def test_a_name_that_is_not_utf8(program, tmp_path):
    """On stdout, in the history and in a report."""
    odd = tmp_path / "caf\udce9.tsp"
    code, out, err = run(program.parent / "c", "--out", odd, command=LOWER)
    assert (code, err) == (0, b"") and f"{tmp_path}/caf\\udce9.tsp: ".encode() in out and odd.read_bytes() == program.read_bytes()


def two_texts(folder: Path) -> Path:
    (folder / "glue" / "SST-2").mkdir(parents=True)
    (folder / "glue" / "SST-2" / "dev.tsv").write_text("sentence\tlabel\nw1 w2\t1\nw3\t0\n")
    return folder / "glue"


@pytest.mark.parametrize("name", ["[/b]", "[red]", ":smile:", "caf\udce9"])
def test_a_comparison_of_programs_with_such_names(name, program, shell, tmp_path):
    """What says which side is running takes a name as it is, and so does the history."""
    odd = tmp_path / f"{name}.tsp"
    odd.parent.mkdir(exist_ok=True)
    odd.write_bytes(program.read_bytes())
    found = shell.run(RUNTIME, "compare", odd, program, "--task", "sst2", "--data", two_texts(tmp_path), "--runs", tmp_path / "runs.db")
    assert found[::2] == (0, "")
    code, out, err = shell.run(RUNTIME, "compare", "--history", "--runs", tmp_path / "runs.db")
    assert (code, err) == (0, "") and name.encode(errors="backslashreplace").decode() in "".join(out.split())


@pytest.mark.parametrize("text", ["[/b]", "[red]x", ":smile:"])
def test_a_warning_is_told_as_it_is(text, capsys):
    told(text)
    assert capsys.readouterr().err == f"warning: {text}\n"


# warnings


def ended_with(main, monkeypatch, capsys) -> tuple[object, str, str]:
    monkeypatch.setattr(sys, "argv", ["command"])
    with pytest.raises(SystemExit) as end:
        cli.run_command(main)
    return end.value.code, *capsys.readouterr()


def test_python_s_warnings_are_lines_of_ours_each_once(monkeypatch, capsys):
    def main(argv):
        for _ in range(2):
            warnings.warn("one\nline", RuntimeWarning, stacklevel=1)
            warnings.warn("two", UserWarning, stacklevel=1)

    assert ended_with(main, monkeypatch, capsys) == (0, "", "warning: one\\nline\nwarning: two\n")


def test_texts_that_are_cut_are_told_in_one_line(program, shell):
    texts = ["w1 w2 w3 w4 w5", "w1", "w1 " * 8, "w1 " * 5]
    several = "3 texts have more than the 6 tokens that the program was compiled for, text 3 the most, 10: the rest of each is cut off"
    assert shell.run(RUNTIME, "classify", program, *texts)[::2] == (0, f"warning: {several}\n")
    assert shell.run(RUNTIME, "classify", program, *texts[:2])[::2] == (
        0,
        "warning: text 1 has 7 tokens, the program was compiled for 6: the rest is cut off\n",
    )


def test_nor_are_they_told_batch_by_batch(program, shell, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "_READ", 2)
    two = two_texts(tmp_path)
    (two / "SST-2" / "dev.tsv").write_text("sentence\tlabel\n" + "w1 w2 w3 w4 w5 w6\t1\n" * 7)
    _, _, err = shell.run(RUNTIME, "glue", program, "--task", "sst2", "--data", two)
    assert err.startswith("warning: 7 texts ") and err.count("\n") == 1


def test_a_refusal_is_not_preceded_by_what_was_cut(capsys):
    with pytest.raises(ValueError), told_warnings():
        warnings.warn(CutText(1, 9, 6), stacklevel=1)
        raise ValueError
    assert capsys.readouterr().err == ""


# Ctrl-C while modules are imported


SLOW = "import time\nprint('importing', flush=True)\ntime.sleep(600)\n"


@pytest.mark.parametrize(
    "command, slow",
    [
        ((*RUNTIME, "inspect", "--help"), "numpy"),
        ((*LOWER, "--help"), "numpy"),
        (("-m", "compiler.lower", "--help"), "numpy"),
        (("-m", "compiler", "--help"), "tokenizers"),
        (("-m", "models.train", *(part for name in ("config", "teacher", "data", "out") for part in (f"--{name}", f"{{at}}/{name}"))), "torch"),
        (("-m", "models.predict", "--help"), "numpy"),
        (("-c", "from tritspike.__main__ import entry; entry()", "classify", "--help"), "rich"),
        (("-c", "from tritspike.compiler.__main__ import entry; entry()", "--help"), "rich"),
    ],
)
def test_ctrl_c_during_import_is_one_line(command, slow, tmp_path):
    """Of torch when all that a training is given was found sound."""
    for name in ("teacher", "data/SST-2"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "config").write_text('task = "sst2"\n')
    (tmp_path / "teacher" / "config.json").write_text("{}")
    for split in ("train", "dev"):
        (tmp_path / "data" / "SST-2" / f"{split}.tsv").write_text("sentence\tlabel\ngood\t1\n")
    (tmp_path / f"{slow}.py").write_text(SLOW)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    running = interruptible([sys.executable, *(word.format(at=tmp_path) for word in command)], env=os.environ | {"PYTHONPATH": path})
    assert running.stdout.readline() == "importing\n"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=600)
    assert (running.returncode, out, err) == (130, "", "interrupted\n")


def test_who_imports_us_keeps_ctrl_c_and_warnings():
    code = "import signal, warnings; show = warnings.showwarning; import tritspike.compiler.lower, tritspike.models, tritspike.runtime.__main__; "
    code += "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler and warnings.showwarning is show"
    running = interruptible([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (running.communicate(timeout=600), running.returncode) == (("", ""), 0)


def test_too_little_memory_is_one_line(monkeypatch, capsys):
    def main(argv):
        raise MemoryError

    code, out, err = ended_with(main, monkeypatch, capsys)
    assert (code, out) == (1, "") and message(err).startswith("there is not enough memory (hint: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_is_an_exit_that_clears_up(number, monkeypatch, capsys):
    """Blocks are left on the way out: what was half written is removed."""
    left = []

    def main(argv):
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            left.append(number)

    before = signal.signal(number, signal.SIG_DFL)  # which nohup hands down as ignored
    try:
        assert ended_with(main, monkeypatch, capsys) == (128 + number, "", "") and left == [number]
    finally:
        signal.signal(number, before)
