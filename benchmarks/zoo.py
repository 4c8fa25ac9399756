"""The table of all shipped models on dev: teacher, float student, program; results/zoo.{json,md} hold what came out.

    python benchmarks/zoo.py --data DIR --made DIR NAME ...

`--made` is the folder in which `python -m models.make_zoo` left teachers and runs; a run that is named is copied into the zoo. Dev is read here,
once for each checkpoint, whose card then says so. Every row comes from two calls of `python -m runtime compare`, teacher against program and float
student against checkpoint; `runs.db` in `--made` keeps them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(os.path.relpath(Path(__file__).resolve().parent))  # cards hold commands, not where a clone lies
ZOO = HERE.parent / "models" / "zoo"
RESULTS = HERE / "results" / "zoo.json"
SHIPPED = ("config.json", "model.safetensors", "tokenizer.json", "card.json")
PROFILE = "hala-point"  # pairs of 128 tokens ask for more neurons than smaller boards have; what is computed does not depend on it


def run_python(*arguments: str) -> str:
    """Run a command of ours; as it would be typed."""
    subprocess.run([sys.executable, *arguments], check=True)
    return " ".join(["python", *arguments])


def _compared(a: Path, b: Path, task: str, data: str, made: Path) -> dict[str, Any]:
    report = made / "compare.json"
    sides = ("-m", "runtime", "compare", str(a), str(b), "--task", task, "--data", data)
    command = run_python(*sides, "--json", str(report), "--runs", str(made / "runs.db"))
    return dict(json.loads(report.read_text())) | {"command": command}


def install(run: Path, folder: Path) -> None:
    """Copy what ships of a run."""
    folder.mkdir(exist_ok=True)
    for name in SHIPPED:
        shutil.copy(run / name, folder / name)


def _note(folder: Path, found: dict[str, Any]) -> None:
    """Into the card: what dev said, when, and by which command."""
    card = json.loads((folder / "card.json").read_text())
    dev = {name: round(value, 6) for name, value in found["B"]["metrics"].items()}  # as `glue` writes it
    said = {"dev": dev, "dev_command": found["command"], "dev_time": time.strftime("%Y-%m-%d %H:%M")}
    (folder / "card.json").write_text(json.dumps(card | said, indent=1) + "\n")


def row(folder: Path, made: Path, data: str) -> dict[str, Any]:
    """Everything that the table says of one checkpoint."""
    config = json.loads((folder / "config.json").read_text())
    task, program = config["task"], made / "programs" / f"{folder.name}.tsp"
    program.parent.mkdir(exist_ok=True)
    run_python(str(HERE.parent / "compiler" / "lower.py"), str(folder), "--profile", PROFILE, "--out", str(program))
    chip = _compared(made / "teachers" / task, program, task, data, made)
    _note(folder, chip)
    train = _compared(made / "runs" / folder.name / "float.json", folder, task, data, made)
    sides = {"teacher": chip["A"], "program": chip["B"], "float student": train["A"], "checkpoint": train["B"]}
    assert sides["program"]["predictions"] == sides["checkpoint"]["predictions"], folder
    kept = ("metrics", "parameters", "bytes", "mean spike rate", "spike rates", "operations", "times less energy than")
    found = {name: {key: side[key] for key in kept} for name, side in sides.items()}
    pair = {key: chip[key] for key in ("examples", "points", "interval", "mcnemar", "agreement")}
    model = config.get("model", config)  # of a checkpoint that holds its network, beside it
    return {"name": folder.name, "task": task, "weights": model["weights"], "steps": model["steps"], **found, "teacher to program": pair}


def markdown(rows: list[dict[str, Any]]) -> str:
    """One line a checkpoint, the task's first metric first."""
    names = ("task", "metric", "weights", "T", "teacher", "float student", "program", "parameters", "MiB", "spike rate", "energy / teacher's")
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for r in rows:
        program, teacher = r["program"], r["teacher"]
        metric = next(iter(program["metrics"]))
        scores = " | ".join(f"{100 * side['metrics'][metric]:.1f}" for side in (teacher, r["float student"], program))
        share = program["operations"]["arithmetic pJ"] / teacher["operations"]["arithmetic pJ"]
        size = f"{program['parameters']:,} | {r['checkpoint']['bytes'] / 2**20:.1f}"
        lines.append(
            f"| {r['task']} | {metric} | {r['weights']} | {r['steps']} | {scores} | {size} | {program['mean spike rate']:.3f} | {share:.2%} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", help="runs that are to ship")
    parser.add_argument("--data", required=True)
    parser.add_argument("--made", type=Path, required=True)
    o = parser.parse_args()
    rows = {r["name"]: r for r in (json.loads(RESULTS.read_text()) if RESULTS.exists() else [])}
    for name in o.names:
        install(o.made / "runs" / name, ZOO / name)
        rows[name] = row(ZOO / name, o.made, o.data)
        ordered = [rows[n] for n in sorted(rows)]
        RESULTS.write_text(json.dumps(ordered, indent=1) + "\n")
        RESULTS.with_suffix(".md").write_text(markdown(ordered))
    print(markdown([rows[n] for n in sorted(rows)]))


if __name__ == "__main__":
    main()
