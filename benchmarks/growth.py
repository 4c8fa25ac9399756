"""(e) How time and memory grow: one random program a process, `python benchmarks/growth.py --layers 4 ...` prints its figures as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measure import CORES, ROOT, alone, best, peak_mib

sys.path[:0] = [str(ROOT / "tests")]
import random_checkpoint

from tritspike.compiler.lower import lower
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.fast import memory
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import batches
from tritspike.runtime.host.text import Encoder, Tokens

BASE = {"hidden": 256, "layers": 2, "length": 64, "steps": 4, "sentences": 256, "batch": 1024}
SWEEPS = {
    "hidden": (64, 128, 256, 512, 1024),
    "layers": (1, 2, 4, 8, 16),
    "length": (16, 32, 64, 128),
    "steps": (1, 2, 4, 8, 16),
    "batch": (64, 256, 1024, 4096),
    "sentences": (64, 256, 1024, 4096, 16384),
}


def run(size: dict[str, int]) -> dict[str, Any]:
    """Sentences a second, ms a sentence, peak MiB, of sentences that are made as they are read."""
    with tempfile.TemporaryDirectory() as folder:
        shape = {"hidden": size["hidden"], "heads": 4, "head_dim": 8, "ffn": 2 * size["hidden"], "layers": size["layers"], "embedding_rank": 64}
        path = random_checkpoint.write(Path(folder) / "c", 0, **shape, steps=size["steps"], max_length=size["length"], readout="first")
        encoder = Encoder(lower(path, "kapoho-point"))
    how = How(memory=memory.bytes_per_row(encoder.program.scheduled, size["length"]) * size["batch"] * CORES)
    memory._ROWS = size["batch"]  # the batch is a constant of fast, except here
    batches.streamed(encoder, sentences(size["length"], 16), DEFAULT, how)
    seconds = best(lambda: batches.streamed(encoder, sentences(size["length"], size["sentences"]), DEFAULT, how), 1)
    return {"sentences/s": size["sentences"] / seconds, "ms a sentence": 1e3 * seconds / size["sentences"], "peak MiB": peak_mib()}


def sentences(length: int, count: int) -> Iterator[Tokens]:
    """Full-length sentences, one at a time."""
    for n in range(count):
        yield [(7 * n + i) % len(random_checkpoint.WORDS) for i in range(length)], [0] * length


def measure() -> dict[str, Any]:
    """One table: every size varied by itself."""
    rows = []
    for name, values in SWEEPS.items():
        for value in values:
            found = alone("growth.py", *(f"--{k}={v}" for k, v in (BASE | {name: value}).items()))
            rows.append({"varied": name, "value": value, **found})
    remark = ", ".join(f"{k} {v}" for k, v in BASE.items())
    return {
        "title": "(e) Growth",
        "remark": f"Random ternary programs; where not varied: {remark} (tokens a batch). All on {CORES} cores.",
        "rows": rows,
    }


def main() -> None:
    """One program."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in BASE.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    print(json.dumps(run(vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
