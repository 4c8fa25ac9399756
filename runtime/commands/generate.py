"""`generate`: print the prompt and what follows it, each token as it is found."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tritspike.runtime import outputs
from tritspike.runtime.commands.arguments import MOST, SEED, executor_argument, how, language_encoder, program_argument, time_limit, unicode_text
from tritspike.runtime.commands.state import kept, require_state, state_argument
from tritspike.runtime.host.continuation import flowing, pieces
from tritspike.runtime.host.language import Sampling
from tritspike.runtime.host.reading import Reading, save
from tritspike.runtime.option_values import real, whole
from tritspike.runtime.outputs import STATE, Output


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("prompt", type=unicode_text)
    command.add_argument("--tokens", type=whole(1, MOST), default=64, metavar="N", help="most that are added (default: %(default)s)")
    command.add_argument("--temperature", type=real(1e-6, 1e6, also=0), default=0.0, help="0 takes the likeliest token (default)")
    command.add_argument("--top-p", type=real(0, 1), default=1.0, help="sample among the likeliest tokens that share this much (default: 1)")
    command.add_argument("--seed", type=SEED, default=0, help="of the sampling (default: 0)")
    command.add_argument("--strict", action="store_true", help="refuse a prompt longer than the window instead of forgetting its beginning")
    state_argument(command)
    executor_argument(command)
    time_limit(command)


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    outputs.require([Output(o.state, STATE)], [Path(o.program)])
    encoder, sampling = language_encoder(o), Sampling(o.temperature, o.top_p, o.seed)
    options = how(o, encoder.program)
    require_state(o, encoder.program)
    if encoder.program.flows:
        reading = Reading(encoder, o.executor, options, kept(o, encoder.program))
        found = flowing(encoder, o.prompt, o.tokens, sampling, reading)
    else:
        found = pieces(encoder, o.prompt, o.tokens, sampling, o.executor, options)
    first = next(found, "")  # before anything is printed: a prompt may be refused
    _put(out, o.prompt)
    _put(out, first)
    for piece in found:
        _put(out, piece)
    _put(out, "\n")
    if o.state:
        save(encoder.program, reading.kept(), o.state)


def _put(out: Console, text: str) -> None:
    out.file.write(text)
    out.file.flush()
