"""`verify`: run executors beside each other and compare every spike."""

from __future__ import annotations

import argparse

from rich.console import Console

from tritspike.runtime.commands.arguments import how, mapping_argument, opened, program_argument, sample_arguments, time_limit
from tritspike.runtime.errors import MismatchError
from tritspike.runtime.executors.table import ELSEWHERE, EXECUTORS, ORACLE
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tasks.evaluation import verify
from tritspike.runtime.tasks.sampling import chosen_tokens


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    sample_arguments(command)
    command.add_argument("--executor", default=ELSEWHERE, help=f"one or more of {', '.join(EXECUTORS)}, with commas (default: %(default)s)")
    command.add_argument("--against", default=ORACLE, choices=list(EXECUTORS), help="what they are compared with (default: %(default)s)")
    mapping_argument(command)
    time_limit(command)


def run(o: argparse.Namespace, out: Console) -> int:
    """0: equal. 1 at the first difference."""
    encoder = Encoder(opened(o))
    tokens = chosen_tokens(encoder, o)
    try:
        out.print(str(verify(encoder, tokens, o.executor.split(","), o.against, how(o, encoder.program))), soft_wrap=True)
    except MismatchError as error:
        out.print(f"differs: {error}", soft_wrap=True)
        return 1
    return 0
