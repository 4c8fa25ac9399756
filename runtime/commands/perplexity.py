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
from tritspike.runtime.tasks.sampling import read_text

_SHOWN = {"per_token": "perplexity {:.3f} a token", "per_word": "{:.3f} a word", "bits_per_byte": "{:.4f} bits a byte"}


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
    said = ", ".join(f"{name} {value}" for name, value in how_read.items()) or "one pass"
    figures = {name: value if value is None else round(value, 6) for name, value in found.figures().items()}
    seconds = time.perf_counter() - start
    out.print(
        f"{o.data.name}: {', '.join(_SHOWN[name].format(value) for name, value in figures.items() if value is not None)}"
        f"; {found.tokens:,} tokens, {found.words:,} words, {found.size:,} bytes"
        f"; {said}, {o.executor}, {seconds:.1f} s",
        soft_wrap=True,
    )
    if o.json:
        report = {**figures, **vars(found), **how_read, "executor": o.executor, "seconds": round(seconds, 2)}
        write_atomic(o.json, (json.dumps(report) + "\n").encode())


def _windowed(o: argparse.Namespace, encoder: Encoder, text: str) -> tuple[Score, dict[str, int]]:
    window = encoder.program.positions
    stride = o.stride or max(1, window // 2)
    language.require_stride(stride, window)
    return language.score(encoder, text, stride, o.executor, how(o, encoder.program)), {"window": window, "stride": stride}


def _flowed(o: argparse.Namespace, encoder: Encoder, text: str) -> tuple[Score, dict[str, int]]:
    """Each token once; it has no windows."""
    if o.stride:
        raise InputError(f"--stride {o.stride} of a program through which tokens flow", "no --stride: each is read once")
    reading = Reading(encoder, o.executor, how(o, encoder.program), kept(o, encoder.program))
    found = language.flowed(encoder, text, reading)
    if o.state:
        save(encoder.program, reading.kept(), o.state)
    return found, {}
