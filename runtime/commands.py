"""What `python -m runtime` does: classify, glue, verify, inspect, deploy."""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from runtime import executors, glue, map_report, mapping, program_file
from runtime.cli import console, run_command
from runtime.compare import require_equal
from runtime.deploy import deploy
from runtime.errors import InputError, MismatchError
from runtime.executors import Executor, Tokens
from runtime.files import require_writable, write_atomic
from runtime.options import BESIDE, parser
from runtime.program import Program
from runtime.tables import population_table
from runtime.text import Encoder

_VERIFY_CHUNK = 32  # samples compared at once: every spike of every population is held for each executor


def classify(o: argparse.Namespace, out: Console) -> int:
    """Print label and scores for each text."""
    encoder = Encoder(program_file.load(o.program))
    tokens = _tokens(encoder, o.text, o.strict)
    logits = executors.logits(encoder, tokens, o.executor, limit=o.time_limit)
    scores = encoder.program.scores(logits, np.array([len(ids) for ids, _ in tokens]))
    for text, integers, floats in zip(o.text, logits, scores):
        answer = encoder.program.host.labels[int(integers.argmax())] if encoder.program.host.labels else f"{floats[0]:.3f}"
        out.print(f"{answer}  {_probability(floats) if encoder.program.host.labels else ''}  {text}", soft_wrap=True)
    return 0


def _probability(scores: np.ndarray) -> str:
    shares = np.exp(scores - scores.max())
    return f"{shares.max() / shares.sum():.3f}"


def _tokens(encoder: Encoder, texts: list[Any], strict: bool) -> list[Tokens]:
    """Tokenise; truncation is told once a text, on stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tokens = encoder.tokens(texts, strict)
    for warning in caught:
        Console(stderr=True, highlight=False).print(f"warning: {warning.message}", soft_wrap=True)
    return tokens


def evaluate(o: argparse.Namespace, out: Console) -> int:
    """Score a program on a GLUE split."""
    require_writable(o.json)
    encoder, task = Encoder(program_file.load(o.program)), glue.task_named(o.task)
    if len(task.labels) != len(encoder.program.host.labels):
        own = encoder.program.host
        raise InputError(f"{o.program}: compiled for {own.task}, which has {len(own.labels)} labels; {task.name} has {len(task.labels)}")
    examples = glue.read(task, o.data, o.split, o.limit)
    tokens = _tokens(encoder, [e.text for e in examples], o.strict)
    start = time.perf_counter()
    with _progress() as bar:
        row = bar.add_task(f"{task.name} on {o.executor}", total=len(tokens))
        logits = executors.logits(encoder, tokens, o.executor, lambda n: bar.advance(row, n), o.time_limit)
    seconds = time.perf_counter() - start
    predictions = _predictions(encoder.program, logits, tokens)
    metrics = {name: round(value, 6) for name, value in glue.score(task, predictions, [e.label for e in examples]).items()}
    out.print(
        f"{task.name} {o.split}: {', '.join(f'{k} {v:.6f}' for k, v in metrics.items())} on {len(examples)} examples, {o.executor}, {seconds:.1f} s",
        soft_wrap=True,
    )
    if o.json:
        report = {
            **{name: value if math.isfinite(value) else None for name, value in metrics.items()},  # JSON has no NaN
            "task": task.name,
            "split": o.split,
            "executor": o.executor,
            "examples": len(examples),
            "seconds": round(seconds, 2),
            "predictions": predictions,
            "logits": logits.tolist(),
        }
        write_atomic(o.json, json.dumps(report).encode())
    return 0


def _predictions(program: Program, logits: np.ndarray, tokens: list[Tokens]) -> list[float]:
    if program.host.labels:
        return [float(p) for p in logits.argmax(1)]
    return [float(s) for s in program.scores(logits, np.array([len(ids) for ids, _ in tokens]))[:, 0]]


def _progress() -> Progress:
    err = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def verify(o: argparse.Namespace, out: Console) -> int:
    """Run executors beside each other and compare every spike; 1 at the first difference."""
    encoder = Encoder(program_file.load(o.program))
    tokens = _verify_tokens(encoder, o)
    names = o.executor.split(",")
    runs = {name: executors.executor(name, o.time_limit) for name in (o.against, *names)}
    try:
        cells = sum(_verify_chunk(encoder, tokens[at : at + _VERIFY_CHUNK], o.against, names, runs) for at in range(0, len(tokens), _VERIFY_CHUNK))
    except MismatchError as error:
        out.print(f"differs: {error}", soft_wrap=True)
        return 1
    out.print(
        f"equal: {' == '.join([o.against, *names])} on {len(tokens)} samples, {len(encoder.program.populations)} populations, "
        f"{cells:,} (neuron, step) cells",
        soft_wrap=True,
    )
    return 0


def _verify_tokens(encoder: Encoder, o: argparse.Namespace) -> list[Tokens]:
    if o.data is not None:
        examples = glue.read(glue.task_named(encoder.program.host.task), o.data, "dev", o.limit or 64)
        return _tokens(encoder, [e.text for e in examples], False)
    rng, longest = np.random.default_rng(o.seed), encoder.program.dims.positions
    lengths = rng.integers(1, longest + 1, o.limit or o.random)
    return [(rng.integers(0, len(encoder.program.host.front.token), n).tolist(), [0] * n) for n in lengths.tolist()]


def _verify_chunk(encoder: Encoder, tokens: list[Tokens], against: str, names: list[str], runs: dict[str, Executor]) -> int:
    program, samples = encoder.program, encoder.samples(tokens)
    expected = runs[against](program, samples, True)
    return max(require_equal(program, expected, runs[name](program, samples, True), (against, name)) for name in names)


def inspect(o: argparse.Namespace, out: Console) -> int:
    """Print a program's populations, and with --map what its mapping was found to use and cost."""
    program = program_file.load(o.program)
    out.print(population_table(program))
    synapses = sum(program.synapse_count(s) for s in program.synapses)
    out.print(
        f"{program.neurons():,} neurons, {synapses:,} synapses; {program.dims.positions} tokens, {program.steps} steps a sample, "
        f"{program.depth} steps deep; task {program.host.task}, profile {program.profile}",
        soft_wrap=True,
    )
    if o.map is not None:
        path = o.program.with_suffix(".map") if o.map is BESIDE else o.map
        for item in map_report.tables(mapping.load(path, program).report):
            out.print(item, soft_wrap=isinstance(item, str))
    return 0


def on_hardware(o: argparse.Namespace, out: Console) -> int:
    """Run on a board, say what is missing for it, or pack a bundle; texts are chosen as for `verify`."""
    return deploy(o, out, _verify_tokens)


_ACTIONS = {"classify": classify, "glue": evaluate, "verify": verify, "inspect": inspect, "deploy": on_hardware}


def main(argv: list[str]) -> int:
    """The command."""
    options = parser(_ACTIONS).parse_args(argv)
    return int(options.action(options, console()))


def entry() -> None:
    """The installed command."""
    run_command(main)
