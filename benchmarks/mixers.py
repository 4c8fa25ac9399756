"""What each part of the streaming language model is worth: its recipe for the same few steps with one thing changed; results/mixers.{json,md}.

    python benchmarks/mixers.py --teacher out/lm-teacher --data WIKITEXT --unlabelled FILE --out FOLDER [--rows NAME ...] [--seeds 0 1]

Each row trains a float student on half the recipe's streams and is judged by perplexity a token on the first crops of WikiText's validation file, in
one pass with state carried; also with state cleared as each crop begins, which says what the text before it was worth. Test is not read.
A row that results/mixers.json already holds (name and seed) is not run again; a killed one goes on from its last check in FOLDER.
Attention, in the windowed model: benchmarks/attention.py.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from statistics import mean
from typing import Any

import measure
import torch
from torch import nn

from tritspike.models.nets.values import Going
from tritspike.models.recipe import Recipe, read_recipe, varied
from tritspike.models.teacher import load_causal_teacher
from tritspike.models.train_stream import StreamTrainer

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "mixers.json"
BASE = HERE.parent / "models" / "configs" / "lm_stream.toml"
STEPS, STREAMS, CHECK = 1000, 8, 250

ROWS: dict[str, list[str]] = {
    "traces, as it ships": [],
    "no mixer": ["model.mixer='none'"],
    "retention": ["model.mixer='retention'"],
    "traces and retention": ["model.mixer='both'"],
    "in series": ["model.series=true"],
    "state not carried": ["schedule.run=1"],
    "time constants 1 to 8": ["model.memory=[1, 2, 4, 8]"],
    "time constants 16 to 128": ["model.memory=[16, 32, 64, 128]"],
    "T = 2": ["model.steps=2"],
    "T = 1": ["model.steps=1"],
}


def run(name: str, seed: int, o: argparse.Namespace) -> dict[str, Any]:
    """One row."""
    start, folder = time.process_time(), Path(o.out) / f"{list(ROWS).index(name)}-{seed}"
    schedule = {"seed": seed, "float_steps": STEPS, "check_every": CHECK, "batch": STREAMS}
    recipe = varied(read_recipe(BASE), [*ROWS[name], *(f"schedule.{key}={value}" for key, value in schedule.items())])
    folder.mkdir(parents=True, exist_ok=True)
    trainer = StreamTrainer(recipe, load_causal_teacher(o.teacher), Path(o.data), o.unlabelled, folder)
    trainer.float_phase()
    minutes = (time.process_time() - start) / 60
    c = trainer.student.config
    found = {
        "perplexity": trainer.check(),
        "cleared": round(cleared(trainer, recipe), 4),
        "parameters": sum(p.numel() for p in trainer.student.parameters()),
    }
    return {"name": name, "seed": seed, "steps": STEPS, **found, "period": c.timing.period, "minutes": round(minutes, 1)}


@torch.no_grad()
def cleared(trainer: StreamTrainer, recipe: Recipe) -> float:
    """Perplexity of the same tokens, each crop from rest."""
    s, student = recipe.schedule, trainer.student.eval()
    ids = torch.from_numpy(trainer.valid.ids[: s.held_out * s.crop + 1]).long()
    read, targets = ids[:-1].view(-1, s.crop), ids[1:].view(-1, s.crop)
    total = 0.0
    for some, wanted in zip(read.split(16), targets.split(16)):
        logits = student(Going(some, {}))
        total += float(nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="sum"))
    return math.exp(total / read.numel())


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table: of each row the mean over its seeds, the best first."""
    names = {row["name"]: [r for r in rows if r["name"] == row["name"]] for row in rows}
    found = [_line(name, some) for name, some in names.items()]
    return measure.table(sorted(found, key=lambda row: float(row["perplexity"])))


def _line(name: str, some: list[dict[str, Any]]) -> dict[str, Any]:
    each = ", ".join(f"{r['perplexity']:.1f}" for r in sorted(some, key=lambda r: r["seed"]))
    means = {key: f"{mean(r[key] for r in some):.1f}" for key in ("perplexity", "cleared")}
    return {"row": name, "perplexity": means["perplexity"], "by seed": each, "each crop from rest": means["cleared"]} | {
        "parameters": some[0]["parameters"],
        "steps a token": some[0]["period"],
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("teacher", "data", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--unlabelled", type=Path, nargs="+", required=True)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    o = parser.parse_args()
    torch.set_num_threads(1)
    for seed in o.seeds:
        for name in o.rows:
            rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
            if (name, seed) not in {(row["name"], row["seed"]) for row in rows}:
                rows.append(run(name, seed, o))
                RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
                RESULTS.with_suffix(".md").write_text(markdown(rows))


if __name__ == "__main__":
    main()
