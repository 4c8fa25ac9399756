"""`train-teacher`: a GPT-2 on WikiText and other text."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tritspike.models.given import require_texts, require_wikitext
from tritspike.models.options import THREADS
from tritspike.models.teacher_options import GPT_NUMBERS, GptTraining
from tritspike.runtime.errors import InputError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    for name, text in (("data", "WikiText's folder"), ("out", "folder")):
        parser.add_argument(f"--{name}", required=True, help=text)
    parser.add_argument("--unlabelled", nargs="+", default=[], help="text files, plain or .xz, one text a line")
    for name, kind in GPT_NUMBERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=getattr(GptTraining, name), help="(default: %(default)s)")
    parser.add_argument("--threads", type=THREADS, default=1, help="one gives the same weights every time (default)")


def run(o: argparse.Namespace, out: Console) -> None:
    """The command. A killed run goes on where it stopped when the same command is given again."""
    if o.hidden % o.heads:
        raise InputError(f"--hidden {o.hidden} is not a multiple of --heads {o.heads}")
    require_wikitext(Path(o.data), ("train", "valid"))
    require_texts([Path(path) for path in o.unlabelled])

    import torch

    from tritspike.models.train_teacher import train

    torch.set_num_threads(o.threads)
    found = train(GptTraining(**{name: getattr(o, name) for name in GptTraining.__dataclass_fields__}), o.command)
    out.print(f"validation perplexity {found:.3f}", soft_wrap=True)
