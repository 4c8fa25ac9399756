"""`varied`: what `sweep` starts as a process of its own, to have recipes checked by those who train them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from tritspike.runtime.files import read_bytes, write_atomic


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("recipe", type=Path, help="TOML")
    parser.add_argument("--settings", type=Path, required=True, help="a list of trainings, each a list of section.key=value, JSON")
    parser.add_argument("--out", type=Path, required=True, help="their recipes, JSON")


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    from tritspike.models.varied import recipes

    write_atomic(o.out, json.dumps(recipes(o.recipe, json.loads(read_bytes(o.settings)))).encode())
