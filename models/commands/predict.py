"""`predict`: what `compare` starts as a process of its own, to answer with a model that needs torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tritspike.models.options import COUNT, DEVICE
from tritspike.runtime import outputs
from tritspike.runtime.outputs import ANSWERS, Output
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.versus.sources import Asked, files_of


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("source", type=Path, help="a teacher's folder, a checkpoint folder, or float.json of a training's output folder")
    for name, text in (("task", labelled.ARGUMENT), ("data", "folder of its files, or 'hub'")):
        parser.add_argument(f"--{name}", required=True, help=text)
    parser.add_argument("--split", choices=["dev", "train"], default="dev", help="(default: dev)")
    parser.add_argument("--limit", type=COUNT, help="the first so many examples")
    parser.add_argument("--device", default="cpu", help=DEVICE)
    parser.add_argument("--out", type=Path, required=True, help="the answers, .safetensors")


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    from tritspike.models import devices
    from tritspike.models.predict import predict
    from tritspike.runtime.tasks.versus import side as side_file

    asked = Asked(labelled.task_named(o.task), o.data, o.split, o.limit)
    outputs.require([Output(o.out, ANSWERS)], [o.source, *files_of(o.source), asked.file])
    side_file.save(predict(o.source, asked, devices.chosen(o.device)), o.out)
