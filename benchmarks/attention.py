"""What attention, and the start, are worth to the windowed language model: its recipe for the same steps with one of them changed.

    python benchmarks/attention.py --teacher out/lm-teacher --data WIKITEXT --unlabelled FILE [--steps 1000] [--rows NAME ...] [--seeds 0 1]

Taken out, a layer is its FFN alone: what heard the sum of attention and skip hears the layer's input. Judged as `benchmarks/spad.py` does.
A row that results/attention.json already holds (name, seed and steps) is not run again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import spad
import torch

from tritspike.models import spiking_bert
from tritspike.models.recipe import read_recipe, varied
from tritspike.models.teacher import load_causal_teacher

RESULTS = spad.HERE / "results" / "attention.json"
TAKEN_OUT = "attention taken out"
NEAR = ["start.embedding='bigrams'", "start.head='bigrams'", "start.skip=1.4", "start.loud=0.25"]
ROWS = {
    "as it ships": ["start.embedding='words'", "start.skip=0.8", "start.loud=1.0"],
    TAKEN_OUT: ["start.embedding='words'", "start.skip=0.8", "start.loud=1.0", "loss.attention=0.0"],
    "near-identity layers, bigrams": NEAR,
    f"near-identity layers, bigrams, {TAKEN_OUT}": [*NEAR, "loss.attention=0.0"],
}


def unattended(self: spiking_bert.Layer, x: Any) -> Any:
    """`Layer.forward` without attention."""
    return self.output(self.hidden(x), past=x)


def run(name: str, seed: int, o: argparse.Namespace) -> spad.Row:
    """One row."""
    numbers = {"seed": seed, "float_steps": o.steps, "check_every": o.steps}
    recipe = varied(read_recipe(spad.BASE), [*ROWS[name], *(f"schedule.{key}={value}" for key, value in numbers.items())])
    before = spiking_bert.Layer.forward
    try:
        if TAKEN_OUT in name:
            spiking_bert.Layer.forward = unattended  # type: ignore[method-assign]
        return spad.run(name, recipe, load_causal_teacher(o.teacher), Path(o.data), o.unlabelled)
    finally:
        spiking_bert.Layer.forward = before  # type: ignore[method-assign]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("teacher", "data"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--unlabelled", type=Path, nargs="+", required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    for seed in o.seeds:
        for name in o.rows:
            rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
            if (name, seed, o.steps) not in {spad.key(row) for row in rows}:
                RESULTS.write_text(json.dumps([*rows, run(name, seed, o)], indent=1) + "\n")


if __name__ == "__main__":
    main()
