"""Which changes to a recipe pay: each row trains a float student for the same few steps; results/ablation.{json,md} hold what came out.

    python benchmarks/ablation.py --teacher DIR --data DIR --unlabelled FILE --cache DIR [--steps N] [--rows NAME ...] [--seeds 0 1]

A row that the JSON file already holds (name, seed and steps) is not run again. Dev is not read. Rows are compared by their distance to the
teacher (mean KL in nats), on the held-out slice and on unlabelled texts that none of them trained on: far less noisy than 1,000 labels.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tritspike.models import measure
from tritspike.models.data import length_sorted_batches, pack
from tritspike.models.fold import population_spikes, spike_rates
from tritspike.models.recipe import Recipe, plain, read_recipe, recipe_from
from tritspike.models.teacher import Teacher, load_teacher
from tritspike.models.train import Trainer, source_of, teacher_score
from tritspike.models.training_set import Material, prepare
from tritspike.runtime.checkpoint import KINDS
from tritspike.runtime.tasks import labelled

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "ablation.json"
BASE = HERE.parent / "models" / "configs" / "sst2.toml"

SENTENCES = 43_730  # unlabelled: with SST-2's 56,270, four whole parts of cached labels

Changes = dict[str, dict[str, Any]]  # recipe section -> key -> value

ROWS: dict[str, Changes] = {
    "baseline": {},
    "nothing from the teacher's embeddings": {"start": {"embedding": "none"}},
    "hidden states and attention": {"loss": {"hidden": 0.2, "attention": 0.02}},
    "no price on spikes": {"loss": {"rate": 0.0}},
    "FFN hears one word": {"model": {"window": 1}},
    "[CLS] readout": {"model": {"readout": "first"}},
    "no leak": {"model": {"keep": dict.fromkeys(KINDS, 4096)}},
    "T = 2": {"model": {"steps": 2}},
    "4 layers": {"model": {"layers": 4}},
}


@dataclass(frozen=True)
class Result:
    """One trained row."""

    name: str
    changes: Changes
    seed: int
    steps: int
    teacher: float  # its accuracy on the labelled slice
    minutes: float | None  # of processor time; None where it was not measured
    held_out: float  # accuracy on the labelled slice
    held_out_distance: float | None  # to the teacher on that slice, which needs no labels; None where it was not measured
    distance: float  # to the teacher, on unseen unlabelled texts
    agreement: float  # with the teacher, on those
    mean_rate: float

    @property
    def key(self) -> tuple[str, int, int]:
        """What makes two rows the same run."""
        return self.name, self.seed, self.steps


def changed(base: Recipe, changes: Changes, seed: int, steps: int) -> Recipe:
    """The recipe of one row; its only check is the last step's."""
    raw = plain(base)
    for section, values in changes.items():
        raw[section] = raw[section] | values
    raw["schedule"] |= {"seed": seed, "float_steps": steps, "check_every": steps}
    return recipe_from(raw)


def run(name: str, recipe: Recipe, teacher: Teacher, material: Material, seed: int) -> Result:
    """Train the row's float student and measure it."""
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(recipe, teacher, material, Path(folder))
        trainer.float_phase()
    minutes = round((time.process_time() - start) / 60, 1)
    texts, soft = material.training.probe()
    ours = measure.logits(trainer.student, texts)
    probe = [pack(material.held, rows) for rows in length_sorted_batches(material.held, 32)[::4]]
    rate = measure.mean_rate(spike_rates(population_spikes(trainer.student, probe)))
    held = measure.distance(measure.logits(trainer.student, material.held), material.held_soft)
    figures = trainer.check(), round(held, 5), round(measure.distance(ours, soft), 5), round(measure.agreement(ours, soft), 4), round(rate, 4)
    return Result(name, ROWS[name], seed, recipe.schedule.float_steps, teacher_score(trainer), minutes, *figures)


def markdown(results: list[Result]) -> str:
    """The table, of each seed the nearest to its teacher first."""
    lines = ["| row | seed | steps | teacher | minutes | held-out | distance there | distance | agreement | mean spike rate |", "|---" * 10 + "|"]
    for r in sorted(results, key=lambda r: (r.steps, r.seed, r.distance)):
        there = "" if r.held_out_distance is None else f"{r.held_out_distance:.4f}"
        start = f"| {r.name} | {r.seed} | {r.steps} | {r.teacher:.3f} | {r.minutes or ''} | {r.held_out:.3f} | {there} "
        lines.append(f"{start}| {r.distance:.4f} | {r.agreement:.3f} | {r.mean_rate:.3f} |")
    return "\n".join([*lines, ""])


def read() -> list[Result]:
    """What earlier runs found."""
    return [Result(**row) for row in json.loads(RESULTS.read_text())] if RESULTS.exists() else []


def write(results: list[Result]) -> None:
    """Both files."""
    RESULTS.write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(markdown(results))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("teacher", "data", "unlabelled", "cache"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    base, teacher = read_recipe(BASE), load_teacher(o.teacher)
    source = source_of(replace(base.schedule, unlabelled=SENTENCES), o.data, [Path(o.unlabelled)], Path(o.cache))
    material = prepare(teacher, labelled.task_named(base.task), source, base.model["max_length"])
    for seed in o.seeds:
        for name in o.rows:
            if (name, seed, o.steps) not in {r.key for r in read()}:
                result = run(name, changed(base, ROWS[name], seed, o.steps), teacher, material, seed)
                write([*read(), result])
                print(markdown([result]).splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
