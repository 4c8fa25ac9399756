"""`evaluate`: score several programs on their tasks or texts, here or on a cluster."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tritspike.runtime import outputs
from tritspike.runtime.cluster.connect import connected
from tritspike.runtime.cluster.place import Scheduler
from tritspike.runtime.commands.arguments import MOST, bound_arguments, unmapped_argument
from tritspike.runtime.commands.cluster import cluster_arguments, cluster_of
from tritspike.runtime.commands.progress import progress
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.told import told_warnings
from tritspike.runtime.limits import MOST_THREADS, cores
from tritspike.runtime.option_values import whole
from tritspike.runtime.outputs import REPORT, Output
from tritspike.runtime.tasks import dataset, labelled
from tritspike.runtime.tasks.labelled import Task
from tritspike.runtime.tasks.sampling import read_text
from tritspike.runtime.tasks.shards import InOnePass, InWindows, Job, Labelling, Result


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("program", nargs="+", help="a .tsp file; with `tritspike` also a model's name, or a checkpoint folder")
    command.add_argument("--task", nargs="+", default=[], help=f"{labelled.ARGUMENT}: of those each classifier is scored on its own")
    command.add_argument("--data", nargs="+", default=[], help="the tasks' folder in the GLUE layout, or 'hub'; and UTF-8 texts for language models")
    command.add_argument("--split", choices=["dev", "train"], default="dev", help="of tasks (default: dev)")
    command.add_argument("--limit", type=whole(1, MOST), help="the first so many examples of each task")
    command.add_argument("--stride", type=whole(1, MOST), help="tokens between a language model's windows (default: half the window)")
    command.add_argument("--json", type=Path, metavar="OUT", help="write a report: a list of those that glue and perplexity write")
    cluster_arguments(command)
    command.add_argument("--shard", type=whole(1, MOST), help="texts or windows that a worker is sent at once (default: up to 1,024, or 128)")
    unmapped_argument(command)
    command.add_argument("--threads", type=whole(1, MOST_THREADS), help="of fast and onnx (default: all cores; on a cluster one a shard)")
    bound_arguments(command)
    command.add_argument("--strict", action="store_true", help="refuse texts longer than the compiled length instead of cutting them")


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    where = cluster_of(o)
    tasks, texts = [labelled.task_named(word) for word in o.task], _Words.of(o.data)
    outputs.require([Output(o.json, REPORT)], _read(o, tasks, texts))
    jobs = list(_jobs(o, tasks, texts))
    total = sum(job.size for job in jobs) if all(job.size for job in jobs) else None
    with progress(f"evaluate on {o.executor}", total, unit=_unit(jobs)) as step, told_warnings():
        found = _found(o, jobs, where, step)
    for job, result in zip(jobs, found):
        out.print(f"{job.name}: {result.line}", soft_wrap=True)
    if o.json:
        report = [{"program": job.name, **result.report} for job, result in zip(jobs, found)]
        write_atomic(o.json, (json.dumps(report) + "\n").encode())


def _found(o: argparse.Namespace, jobs: Sequence[Job], where: tuple[Scheduler | None, int] | None, step: Any) -> list[Result]:
    from tritspike.runtime.cluster import evaluate

    how = How(threads=o.threads or (cores() if where is None else 1), memory=o.memory << 20, limit=o.time_limit, strict=o.strict)
    if where is None:
        return evaluate.evaluate_here(jobs, o.executor, how, step)
    with connected(*where, o.wait) as client:
        return evaluate.evaluate_there(client, jobs, o.executor, how, step, o.wait, o.shard)


class _Words:
    """What --data names: a folder of tasks, or the hub; and texts."""

    def __init__(self, folder: str | None, texts: tuple[Path, ...]) -> None:
        self.folder, self.texts = folder, texts

    @classmethod
    def of(cls, words: Sequence[str]) -> _Words:
        """Raises `InputError` for two folders."""
        folders = [w for w in words if w == labelled.HUB or Path(w).is_dir()]
        if len(folders) > 1:
            raise InputError(f"--data names {len(folders)} folders, {folders[0]} and {folders[1]}", "one, with every task's files below it")
        return cls(folders[0] if folders else None, tuple(Path(w) for w in words if w not in folders))


def _read(o: argparse.Namespace, tasks: Sequence[Task], words: _Words) -> list[Path]:
    """Files that are read, and that the report may not replace."""
    files = [dataset.file_of(task, labelled.place(task, words.folder), o.split) for task in tasks]
    return [*map(Path, o.program), *files, *words.texts]


def _jobs(o: argparse.Namespace, tasks: Sequence[Task], words: _Words) -> Iterator[Job]:
    """In the order of the programs, and of a language model's texts. Raises `InputError` for a task or a text that none of them takes."""
    programs = [(word, o.names.load(word)) for word in o.program]
    for task in tasks:
        if task.name not in {program.host.task for _, program in programs}:
            raise InputError(f"--task {task.word}: none of the programs is compiled for {task.name}")
    if words.texts and not any(program.each for _, program in programs):
        raise InputError(f"--data {words.texts[0]}: a text, and none of the programs is a language model", "the tasks' folder")
    examples = {task.name: dataset.read(task, labelled.place(task, words.folder), o.split, o.limit) for task in tasks}
    read = {path: read_text(path) for path in words.texts}
    for word, program in programs:
        if program.each:
            yield from _of_texts(o, word, program, read)
        else:
            task = _task_of(word, program, tasks)
            yield Labelling(word, program, task, o.split, examples[task.name])


def _task_of(word: str, program: Program, tasks: Sequence[Task]) -> Task:
    if not tasks:
        raise InputError(f"{word}: a classifier, and no --task is given", f"--task {program.host.task}")
    task = next((t for t in tasks if t.name == program.host.task), tasks[0])
    labelled.require_task(task, program.host.task, word, labels=program.host.labels)
    return task


def _of_texts(o: argparse.Namespace, word: str, program: Program, read: dict[Path, str]) -> Iterator[Job]:
    if not read:
        raise InputError(f"{word}: a language model, and --data names no text", "--data wiki.test.tokens")
    if program.flows and o.stride:
        raise InputError(f"--stride {o.stride} of a program through which tokens flow, {word}", "no --stride: each is read once")
    for path, text in read.items():
        yield InOnePass(word, program, path.name, text) if program.flows else InWindows(word, program, path.name, text, o.stride)


def _unit(jobs: Sequence[Job]) -> str:
    kinds = {"tokens" if job.program.each else "texts" for job in jobs}
    return " and ".join(sorted(kinds, reverse=True))
