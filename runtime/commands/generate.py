"""`generate`: print the prompt and what follows it, each token as it is found."""

from __future__ import annotations

import argparse

from rich.console import Console

from tritspike.runtime.commands.arguments import MOST, SEED, executor_argument, how, language_encoder, program_argument, time_limit, unicode_text
from tritspike.runtime.host.continuation import pieces
from tritspike.runtime.host.language import Sampling
from tritspike.runtime.option_values import real, whole


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("prompt", type=unicode_text)
    command.add_argument("--tokens", type=whole(1, MOST), default=64, metavar="N", help="most that are added (default: %(default)s)")
    command.add_argument("--temperature", type=real(1e-6, 1e6, also=0), default=0.0, help="0 takes the likeliest token (default)")
    command.add_argument("--top-p", type=real(0, 1), default=1.0, help="sample among the likeliest tokens that share this much (default: 1)")
    command.add_argument("--seed", type=SEED, default=0, help="of the sampling (default: 0)")
    command.add_argument("--strict", action="store_true", help="refuse a prompt longer than the window instead of forgetting its beginning")
    executor_argument(command)
    time_limit(command)


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    encoder = language_encoder(o)
    found = pieces(encoder, o.prompt, o.tokens, Sampling(o.temperature, o.top_p, o.seed), o.executor, how(o, encoder.program))
    first = next(found, "")  # before anything is printed: a prompt may be refused
    _put(out, o.prompt)
    _put(out, first)
    for piece in found:
        _put(out, piece)
    _put(out, "\n")


def _put(out: Console, text: str) -> None:
    out.file.write(text)
    out.file.flush()
