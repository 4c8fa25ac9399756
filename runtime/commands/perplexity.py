"""`perplexity`: score a language model on a text file."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from rich.console import Console

from tritspike.runtime import outputs
from tritspike.runtime.commands.arguments import MOST, engine_arguments, how, language_encoder, program_argument
from tritspike.runtime.commands.state import kept, require_state, state_argument
from tritspike.runtime.errors import InputError
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host import language
from tritspike.runtime.host.language import Score
from tritspike.runtime.host.reading import Reading, save
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.option_values import whole
from tritspike.runtime.outputs import REPORT, STATE, Output
from tritspike.runtime.tasks.perplexity import Perplexity, windows_of
from tritspike.runtime.tasks.sampling import read_text


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("--data", type=Path, required=True, metavar="FILE", help="a UTF-8 text")
    command.add_argument("--stride", type=whole(1, MOST), help="tokens between windows: smaller gives longer pasts (default: half the window)")
    state_argument(command)
    command.add_argument("--json", type=Path, metavar="OUT", help="write a report")
    engine_arguments(command)


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    outputs.require([Output(o.json, REPORT), Output(o.state, STATE)], [Path(o.program), o.data])
    encoder, text = language_encoder(o), read_text(o.data)
    require_state(o, encoder.program)
    start = time.perf_counter()
    found, how_read = _flowed(o, encoder, text) if encoder.program.flows else _windowed(o, encoder, text)
    perplexity = Perplexity(found, how_read, o.executor, time.perf_counter() - start)
    out.print(f"{o.data.name}: {perplexity}", soft_wrap=True)
    if o.json:
        write_atomic(o.json, (json.dumps(perplexity.report()) + "\n").encode())


def _windowed(o: argparse.Namespace, encoder: Encoder, text: str) -> tuple[Score, dict[str, int]]:
    how_read = windows_of(encoder.program, o.stride)
    return language.score(encoder, text, how_read["stride"], o.executor, how(o, encoder.program)), how_read


def _flowed(o: argparse.Namespace, encoder: Encoder, text: str) -> tuple[Score, dict[str, int]]:
    """Each token once; it has no windows."""
    if o.stride:
        raise InputError(f"--stride {o.stride} of a program through which tokens flow", "no --stride: each is read once")
    reading = Reading(encoder, o.executor, how(o, encoder.program), kept(o, encoder.program))
    found = language.flowed(encoder, text, reading)
    if o.state:
        save(encoder.program, reading.kept(), o.state)
    return found, {}
