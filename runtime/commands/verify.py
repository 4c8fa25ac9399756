"""`verify`: run executors beside each other and compare every spike."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tritspike.runtime.commands.arguments import how, mapping_argument, opened, program_argument, sample_arguments, time_limit
from tritspike.runtime.errors import InputError, MismatchError
from tritspike.runtime.executors.table import ELSEWHERE, EXECUTORS, ORACLE
from tritspike.runtime.host import arrays
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tasks import random_arrays
from tritspike.runtime.tasks.evaluation import Verified, verify
from tritspike.runtime.tasks.sampling import chosen_tokens


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    sample_arguments(command)
    command.add_argument("--executor", default=ELSEWHERE, help=f"one or more of {', '.join(EXECUTORS)}, with commas (default: %(default)s)")
    command.add_argument("--against", default=ORACLE, choices=list(EXECUTORS), help="what they are compared with (default: %(default)s)")
    mapping_argument(command)
    time_limit(command)


def _verified(o: argparse.Namespace) -> Verified:
    path, names = Path(o.program), o.executor.split(",")
    if arrays.claims(path):
        return _on_arrays(o, arrays.load(path), names)
    encoder = Encoder(opened(o))
    return verify(encoder, chosen_tokens(encoder, o), names, o.against, how(o, encoder.program))


def _on_arrays(o: argparse.Namespace, program: arrays.ArrayProgram, names: list[str]) -> Verified:
    """A network that knows no texts, on random spikes."""
    if o.data is not None:
        raise InputError(f"{o.program}: a network that knows no texts, such as {o.data} has", "--random N")
    return random_arrays.verify(program.scheduled, random_arrays.random(program.scheduled, o.random, o.seed), names, o.against, how(o, program))


def run(o: argparse.Namespace, out: Console) -> int:
    """0: equal. 1 at the first difference."""
    try:
        out.print(str(_verified(o)), soft_wrap=True)
    except MismatchError as error:
        out.print(f"differs: {error}", soft_wrap=True)
        return 1
    return 0
