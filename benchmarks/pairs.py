"""This checkout and an older one by turns: a pair is one process of each, and what counts is the ratio of their processor time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from measure import HERE, ROOT

_RESAMPLES, _LEVEL = 10_000, 95


def pairs(script: str, case: str, older: Path, count: int) -> dict[str, Any]:
    """Median of the ratios, ours by theirs, with the interval of its bootstrap.

    script: in this folder; `script OLDER --case CASE` prints seconds as its last line, of the tree that PYTHONPATH and `TREE` name.
    """
    ours, theirs = [], []
    for n in range(count):
        for tree, kept in ((ROOT, ours), (older, theirs))[:: 1 if n % 2 else -1]:
            kept.append(_run(script, case, tree, older))
    ratios = np.array(ours) / np.array(theirs)
    drawn = np.median(np.random.default_rng(0).choice(ratios, (_RESAMPLES, len(ratios))), axis=1)
    low, high = np.percentile(drawn, [(100 - _LEVEL) / 2, (100 + _LEVEL) / 2])
    return {"ratio": round(float(np.median(ratios)), 4), "from": round(low, 4), "to": round(high, 4), "CPU s": round(float(np.median(ours)), 4)}


def _run(script: str, case: str, tree: Path, older: Path) -> float:
    command = [sys.executable, str(HERE / script), str(older.resolve()), "--case", case]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree.resolve()), str(HERE)]), "OMP_NUM_THREADS": "1", "TREE": str(tree.resolve())}
    return float(subprocess.run(command, env=env, cwd="/", check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def is_older(older: Path) -> bool:
    """Whether this process runs that tree."""
    return os.environ["TREE"] == str(older.resolve())
