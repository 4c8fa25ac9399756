"""`perplexity`: score a language model on a text file."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from rich.console import Console

from tritspike.runtime import outputs
from tritspike.runtime.commands.arguments import MOST, engine_arguments, how, language_encoder, program_argument
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host import language
from tritspike.runtime.option_values import whole
from tritspike.runtime.outputs import REPORT, Output
from tritspike.runtime.tasks.sampling import read_text

_SHOWN = {"per_token": "perplexity {:.3f} a token", "per_word": "{:.3f} a word", "bits_per_byte": "{:.4f} bits a byte"}


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("--data", type=Path, required=True, metavar="FILE", help="a UTF-8 text")
    command.add_argument("--stride", type=whole(1, MOST), help="tokens between windows: smaller gives longer pasts (default: half the window)")
    command.add_argument("--json", type=Path, metavar="OUT", help="write a report")
    engine_arguments(command)


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    outputs.require([Output(o.json, REPORT)], [Path(o.program), o.data])
    encoder, text = language_encoder(o), read_text(o.data)
    window = encoder.program.positions
    stride = o.stride or max(1, window // 2)
    language.require_stride(stride, window)
    start = time.perf_counter()
    found = language.score(encoder, text, stride, o.executor, how(o, encoder.program))
    figures = {name: value if value is None else round(value, 6) for name, value in found.figures().items()}
    seconds = time.perf_counter() - start
    out.print(
        f"{o.data.name}: {', '.join(_SHOWN[name].format(value) for name, value in figures.items() if value is not None)}"
        f"; {found.tokens:,} tokens, {found.words:,} words, {found.size:,} bytes"
        f"; window {window}, stride {stride}, {o.executor}, {seconds:.1f} s",
        soft_wrap=True,
    )
    if o.json:
        report = {**figures, **vars(found), "window": window, "stride": stride, "executor": o.executor, "seconds": round(seconds, 2)}
        write_atomic(o.json, (json.dumps(report) + "\n").encode())
