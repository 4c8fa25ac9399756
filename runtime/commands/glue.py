"""`glue`: score a program on a split of a GLUE task, or of one's own."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from tritspike.runtime import outputs
from tritspike.runtime.commands.arguments import example_arguments, how, opened, program_argument, run_arguments
from tritspike.runtime.commands.progress import progress
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.host.told import told_warnings
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.outputs import REPORT, Output
from tritspike.runtime.tasks import dataset, labelled
from tritspike.runtime.tasks.evaluation import evaluate, line, report, require_classifier
from tritspike.runtime.unit import Unit, unit


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    example_arguments(command, required=True)
    command.add_argument("--activity", action="store_true", help="count spikes and synaptic events of the whole chip, at the compiled length")
    run_arguments(command)


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    task = labelled.task_named(o.task)
    if o.data is None and task.file is None:
        o.refuse("the following arguments are required: --data")
    data = labelled.place(task, o.data)
    outputs.require([Output(o.json, REPORT)], [Path(o.program), dataset.file_of(task, data, o.split)])
    program = opened(o)
    require_classifier(program, o.program)
    labelled.require_task(task, program.host.task, o.program, labels=program.host.labels)
    examples = dataset.read(task, data, o.split, o.limit)
    with progress(f"{task.name} on {o.executor}", len(examples)) as step, told_warnings():
        found = evaluate(Encoder(program), task, examples, o.executor, how(o, program), step)
    out.print(line(found, o.split), soft_wrap=True)
    if found.answers.activity:
        out.print(_activity_line(unit(program), found.answers.activity), soft_wrap=True)
    if o.json:
        write_atomic(o.json, json.dumps(report(found, o.split)).encode())


def _activity_line(of: Unit, activity: Activity) -> str:
    spikes, events = (of.windows * sum(counts.values()) / activity.samples for counts in (activity.spikes, activity.events))
    held = f", a slot of {of.slot} tokens" if of.slot else ""
    return f"{spikes:,.0f} spikes and {events:,.0f} synaptic events a {of.name}{held}"
