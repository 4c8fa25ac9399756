"""What each term of a language model's distillation is worth: it is removed once; results/spad.{json,md} hold what came out.

    python benchmarks/spad.py --teacher out/lm-teacher --data WIKITEXT --unlabelled FILE [--steps N] [--rows NAME ...] [--seeds 0 1]

Every row trains a float student by models/configs/lm.toml for the same few steps on the same crops, and is judged by its perplexity on the first
windows of WikiText's validation file. A row that the JSON file already holds (name, seed and steps) is not run again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from tritspike.models.recipe import Recipe, read_recipe, varied
from tritspike.models.teacher import CausalTeacher, load_causal_teacher
from tritspike.models.train_language import LanguageTrainer

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "spad.json"
BASE = HERE.parent / "models" / "configs" / "lm.toml"
ROWS = {"all terms": []} | {f"without {name}": [f"loss.{name}=0.0"] for name in ("embedding", "attention", "features", "logits", "labels")}

Row = dict[str, Any]


def changed(name: str, seed: int, steps: int) -> Recipe:
    """The recipe of one row; its only check is the last step's."""
    numbers = {"seed": seed, "float_steps": steps, "check_every": steps}
    return varied(read_recipe(BASE), [*ROWS[name], *(f"schedule.{key}={value}" for key, value in numbers.items())])


def run(name: str, recipe: Recipe, teacher: CausalTeacher, data: Path, files: list[Path]) -> Row:
    """Train the row's float student; perplexity is measured after its statistics were recomputed."""
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        trainer = LanguageTrainer(recipe, teacher, data, files, Path(folder))
        trainer.float_phase()
    minutes = round((time.process_time() - start) / 60, 1)
    found = {"perplexity": trainer.card["held_out_float"], "minutes": minutes}
    return {"name": name, "seed": recipe.schedule.seed, "steps": recipe.schedule.float_steps, **found}


def key(row: Row) -> tuple[str, int, int]:
    """What makes two rows the same run."""
    return row["name"], row["seed"], row["steps"]


def markdown(rows: list[Row]) -> str:
    """The table, in the order of `ROWS`."""
    lines = ["| row | seed | steps | minutes | perplexity a token, validation |", "|---" * 5 + "|"]
    ordered = sorted(rows, key=lambda r: (r["steps"], list(ROWS).index(r["name"]), r["seed"]))
    lines += [f"| {r['name']} | {r['seed']} | {r['steps']} | {r['minutes']} | {r['perplexity']:.1f} |" for r in ordered]
    return "\n".join([*lines, ""])


def read() -> list[Row]:
    """What earlier runs found."""
    return list(json.loads(RESULTS.read_text())) if RESULTS.exists() else []


def write(rows: list[Row]) -> None:
    """Both files."""
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(markdown(rows))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("teacher", "data"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--unlabelled", type=Path, nargs="+", required=True)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    teacher = load_causal_teacher(o.teacher)
    for seed in o.seeds:
        for name in o.rows:
            if (name, seed, o.steps) not in {key(row) for row in read()}:
                write([*read(), run(name, changed(name, seed, o.steps), teacher, Path(o.data), o.unlabelled)])
                print(markdown(read()[-1:]).splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
