"""The equalities and counts of the first table of docs/cores.md, in one run: `spine.py [--quick]` writes benchmarks/results/spine.{json,md}.

Needs GLUE_DIR, Lava and, for the last row, torch.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKPOINT = "models/zoo/sst2-one-chip"
PROGRAM = "out/sst2-one-chip.tsp"


def run(*command: str) -> str:
    """Standard output of one command, run from the project's root."""
    done = subprocess.run([sys.executable, *command], cwd=HERE.parent, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout.strip()


def glue(executor: str, limit: list[str]) -> tuple[dict, str]:
    """The report that `glue --json` writes."""
    data, out = os.environ["GLUE_DIR"], f"out/glue-{executor}.json"
    command = ["-m", "runtime", "glue", PROGRAM, "--task", "sst2", "--data", data, "--executor", executor, "--json", out, *limit]
    run(*command)
    return json.loads((HERE.parent / out).read_text()), shown(command)


def shown(command: list[str]) -> str:
    """The command as the manual prints it."""
    return "python " + " ".join(command).replace(os.environ["GLUE_DIR"], "$GLUE_DIR")


def measure(quick: bool) -> list[dict]:
    """One row a figure: what, value, command."""
    (HERE.parent / "out").mkdir(exist_ok=True)
    limit = ["--limit", "40"] if quick else []
    lower = ["compiler/lower.py", CHECKPOINT, "--profile", "loihi2", "--out", PROGRAM]
    rows = [row("neurons on one Loihi 2 chip", run(*lower).split(": ", 1)[1], lower)]
    fast, fast_command = glue("fast", limit)
    lava, lava_command = glue("lava", limit)
    same = sum(a == b for a, b in zip(fast["predictions"], lava["predictions"]))
    equal_logits = sum(a == b for a, b in zip(fast["logits"], lava["logits"]))
    rows += [
        {"figure": "SST-2 dev accuracy of the program", "value": f"{fast['accuracy']:.4f} on {fast['examples']}", "command": fast_command},
        {"figure": "predictions equal, fast and Lava", "value": f"{same} of {len(fast['predictions'])}", "command": lava_command},
        {"figure": "integer logits equal, fast and Lava", "value": f"{equal_logits} of {len(fast['logits'])}", "command": lava_command},
    ]
    verify = ["-m", "runtime", "verify", PROGRAM, "--data", os.environ["GLUE_DIR"], "--limit", "8" if quick else "64", "--executor", "fast,lava"]
    rows.append(row("every spike", run(*verify), verify))
    torch = ["benchmarks/torch_equal.py", CHECKPOINT, PROGRAM, os.environ["GLUE_DIR"], *limit]
    return [*rows, row("torch integer mode against fast", run(*torch), torch)]


def row(figure: str, value: str, command: list[str]) -> dict:
    """A row whose command is still a list."""
    return {"figure": figure, "value": value, "command": shown(command)}


def markdown(rows: list[dict]) -> str:
    """The manual's table."""
    lines = [f"| {r['figure']} | {r['value']} | `{r['command']}` |" for r in rows]
    return "\n".join(["| figure | value | command |", "|---|---|---|", *lines, ""])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="40 sentences instead of 872")
    quick = parser.parse_args().quick
    if "GLUE_DIR" not in os.environ:
        sys.exit("error: set GLUE_DIR to a folder in the GLUE layout")
    rows = measure(quick)
    print(markdown(rows))
    if not quick:
        results = HERE / "results"
        results.mkdir(exist_ok=True)
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        (results / "spine.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
        (results / "spine.md").write_text(f"One run on one machine ({machine}).\n\n{markdown(rows)}")


if __name__ == "__main__":
    main()
