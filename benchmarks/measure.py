"""What every benchmark needs: best-of timing, children whose peak memory is theirs alone, Markdown tables."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CHECKPOINT = ROOT / "models" / "zoo" / "sst2-one-chip"
BERT_BASE = {"hidden": 768, "heads": 12, "head_dim": 64, "ffn": 3072, "layers": 12, "steps": 4, "max_length": 128, "embedding_rank": 128}
QUIET = 1.0
CORES = len(os.sched_getaffinity(0))


class Best(NamedTuple):
    """The least seconds of several runs: on the clock, and of processors (all threads of this process, those that only wait included)."""

    wall: float
    processor: float


def timed(work: Callable[[], Any], seconds: float = 1.5, least: int = 3) -> Best:
    """Of at least `least` runs over at least `seconds`, after one run that is not counted."""
    work()
    found: list[Best] = []
    while len(found) < least or sum(f.wall for f in found) < seconds:
        start, used = time.perf_counter(), time.process_time()
        work()
        found.append(Best(time.perf_counter() - start, time.process_time() - used))
    return Best(min(f.wall for f in found), min(f.processor for f in found))


def best(work: Callable[[], Any], seconds: float = 1.5, least: int = 3) -> float:
    """Seconds of the fastest run; see `timed`."""
    return timed(work, seconds, least).wall


def busy() -> float:
    """Processes that ran or waited for a processor in the last minute, on average: above QUIET before a benchmark, others use the machine."""
    return os.getloadavg()[0]


SHARED = busy() > QUIET  # then rivals' threads sleep while they wait, since a thread that spins where it cannot run is counted as work
if SHARED:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported


def alone(script: str, *arguments: object) -> dict[str, Any]:
    """The last line, JSON, that a script of this folder prints in a process of its own."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{script} {' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr[-2000:] or done.stdout}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_mib() -> float:
    """Most memory that this process has held so far; not `ru_maxrss`, which a child begins with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown of rows that share their keys."""
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([_shown(r[h]) for h in heads] for r in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _shown(value: Any) -> str:
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(name: str, sections: dict[str, dict[str, Any]]) -> None:
    """results/NAME.json and .md: each section has a title, a remark and rows; sections that are not given stay as they were."""
    machine = f"{platform.machine()}, {CORES} cores, Python {platform.python_version()}"
    path = HERE / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    before = json.loads(path.read_text()) if path.exists() else {}
    found = {**before, **sections, "machine": machine}
    ordered = {"machine": machine, **{key: found[key] for key in found if key != "machine"}}
    path.write_text(json.dumps(ordered, indent=1) + "\n")
    parts = [f"## {s['title']}\n\n{_remark(s)}\n\n{table(s['rows'])}" for key, s in ordered.items() if key != "machine"]
    path.with_suffix(".md").write_text(f"One run on one machine ({machine}).\n\n" + "\n".join(parts))


def _remark(section: dict[str, Any]) -> str:
    """With how busy the machine was, where that was kept."""
    load = section.get("load before")
    return section["remark"] + ("" if load is None else f" Load of the machine before: {load:.2f}.")
