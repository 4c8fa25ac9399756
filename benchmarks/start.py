"""What the commands cost before they do anything: processor time of three of them, here and in an older clone, in pairs.

    python benchmarks/start.py OLDER [--pairs 15]

OLDER is a checkout of 5aed816, before modules were imported where they are used; both run on this Python. Each pair runs one after the other
in an order that alternates; kernels were compiled before. Prints the ratio of the medians and writes benchmarks/results/start.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import HERE, ROOT, busy

_MODEL = "models/zoo/sst2-ternary"
COMMANDS = {"help": ["--help"], "inspect": ["inspect", "P"], "classify": ["classify", "P", "a warm and funny film"]}


def seconds(clone: Path, arguments: list[str]) -> float:
    """Of processors, user and system, of one command run to its end."""
    module = "tritspike" if clone == ROOT else "runtime"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = [sys.executable, "-m", module, *arguments]
    subprocess.run(run, cwd=clone, env=os.environ | {"PYTHONPATH": str(clone)}, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def lowered(clone: Path, folder: Path) -> Path:
    """That clone's own program."""
    out = folder / f"{clone.name}.tsp"
    run = [sys.executable, "compiler/lower.py", _MODEL, "--profile", "kapoho-point", "--out", str(out)]
    subprocess.run(run, cwd=clone, env=os.environ | {"PYTHONPATH": str(clone)}, check=True, stdout=subprocess.DEVNULL)
    return out


def measure(older: Path, pairs: int) -> dict[str, dict[str, float]]:
    """By command: medians of both in s, and their ratio."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        programs = {clone: lowered(clone, Path(folder)) for clone in (ROOT, older)}
        for name, words in COMMANDS.items():
            times: dict[Path, list[float]] = {ROOT: [], older: []}
            for n in range(pairs + 1):
                for clone in (ROOT, older) if n % 2 else (older, ROOT):
                    spent = seconds(clone, [str(programs[clone]) if w == "P" else w for w in words])
                    times[clone] += [spent] if n else []  # the first pair compiles, and fills the disk's cache
            here, there = (statistics.median(times[clone]) for clone in (ROOT, older))
            found[name] = {"here, s": round(here, 3), "older, s": round(there, 3), "ratio": round(here / there, 3), "pairs": pairs}
            print(name, found[name], flush=True)
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("older", type=Path)
    parser.add_argument("--pairs", type=int, default=15)
    o = parser.parse_args()
    before = busy()
    found = measure(o.older.resolve(), o.pairs)
    (HERE / "results" / "start.json").write_text(json.dumps({"load before": before, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
