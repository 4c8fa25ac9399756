"""The same recipe from other seeds, on dev: mean and spread of programs; results/seeds.{json,md} hold what came out.

    python benchmarks/seeds.py --data DIR --made DIR RUN ...

RUN is a ternary run of `python -m models.make_zoo`, such as cola-ternary, cola-ternary-1 and cola-ternary-2. Each one's program reads dev here, once;
which of them ships was settled before (seed 0).
"""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from zoo import HERE, PROFILE, run_python

from tritspike.runtime.tasks.labelled import task_named

RESULTS = HERE / "results" / "seeds.json"


def scored(name: str, made: Path, data: str) -> dict[str, Any]:
    """One run's figures: float student and program on the held-out slice, the program on dev."""
    folder, program, report = made / "runs" / name, made / "programs" / f"{name}.tsp", made / "seed.json"
    card = json.loads((folder / "card.json").read_text())
    task = card["recipe"]["task"]
    program.parent.mkdir(exist_ok=True)
    run_python(str(HERE.parent / "compiler" / "lower.py"), str(folder), "--profile", PROFILE, "--out", str(program))
    command = run_python("-m", "runtime", "glue", str(program), "--task", task, "--data", data, "--json", str(report))
    found = json.loads(report.read_text())
    held = {f"held out, {kind}": card[f"held_out_{kind}"] for kind in ("float", "integer")}
    dev, seed = {m: found[m] for m in task_named(task).metrics}, card["recipe"]["schedule"]["seed"]
    return {"name": name, "task": task, "seed": seed, **held, "dev": dev, "command": command}


def markdown(rows: list[dict[str, Any]]) -> str:
    """A line for each task: its first metric in points, mean and standard deviation over seeds."""
    lines = ["| task | metric | seeds | each | mean | standard deviation | held out |", "|---" * 7 + "|"]
    for task, group in groupby(sorted(rows, key=lambda r: (r["task"], r["seed"])), key=lambda r: r["task"]):
        runs = list(group)
        metric = next(iter(runs[0]["dev"]))
        points, held = [100 * r["dev"][metric] for r in runs], [100 * r["held out, integer"] for r in runs]
        spread = f"{stdev(points):.1f}" if len(points) > 1 else ""
        each = f"{', '.join(str(r['seed']) for r in runs)} | {', '.join(f'{p:.1f}' for p in points)}"
        lines.append(f"| {task} | {metric} | {each} | {mean(points):.1f} | {spread} | {', '.join(f'{h:.1f}' for h in held)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="RUN")
    parser.add_argument("--data", required=True)
    parser.add_argument("--made", type=Path, required=True)
    o = parser.parse_args()
    rows = {r["name"]: r for r in (json.loads(RESULTS.read_text()) if RESULTS.exists() else [])}
    rows |= {name: scored(name, o.made, o.data) for name in o.names}
    RESULTS.write_text(json.dumps(list(rows.values()), indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(markdown(list(rows.values())))
    print(RESULTS.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
