"""`sweep`: train every combination of some settings, keep what held-out text says of each, and show it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import tritspike
from tritspike.runtime import outputs
from tritspike.runtime.cluster.connect import connected
from tritspike.runtime.cluster.ordered import ordered
from tritspike.runtime.commands.cluster import cluster_arguments, cluster_of
from tritspike.runtime.commands.progress import progress
from tritspike.runtime.option_values import whole
from tritspike.runtime.outputs import HISTORY, Output
from tritspike.runtime.streams import say
from tritspike.runtime.sweep import history
from tritspike.runtime.sweep.grid import combinations
from tritspike.runtime.sweep.train import attempt
from tritspike.runtime.sweep.trials import Done, Sweep, Trial, claim, planned
from tritspike.runtime.tasks.versus import runs

Step = Callable[[int], None]
_SHARED = ("teacher", "data", "unlabelled")  # by all trainings of a folder


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("recipe", type=Path, help="TOML, as train's --config")
    command.add_argument("--over", nargs="+", required=True, metavar="SECTION.KEY=VALUE,VALUE", help="what is varied")
    command.add_argument("--teacher", required=True, help="folder or hub name")
    command.add_argument("--data", help="as train's")
    command.add_argument("--unlabelled", nargs="+", default=[], help="as train's")
    command.add_argument("--cache", type=Path, help="folder of the teacher's logits, which all trainings share (default: OUT/cache)")
    command.add_argument("--threads", type=whole(1, 256), default=1, help="of each training (default: 1, with which the same bytes come out again)")
    command.add_argument("--out", type=Path, required=True, help="folder; each training has one in it")
    command.add_argument("--runs", type=Path, metavar="FILE", default=runs.DEFAULT, help="the history, an SQLite file (default: ./%(default)s)")
    cluster_arguments(command)


def run(o: argparse.Namespace, out: Console) -> int:
    """The command: 1 where a training failed. Those that are done are not run again, and one that was killed goes on where it stopped."""
    where = cluster_of(o)
    some = combinations(o.over)
    outputs.require([Output(o.runs, HISTORY)], [o.recipe], folder=o.out)
    outputs.require_other_folder(o.out, [Path(o.teacher)])
    runs.require_usable(o.runs)
    sweep = planned(o.recipe, some, o.out)
    before = [trial.done() for trial in sweep.trials]
    claim(o.out, sweep, {name: getattr(o, name) for name in _SHARED})
    history.keep(o.runs, o.command, sweep, [done for done in before if done])
    left = [trial for trial, done in zip(sweep.trials, before) if done is None]
    with progress("sweep", len(left), unit="trainings") as step:
        failed = _train(o, sweep, left, where, step)
    out.print(_table(sweep))
    return int(failed)


def _train(o: argparse.Namespace, sweep: Sweep, left: Sequence[Trial], where: Any, step: Step) -> bool:
    """Whether one failed; the others are trained all the same, and each kept when it is done."""
    failed = False
    for trial, wrong in zip(left, _attempts(o, left, where, step)):
        done = None if wrong else trial.done()
        if done is None:
            say(f"error: {trial.folder}: {wrong or 'the training left no checkpoint'}")
            failed = True
        else:
            history.keep(o.runs, o.command, sweep, [done])
    return failed


def _attempts(o: argparse.Namespace, left: Sequence[Trial], where: Any, step: Step) -> Iterator[str | None]:
    """What each came to, in order."""
    asked = [(str(trial.folder.absolute()), _arguments(o, trial), tritspike.__version__) for trial in left]
    if where is None or not asked:
        for arguments in asked:
            yield attempt(*arguments)
            step(1)
        return
    with connected(where[0], where[1], o.wait) as client:
        yield from ordered(client, [(attempt, arguments) for arguments in asked], o.wait, lambda number: step(1))


def _arguments(o: argparse.Namespace, trial: Trial) -> list[str]:
    """Of `train`, but for --out. Dev is left alone: a search must not look at it."""
    cache = o.cache or o.out / "cache"
    given = ["--config", _path(o.recipe), "--teacher", _path(o.teacher), "--cache", _path(cache), "--threads", str(o.threads), "--no-dev"]
    data = [] if o.data is None else ["--data", _path(o.data)]
    unlabelled = ["--unlabelled", *map(_path, o.unlabelled)] if o.unlabelled else []
    return [*given, *data, *unlabelled, "--set", *trial.settings]


def _path(word: str | Path) -> str:
    """From anywhere; a name on the hub, where no file is, stays one."""
    return str(Path(word).absolute()) if Path(word).exists() or isinstance(word, Path) else str(word)


def _table(sweep: Sweep) -> Table:
    """Those that are done, the best first."""
    table = Table(title=f"{sweep.task}: {sweep.metric} on text that is held out of train")
    for name in (*(s.split("=")[0] for s in sweep.trials[0].settings), sweep.metric, "distance", "spike rate", "minutes"):
        table.add_column(name, justify="right", overflow="fold")
    found = [done for done in (trial.done() for trial in sweep.trials) if done]
    for done in sorted(found, key=lambda d: d.held_out, reverse=sweep.greater):
        table.add_row(*(s.split("=", 1)[1] for s in done.trial.settings), *_figures(done))
    return table


def _figures(done: Done) -> tuple[str, ...]:
    distance = "-" if done.distance is None else f"{done.distance:.4f}"
    return f"{done.held_out:.4f}", distance, f"{done.rate:.4f}", f"{done.minutes:.1f}"
