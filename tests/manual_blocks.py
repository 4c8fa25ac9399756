"""Fenced blocks of a page, what they say, and a folder in which they run as a reader would run them: at the top of a clone."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import ROOT

from tritspike.commands import COMMANDS
from tritspike.names import NAMES
from tritspike.runtime import command_line

DOCS = ROOT / "docs"
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in DOCS.glob("*.md"))]
_FENCE = re.compile(r"(?:<!-- not run: (?P<why>[^>]*) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PLAIN = re.compile(r"tritspike [^|>;&]*(#.*)?$")
_EXIT = re.compile(r"# exit code (\d)")


@dataclass(frozen=True)
class Block:
    """kind: "sh", "python", "toml", "text". why: what keeps it from being run; None where it is run."""

    page: str
    kind: str
    text: str
    why: str | None

    @property
    def begin(self) -> str:
        """Its first line."""
        return self.text.splitlines()[0]

    def lines(self) -> Iterator[tuple[str, int]]:
        """(command, the exit code that it says it ends with)."""
        for line in filter(str.strip, self.text.splitlines()):
            said = _EXIT.search(line)
            yield line, int(said[1]) if said else 0


def blocks(page: str) -> list[Block]:
    return [Block(page, m["kind"], m["text"], m["why"]) for m in _FENCE.finditer((ROOT / page).read_text())]


def clone(folder: Path) -> Path:
    """`folder` with what commands of the pages name; examples are a copy, to be written in."""
    for name in ("models", "hw_profiles", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder / "bin").mkdir()
    program = folder / "bin" / "tritspike"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tritspike "$@"\n')
    program.chmod(0o755)
    return folder


def run(block: Block, folder: Path, **environment: str) -> str:
    """What it prints; fails with what it said where a line does not end as it should.

    Each line of a shell's by itself: a command of ours in this process, which is quick, and what needs a shell in one.
    """
    path = os.pathsep.join((str(folder / "bin"), os.environ["PATH"]))
    imports = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    env = os.environ | {"PATH": path, "PYTHONPATH": imports, "COLUMNS": "100"} | environment
    if block.kind == "python":
        return _child(block, [sys.executable, "-c", block.text], 0, folder, env)
    return "".join(
        _ours(block, line, code, folder, env) if _PLAIN.match(line) else _child(block, ["bash", "-c", line], code, folder, env)
        for line, code in block.lines()
    )


def _child(block: Block, command: list[str], code: int, folder: Path, env: Mapping[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, f"{block.page}: {command[-1]}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def _ours(block: Block, line: str, code: int, folder: Path, env: Mapping[str, str]) -> str:
    said, told = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(told), pytest.raises(SystemExit) as end:
        patch.chdir(folder)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["tritspike", *shlex.split(os.path.expandvars(line), comments=True)[1:]])
        command_line.run(COMMANDS, "tritspike", NAMES)
    assert end.value.code == code, f"{block.page}: {line}\n{said.getvalue()[-2000:]}{told.getvalue()[-2000:]}"
    return said.getvalue()
