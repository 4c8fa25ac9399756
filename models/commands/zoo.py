"""`zoo`: fine-tune the teachers and train the checkpoints that are named, and what they start from; what is there is not made again."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from tritspike.models.make_zoo import TEACHERS, Places, needed, student_command, teacher_command
from tritspike.runtime.errors import InputError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("names", nargs="*", help="runs, with those that they start from; all where none is named")
    parser.add_argument("--base", required=True, help="the pretrained encoder: folder or hub name")
    parser.add_argument("--data", required=True, help="GLUE folder")
    parser.add_argument("--unlabelled", nargs="+", required=True, help="text files, plain or .xz, one text a line")
    parser.add_argument("--out", type=Path, required=True, help="folder of teachers, runs and cached logits")
    parser.add_argument("--dev", action="store_true", help="score dev, once, at the end of each student's run")


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    at, runs = Places(o.base, o.data, tuple(o.unlabelled), o.out), needed(o.names)
    for teacher in (t for t in TEACHERS if t.task in {run.task for run in runs}):
        if not (at.teacher(teacher.task) / "card.json").exists():
            _make(["finetune-teacher", *teacher_command(teacher, at)], out)
    for student in runs:
        if not (at.run(student.name) / "config.json").exists():
            _make(["train", *student_command(student, at, o.dev)], out)


def _make(command: list[str], out: Console) -> None:
    out.print(f"tritspike {shlex.join(command)}", soft_wrap=True)
    out.file.flush()
    if subprocess.run([sys.executable, "-m", "tritspike", *command]).returncode:
        raise InputError(f"tritspike {command[0]} failed; what is done is kept", "run the same command again to go on")
