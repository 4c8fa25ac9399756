"""A step of training beside that of an older checkout, and what it is made of: processor time of one thread, interleaved pairs.

    python benchmarks/step.py OLDER [--pairs 12]        writes results/step.json
    python benchmarks/step.py --profile CASE            the operators of a step here

OLDER is a checkout of 5aed816. A case is a recipe that both have, on random tokens as long as its texts, without the teacher: its soft
labels are cached, and where hidden states are learned from it is the same model on both sides. A step is the loss, its gradients, Adam.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import tomllib
import torch
from measure import HERE, ROOT, busy
from pairs import is_older, pairs

CASES = ("sst2, floats", "sst2, integers", "lm, floats", "lm, integers")
_TEXTS, _BEFORE, _STEPS = 400, 4, 12
_SCALE = 90  # synaptic units of a threshold, about what `fold` chooses


def main() -> None:
    """The command; with --case one timed run in this process, of the tree that PYTHONPATH names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("older", type=Path, nargs="?")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--profile", choices=CASES)
    o = parser.parse_args()
    torch.set_num_threads(1)
    if o.profile:
        _profiled(_step(o.profile, older=False))
    elif o.case:
        print(_timed(_step(o.case, is_older(o.older))))
    elif o.older is None:
        parser.error("an older checkout is needed")
    else:
        found = {"load before": busy(), **{case: pairs("step.py", case, o.older, o.pairs) for case in CASES}}
        print(json.dumps(found, indent=1))
        (HERE / "results" / "step.json").write_text(json.dumps(found, indent=1) + "\n")


def _timed(step: Callable[[int], None]) -> float:
    """Processor seconds a step."""
    for n in range(_BEFORE):
        step(n)
    start = time.process_time()
    for n in range(_STEPS):
        step(_BEFORE + n)
    return (time.process_time() - start) / _STEPS


def _profiled(step: Callable[[int], None]) -> None:
    for n in range(_BEFORE):
        step(n)
    with torch.profiler.profile() as found:
        for n in range(_STEPS):
            step(_BEFORE + n)
    print(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=40, max_name_column_width=60))


def _step(case: str, older: bool) -> Callable[[int], None]:
    """One update of the case's student by its random batch."""
    torch.manual_seed(0)
    name, _, phase = case.partition(", ")
    recipe = tomllib.loads((ROOT / "models" / "configs" / f"{name}.toml").read_text())
    package = "models" if older else "tritspike.models"
    student, loss = (_classifier if name == "sst2" else _language)(package, recipe, older)
    student.train()
    with torch.no_grad():
        for n in range(_BEFORE):
            loss(n)  # statistics that `fold` reads
    if phase == "integers":
        student.eval()
        student.fold(_SCALE)
        student.train()
    parts = (student, torch.nn.ParameterList()) if older else ({"student": student},)
    live = import_module(f"{package}.state").Live(Path("unused"), *parts, 1e-4)
    return lambda n: live.step(loss(n))


def _classifier(package: str, recipe: dict[str, Any], older: bool) -> tuple[Any, Callable[[int], Any]]:
    data, distil, bert = (import_module(f"{package}.{part}") for part in ("data", "distil", "spiking_bert"))
    task = import_module("runtime.glue").task_named("sst2") if older else import_module("tritspike.runtime.tasks.labelled").task_named("sst2")
    student = bert.SpikingBert(bert.BertConfig(vocabulary=30522, classes=2, **recipe["model"]))
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.gamma(2.0, 7.0, _TEXTS).astype(int) + 3, 3, recipe["model"]["max_length"])
    corpus = data.Corpus(rng.integers(999, 30000, lengths.sum()), np.zeros(lengths.sum(), np.int64), np.concatenate([[0], np.cumsum(lengths)]))
    teacher: Any = SimpleNamespace(model=SimpleNamespace(config=SimpleNamespace(hidden_size=384, num_hidden_layers=6)))
    distiller = distil.Distiller(student, teacher, task, distil.LossWeights(**recipe["loss"]))
    soft, labels = torch.randn(_TEXTS, 2), torch.from_numpy(rng.integers(0, 2, _TEXTS)).float()

    def loss(n: int) -> Any:
        rows = np.random.default_rng(n).integers(0, _TEXTS, recipe["schedule"]["batch"])
        given = (soft[rows], labels[rows])
        return distiller(student, data.pack(corpus, rows), *(given if older else (distil.Answers.of(*given),)), n)

    return student, loss


def _language(package: str, recipe: dict[str, Any], older: bool) -> tuple[Any, Callable[[int], Any]]:
    """Next tokens of whole windows, by hard labels."""
    data, lm = import_module(f"{package}.data"), import_module(f"{package}.bispikclm")
    vocabulary, window, batch = 4096, recipe["model"]["max_length"], recipe["schedule"]["batch"]
    config = lm.language_config if older else import_module(f"{package}.sizes").language_config
    student = lm.SpikingLM(config(vocabulary, **recipe["model"]))

    def loss(n: int) -> Any:
        ids = np.random.default_rng(n).integers(0, vocabulary, batch * window)
        texts = data.pack(data.Corpus(ids, np.zeros_like(ids), np.arange(0, len(ids) + 1, window)), range(batch))
        return torch.nn.functional.cross_entropy(student(texts), torch.from_numpy(ids))

    return student, loss


if __name__ == "__main__":
    main()
