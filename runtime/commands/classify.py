"""`classify`: label and score for each text, or pair of them."""

from __future__ import annotations

import argparse

from rich.console import Console

from tritspike.runtime import executors
from tritspike.runtime.commands.arguments import how, opened, program_argument, run_arguments, unicode_text
from tritspike.runtime.evaluation import pairs, require_classifier, shares
from tritspike.runtime.text import Encoder
from tritspike.runtime.told import told_warnings


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("text", nargs="+", type=unicode_text)
    command.add_argument("--pairs", action="store_true", help="the texts are pairs, for a program of such a task: first and second, first and second")
    run_arguments(command)


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    program = opened(o)
    require_classifier(program, o.program)
    encoder, texts = Encoder(program), pairs(o.text) if o.pairs else o.text
    with told_warnings():
        answers = executors.answer(encoder, texts, o.executor, how(o))
    scores = program.scores(answers.logits, answers.lengths)
    for text, integers, floats, share in zip(texts if not o.pairs else map(" | ".join, texts), answers.logits, scores, shares(scores)):
        label = program.host.labels[int(integers.argmax())] if program.host.labels else f"{floats[0]:.3f}"
        out.print(f"{label}  {_shown(share.max()) if program.host.labels else ''}  {text}", soft_wrap=True)


def _shown(share: float) -> str:
    return f"{share:.3f}" if share == share else "-"
