"""A command as a shell runs it: in this process to be quick, or in one of its own; and what every command promises about bad input."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tritspike.compiler.commands.table import LOWER as COMPILER
from tritspike.models.commands.table import COMMANDS as MODELS
from tritspike.models.commands.table import PREDICT
from tritspike.runtime import command_line
from tritspike.runtime.cli import run_command
from tritspike.runtime.commands.table import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
LOWER, RUNTIME = ("compiler/lower.py",), ("-m", "runtime")


def lower_main(argv):
    return command_line.main([COMPILER], "lower.py", argv, single=True)


def runtime_main(argv):
    return command_line.main(COMMANDS, "python -m runtime", argv)


def model_main(name):
    """`python -m models.MODULE`, of the command of that name."""
    (command,) = (c for c in (*MODELS, PREDICT) if c.name == name)
    return lambda argv: command_line.main([command], f"python -m models.{name.replace('-', '_')}", list(argv), single=True)


_MAINS = {LOWER: lower_main, RUNTIME: runtime_main}


@dataclass(frozen=True)
class Shell:
    """Runs commands that may write below `folder`."""

    capsys: Any
    folder: Path

    def run(self, command: tuple[str, ...], *arguments: object) -> tuple[object, str, str]:
        """(exit code, stdout, stderr) of `python COMMAND ARGUMENTS`, through the very function that the command calls."""
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
            patch.setattr(sys, "argv", [command[-1], *map(str, arguments)])
            run_command(_MAINS[command])
        return end.value.code, *self.capsys.readouterr()

    def refusal(self, command: tuple[str, ...], *arguments: object) -> str:
        """What follows `error: ` on the one line of stderr; exit code 1, an empty stdout, and no file made or changed."""
        before = self.files()
        code, out, err = self.run(command, *arguments)
        assert (code, out, self.files() == before) == (1, "", True), err
        return message(err)

    def lowering_refusal(self, checkpoint: Path, *options: object) -> str:
        """The refusal to lower: the same to a file that is not there and over one that is."""
        out = self.folder / "out" / "program.tsp"
        out.parent.mkdir()
        found = self.refusal(LOWER, checkpoint, "--out", out, *options)
        out.write_bytes(b"an older program")
        assert self.refusal(LOWER, checkpoint, "--out", out, *options) == found
        return found

    def files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


def begun(err: str) -> str:
    """stderr without the line by which each run of Lava says that it begins."""
    return "".join(line for line in err.splitlines(keepends=True) if not line.startswith("lava: "))


def message(err: str) -> str:
    err = begun(err)
    assert err.startswith("error: ") and err.endswith("\n") and err.count("\n") == 1, err
    return err[7:-1]


def interruptible(command: list[str], **options: Any) -> subprocess.Popen[str]:
    """A process that hears SIGINT even where it is ignored here, as a shell has it for what it starts in the background."""
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard, **options)


def spawn(command: tuple[str, ...], *arguments: object) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the command in a process of its own."""
    done = subprocess.run([sys.executable, *command, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr
