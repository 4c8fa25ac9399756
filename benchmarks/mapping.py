"""Mapping from 10^5 to 10^9 neurons, and the shipped program: `python benchmarks/mapping.py [--quick]`.

Writes benchmarks/results/mapping.{json,md}, and of the shipped program at 24 and 56 tokens (needs GLUE_DIR) the report and the picture,
mapping-{24,56}.{txt,svg}. Each program of the table is lowered from a random checkpoint and mapped in a process of its own, whose peak
memory is the system's figure. Its spike rates are assumed to be equal everywhere, since none of these programs is run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SHIPPED = dict(hidden=256, heads=2, head_dim=24, ffn=512, layers=2, readout="first")  # the shipped model's widths
BERT = dict(hidden=768, heads=12, head_dim=64, ffn=3072, layers=12, readout="first")
CASES: tuple[tuple[str, dict[str, Any], int], ...] = (
    *((f"the shipped model's widths, {length} tokens", SHIPPED, length) for length in (14, 57, 213, 715, 2280)),
    ("BERT-base's widths, 128 tokens", BERT, 128),
    ("BERT-base's widths, 234 tokens", BERT, 234),
)


def one(widths: dict[str, Any], length: int) -> dict[str, Any]:
    """Lower and map one program onto hala-point."""
    sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]
    import numpy as np
    import random_checkpoint

    from tritspike.compiler.errors import DoesNotFit
    from tritspike.compiler.lower import lower
    from tritspike.compiler.mapping import place
    from tritspike.compiler.mapping.fit import map_network
    from tritspike.hw_profiles.profile import load
    from tritspike.runtime.rates import uniform_rates

    with tempfile.TemporaryDirectory() as folder:
        small = {f"layer.{n}.context.gain": np.array([32], np.int32) for n in range(widths["layers"])}  # so that sums over keys stay in range
        program = lower(random_checkpoint.write(Path(folder), 0, tensors=small, max_length=length, **widths), "hala-point")
    start, cpu = time.perf_counter(), time.process_time()
    found: dict[str, Any] = {"neurons": program.neurons()}
    try:
        mapped = map_network(program.scheduled, load("hala-point"), uniform_rates(program.scheduled))
        cpu, seconds, t = time.process_time() - cpu, time.perf_counter() - start, mapped.traffic
        found |= {"slices": len(mapped.partition), "cores": len(mapped.core), "chips": int(mapped.core.max()) // 122 + 1}
        found |= {"of random": t.weighed(mapped.core) / t.weighed(place.random(t)), "of order": t.weighed(mapped.core) / t.weighed(place.in_order(t))}
    except DoesNotFit as error:
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
        found["refused"] = str(error)
    return found | {"seconds": seconds, "CPU seconds": cpu, "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}


def measure(quick: bool) -> list[dict[str, Any]]:
    """All cases, each in its own process."""
    rows = []
    for number, (name, _, _) in enumerate(CASES[:3] if quick else CASES):
        done = subprocess.run([sys.executable, __file__, "--case", str(number)], capture_output=True, text=True, check=True)
        rows.append({"program": name, **json.loads(done.stdout)})
        print(rows[-1], flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """As markdown."""
    out = [
        "| program | neurons | slices | cores | traffic, of random | of program order | s | CPU s | MiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        mapped = (
            f"{r['slices']:,} | {r['cores']:,} | {r['of random']:.2f} | {r['of order']:.2f}" if "slices" in r else f"refused: {r['refused']} | | | "
        )
        out.append(f"| {r['program']} | {r['neurons']:,} | {mapped} | {r['seconds']:.1f} | {r['CPU seconds']:.1f} | {r['MiB']:,} |")
    return "\n".join([*out, "", f"{platform.processor() or platform.machine()}, one thread; `python benchmarks/mapping.py`", ""])


def shipped(length: int) -> None:
    """Report and picture of the shipped checkpoint on the smallest board, with spike rates of real sentences."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "sst2.tsp"
        command = ["compiler/lower.py", "models/zoo/sst2-one-chip", "--profile", "auto", "--length", str(length), "--out", str(out), "--map"]
        done = subprocess.run(
            [sys.executable, *command, "--rates", os.environ["GLUE_DIR"]], cwd=HERE.parent, capture_output=True, text=True, check=True
        )
        (HERE / "results" / f"mapping-{length}.txt").write_text(done.stdout.replace(folder, "out"))
        (HERE / "results" / f"mapping-{length}.svg").write_text(out.with_suffix(".svg").read_text())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the three smallest")
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.case is not None:
        _, widths, length = CASES[o.case]
        print(json.dumps(one(widths, length)))
        return
    if "GLUE_DIR" in os.environ:
        shipped(24)
        shipped(56)
    rows = measure(o.quick)
    (HERE / "results" / "mapping.json").write_text(json.dumps(rows, indent=1) + "\n")
    (HERE / "results" / "mapping.md").write_text(table(rows))


if __name__ == "__main__":
    main()
