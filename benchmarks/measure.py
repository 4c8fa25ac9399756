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
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CHECKPOINT = ROOT / "models" / "zoo" / "sst2-one-chip"
CORES = len(os.sched_getaffinity(0))


def best(work: Callable[[], Any], seconds: float = 1.5, least: int = 3) -> float:
    """Seconds of the fastest of at least `least` runs over at least `seconds`, after one run that is not counted."""
    work()
    found: list[float] = []
    while len(found) < least or sum(found) < seconds:
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


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
    """results/NAME.json and .md: each section has a title, a remark and rows."""
    machine = f"{platform.machine()}, {CORES} cores, Python {platform.python_version()}"
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / f"{name}.json").write_text(json.dumps({"machine": machine, **sections}, indent=1) + "\n")
    parts = [f"## {s['title']}\n\n{s['remark']}\n\n{table(s['rows'])}" for s in sections.values()]
    (results / f"{name}.md").write_text(f"One run on one machine ({machine}).\n\n" + "\n".join(parts))
