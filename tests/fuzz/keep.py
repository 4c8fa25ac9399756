"""Faults on disk: one folder a group of faults with one cause, with the files as they were given and the commands to replay."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz.case import Change, Done, Fault, Outcome, Step

CASE = "case.json"


def keep(outcome: Outcome, below: Path, make: Callable[[Path], object]) -> None:
    """The first case of each group, `below/KIND/SORT-DIGEST/`."""
    for fault in outcome.faults:
        folder = group_folder(outcome.kind, fault, below)
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            make(folder)
            (folder / CASE).write_text(json.dumps(_described(outcome, fault), indent=1))


def group_folder(kind: str, fault: Fault, below: Path) -> Path:
    """Where a group is kept."""
    digest = hashlib.sha256(fault.signature.encode(errors="replace")).hexdigest()[:8]
    return below / kind / f"{fault.sort.replace(' ', '-')}-{digest}"


def _described(outcome: Outcome, fault: Fault) -> dict[str, Any]:
    """For a reader and for `read_steps`."""
    return {
        "kind": outcome.kind,
        "seed": outcome.seed,
        "number": outcome.number,
        "what": outcome.what,
        "fault": f"{fault.sort}: {fault.signature}",
        "steps": [vars(d.step) for d in outcome.done],
        "done": [{"code": d.code, "out": d.out[-1500:], "err": d.err[-3000:], "made": d.made} for d in outcome.done],
    }


def read_steps(folder: Path) -> tuple[str, Change, tuple[Step, ...]]:
    """(kind, what was changed, the commands) of a kept case."""
    case = json.loads((folder / CASE).read_text())
    damaged = case["fault"].startswith("damage accepted")
    return case["kind"], Change(case["what"], damaged), tuple(Step(**s | {"arguments": tuple(s["arguments"])}) for s in case["steps"])


def shown(d: Done) -> str:
    """A command and what it said, for a terminal."""
    said = "".join(f"\n    {line[:200]}" for line in (d.out + d.err).splitlines()[-12:])
    return f"$ {d.step.command} {' '.join(map(repr, d.step.arguments))}\n  ended with {d.code} after {d.seconds:.2f} s{said}"
