"""What a fuzzed case is made of: a kind of file with its mutations, and the commands that are given it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

RUNTIME, LOWER = "runtime", "lower"
REFUSAL = 1


@dataclass(frozen=True)
class Step:
    """One command, run in the case's folder, only where those before it were accepted.

    twin: it must answer what the command before it did. may_refuse: what its twin answers. compares: ending with 1 it may say `differs` on
    stdout, which is a fault.
    """

    command: str
    arguments: tuple[str, ...]
    twin: bool = False
    may_refuse: bool = False
    compares: bool = False


@dataclass(frozen=True)
class Change:
    """What was done to the files. damaged: contents were changed under a checksum, so that no command may accept them."""

    what: str
    damaged: bool = False


@dataclass(frozen=True)
class Kind:
    """seeds: makes folders of whole inputs below the one given. change: mutates a copy of one. steps: what is run on it then."""

    name: str
    seeds: Callable[[Path], None]
    change: Callable[[Random, Path], Change]
    steps: Callable[[Random, Path], tuple[Step, ...]]


@dataclass(frozen=True)
class Done:
    """What a command did. code: its exit code, or minus the signal that ended it. made: files that were not there before, or changed."""

    step: Step
    code: int
    out: str
    err: str
    seconds: float = 0.0
    hung: bool = False
    made: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """A broken promise. sort: traceback, signal, hang, ...; signature: equal for faults with one cause."""

    sort: str
    signature: str


@dataclass(frozen=True)
class Outcome:
    """A case that was run."""

    kind: str
    seed: int
    number: int
    what: str
    done: tuple[Done, ...] = ()
    faults: tuple[Fault, ...] = field(default=())

    @property
    def accepted(self) -> bool:
        """Whether the first command took the file."""
        return bool(self.done) and self.done[0].code == 0
