"""What `python -m runtime` does: classify, glue, verify, inspect; the other commands have files of their own."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text as RichText

from runtime import executors, glue, map_report, mapping, outputs, program_file
from runtime.cli import console
from runtime.compare import require_equal
from runtime.deploy import deploy
from runtime.errors import FileError, InputError, MismatchError
from runtime.executors import Answers, Executor, How
from runtime.files import write_atomic
from runtime.language_commands import generate, perplexity
from runtime.options import BESIDE, parser
from runtime.outputs import REPORT, Output
from runtime.program import Activity, Program
from runtime.sampling import chosen_tokens
from runtime.tables import population_table
from runtime.text import Encoder, Text, Tokens
from runtime.told import told_warnings
from runtime.versus.command import command as compare

_VERIFY_CHUNK = 32  # samples compared at once: every spike of every population is held for each executor


def classify(o: argparse.Namespace, out: Console) -> int:
    """Print label and scores for each text, or pair of them."""
    encoder, texts = _classifier(o), _pairs(o.text) if o.pairs else o.text
    answers = _answers(encoder, texts, o)
    scores = encoder.program.scores(answers.logits, answers.lengths)
    for text, integers, floats in zip(texts if not o.pairs else map(" | ".join, texts), answers.logits, scores):
        answer = encoder.program.host.labels[int(integers.argmax())] if encoder.program.host.labels else f"{floats[0]:.3f}"
        out.print(f"{answer}  {_probability(floats) if encoder.program.host.labels else ''}  {text}", soft_wrap=True)
    return 0


def _pairs(texts: Sequence[str]) -> list[Text]:
    if len(texts) % 2:
        raise InputError(f"{len(texts)} texts are no pairs", "--pairs takes two texts for each")
    return list(zip(texts[::2], texts[1::2]))


def _classifier(o: argparse.Namespace) -> Encoder:
    program = program_file.load(o.program)
    if program.each:
        raise InputError(f"{o.program}: a language model, which has no label for a text", "generate or perplexity")
    return Encoder(program)


def _probability(scores: np.ndarray) -> str:
    if not np.isfinite(scores).all():
        return "-"
    shares = np.exp(scores - scores.max())
    return f"{shares.max() / shares.sum():.3f}"


def _answers(encoder: Encoder, texts: Sequence[Text], o: argparse.Namespace, step: Callable[[int], None] = lambda n: None) -> Answers:
    """Run as the options say; how many texts were cut is told on stderr."""
    how = How(threads=o.threads, memory=o.memory << 20, limit=o.time_limit, strict=o.strict, count=getattr(o, "activity", False))
    with told_warnings():
        return executors.answer(encoder, texts, o.executor, how, step)


def evaluate(o: argparse.Namespace, out: Console) -> int:
    """Score a program on a GLUE split."""
    task = glue.task_named(o.task)
    outputs.require([Output(o.json, REPORT)], [o.program, glue.file_of(task, o.data, o.split)])
    encoder = _classifier(o)
    glue.require_task(task, encoder.program.host.task, o.program)
    examples = glue.read(task, o.data, o.split, o.limit)
    start = time.perf_counter()
    with _progress() as bar:
        row = bar.add_task(f"{task.name} on {o.executor}", total=len(examples))
        answers = _answers(encoder, [e.text for e in examples], o, lambda n: bar.advance(row, n))
    seconds = time.perf_counter() - start
    predictions = _predictions(encoder.program, answers)
    metrics = {name: round(value, 6) for name, value in glue.score(task, predictions, [e.label for e in examples]).items()}
    out.print(
        f"{task.name} {o.split}: {', '.join(f'{k} {v:.6f}' for k, v in metrics.items())} on {len(examples)} examples, {o.executor}, {seconds:.1f} s",
        soft_wrap=True,
    )
    if answers.activity:
        out.print(_activity_line(answers.activity), soft_wrap=True)
    if o.json:
        report = {
            **{name: value if math.isfinite(value) else None for name, value in metrics.items()},  # JSON has no NaN
            "task": task.name,
            "split": o.split,
            "executor": o.executor,
            "examples": len(examples),
            "seconds": round(seconds, 2),
            "predictions": predictions,
            "logits": answers.logits.tolist(),
            **(asdict(answers.activity) if answers.activity else {}),
        }
        write_atomic(o.json, json.dumps(report).encode())
    return 0


def _activity_line(activity: Activity) -> str:
    spikes, events = (sum(counts.values()) / activity.samples for counts in (activity.spikes, activity.events))
    return f"{spikes:,.0f} spikes and {events:,.0f} synaptic events a sentence"


def _predictions(program: Program, answers: Answers) -> list[float]:
    if program.host.labels:
        return [float(p) for p in answers.logits.argmax(1)]
    return [float(s) for s in program.scores(answers.logits, answers.lengths)[:, 0]]


class _Speed(ProgressColumn):
    def render(self, task: Task) -> RichText:
        """Sentences a second so far."""
        return RichText(f"{task.speed:.0f} sentences/s" if task.speed else "")


def _progress() -> Progress:
    err = console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def verify(o: argparse.Namespace, out: Console) -> int:
    """Run executors beside each other and compare every spike; 1 at the first difference."""
    encoder = Encoder(program_file.load(o.program))
    tokens = chosen_tokens(encoder, o)
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


def _verify_chunk(encoder: Encoder, tokens: list[Tokens], against: str, names: list[str], runs: dict[str, Executor]) -> int:
    program, samples = encoder.program, encoder.samples(tokens)
    expected = runs[against](program, samples, True)
    return max(require_equal(program, expected, runs[name](program, samples, True), (against, name)) for name in names)


def inspect(o: argparse.Namespace, out: Console) -> int:
    """Print a program's populations, and with --map what its mapping was found to use and cost."""
    program = program_file.load(o.program)
    mapped = None if o.map is None else _mapping(o, program)
    out.print(population_table(program))
    synapses = sum(program.synapse_count(s) for s in program.synapses)
    out.print(
        f"{program.neurons():,} neurons, {synapses:,} synapses; {program.dims.positions} tokens, {program.steps} steps a sample, "
        f"{program.depth} steps deep; task {program.host.task}, profile {program.profile}",
        soft_wrap=True,
    )
    for item in map_report.tables(mapped.report) if mapped else ():
        out.print(item, soft_wrap=isinstance(item, str))
    return 0


def _mapping(o: argparse.Namespace, program: Program) -> mapping.Mapping:
    path = o.program.with_suffix(".map") if o.map is BESIDE else o.map
    if not path.exists():
        raise FileError(f"{path}: no such file or directory", "lower.py --map writes it beside the program")
    return mapping.load(path, program)


_ACTIONS = {
    "classify": classify,
    "glue": evaluate,
    "perplexity": perplexity,
    "generate": generate,
    "verify": verify,
    "inspect": inspect,
    "deploy": deploy,
    "compare": compare,
}


def main(argv: list[str]) -> int:
    """The command."""
    options = parser(_ACTIONS).parse_args(argv, argparse.Namespace(command=shlex.join(["python", "-m", "runtime", *argv])))
    return int(options.action(options, console()))
