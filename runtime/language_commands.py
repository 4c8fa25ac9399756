"""`python -m runtime perplexity` and `generate`."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from rich.console import Console

from runtime import language, outputs, program_file
from runtime.errors import InputError
from runtime.executors import How
from runtime.files import write_atomic
from runtime.language import Sampler, Sampling
from runtime.outputs import REPORT, Output
from runtime.sampling import read_text
from runtime.text import Encoder
from runtime.told import told

_SHOWN = {"per_token": "perplexity {:.3f} a token", "per_word": "{:.3f} a word", "bits_per_byte": "{:.4f} bits a byte"}
_BROKEN = "\ufffd"  # what a decoder shows for half a character


def _load(path: Path) -> Encoder:
    program = program_file.load(path)
    language.require_language_model(program, str(path))
    return Encoder(program)


def perplexity(o: argparse.Namespace, out: Console) -> int:
    """Score a program on a text file."""
    outputs.require([Output(o.json, REPORT)], [o.program, o.data])
    encoder, text = _load(o.program), read_text(o.data)
    window = encoder.program.dims.positions
    stride = o.stride or max(1, window // 2)
    language.require_stride(stride, window)
    start = time.perf_counter()
    how = How(threads=o.threads, memory=o.memory << 20, limit=o.time_limit)
    found = language.score(encoder, text, stride, o.executor, how)
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
    return 0


def generate(o: argparse.Namespace, out: Console) -> int:
    """Print the prompt and what follows it, each token as it is found."""
    encoder = _load(o.program)
    ids = _prompt(encoder, o.prompt, o.strict)
    predict = language.predictor(encoder, o.executor, o.time_limit)
    sampler = Sampler(encoder.program, Sampling(o.temperature, o.top_p, o.seed))
    printed, said = _decoded(encoder, ids), list(ids)
    _put(out, o.prompt)
    for token in language.generate(predict, ids, o.tokens, sampler):
        said.append(token)
        text = _decoded(encoder, said)
        if not text.endswith(_BROKEN):
            _put(out, text[len(printed) :])
            printed = text
    _put(out, _decoded(encoder, said)[len(printed) :] + "\n")
    return 0


def _prompt(encoder: Encoder, text: str, strict: bool) -> list[int]:
    """Token ids. A prompt beyond the window is read as generated text would be, from the last half of each full window on."""
    read, window = language.whole(encoder, text), encoder.program.dims.positions
    if len(read.ids) == read.own:
        raise InputError("the prompt is empty", "give it at least one word")
    ids = read.ids
    if len(ids) > window:
        message = f"the prompt has {len(ids)} tokens, the window holds {window}"
        if strict:
            raise InputError(message, "lower the checkpoint with a larger --length")
        told(f"{message}: the first {language.held_from(len(ids), window)} are forgotten")
    return ids


def _decoded(encoder: Encoder, ids: list[int]) -> str:
    return encoder.tokenizer.decode(ids, skip_special_tokens=True)


def _put(out: Console, text: str) -> None:
    out.file.write(text)
    out.file.flush()
