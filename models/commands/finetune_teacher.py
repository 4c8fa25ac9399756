"""`finetune-teacher`: a float teacher on a GLUE task, or on one's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tritspike.models.given import require_examples, require_model
from tritspike.models.options import DEVICE, RATE
from tritspike.models.teacher_options import FINE_TUNING_NUMBERS, FineTuning
from tritspike.runtime.outputs import require_other_folder
from tritspike.runtime.tasks import labelled


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    for name, text in (("base", "the pretrained encoder: folder or hub name"), ("task", labelled.ARGUMENT), ("out", "folder")):
        parser.add_argument(f"--{name}", required=True, help=text)
    parser.add_argument("--data", help="GLUE folder, or an own task's if its files are not beside it; or 'hub'")
    parser.add_argument("--rate", dest="rates", type=RATE, nargs="+", default=list(FineTuning.rates), help="each is tried; the best is kept")
    for name, kind in FINE_TUNING_NUMBERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=getattr(FineTuning, name), help="(default: %(default)s)")
    parser.add_argument("--device", default="auto", help=DEVICE)
    parser.add_argument("--apart", action="store_true", help="embed the two texts of a pair apart and compare them, as a sentence encoder would")
    parser.add_argument("--no-dev", dest="dev", action="store_false", help="leave dev unscored, for searches")


def options(o: argparse.Namespace) -> FineTuning:
    """The run that they ask for."""
    found = {name: getattr(o, name) for name in FineTuning.__dataclass_fields__}
    return FineTuning(**found | {"rates": tuple(o.rates)})


def run(o: argparse.Namespace, out: Console) -> None:
    """The command. What a killed run has done is kept, and not done again by the same command."""
    asked = options(o)
    require_other_folder(Path(asked.out), [Path(asked.base)])
    require_model(asked.base, "--base")
    task = labelled.task_named(asked.task)
    require_examples(task, labelled.place(task, asked.data), asked.dev)

    from tritspike.models import devices
    from tritspike.models.finetune_teacher import finetune

    found = finetune(asked, o.command, devices.chosen(o.device))
    out.print(" ".join(f"{name} {value:.4f}" for name, value in found.items()), soft_wrap=True)
