"""`report`: a program as one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from tritspike.hw_profiles.errors import ProfileError
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.hw_profiles.profile import load as load_profile
from tritspike.runtime import outputs
from tritspike.runtime.cli import console
from tritspike.runtime.commands.arguments import MOST, opened, program_argument, unicode_text
from tritspike.runtime.errors import InputError
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host import arrays
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.told import told_warnings
from tritspike.runtime.option_values import real, whole
from tritspike.runtime.outputs import PAGE, Output
from tritspike.runtime.report import card, played
from tritspike.runtime.report.gather import Found, page
from tritspike.runtime.report.played import Given, Played
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.versus import runs
from tritspike.runtime.tasks.versus.comparison import Comparison, compare
from tritspike.runtime.tasks.versus.run import run as run_side
from tritspike.runtime.tasks.versus.sources import Asked, files_of, require_answerable
from tritspike.runtime.tasks.versus.statistics import RESAMPLES

if TYPE_CHECKING:
    from tritspike.runtime.mapping import Mapping


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("--out", type=Path, required=True, metavar="REPORT.html", help="the page: one file, which loads nothing")
    data = "to count and score on: a GLUE folder or a task's .toml, for a language model a text file, for a network of your own arrays (.npy, .npz)"
    command.add_argument("--data", help=data)
    command.add_argument("--split", choices=["dev", "train"], default="dev", help="of a task's files (default: dev)")
    command.add_argument("--limit", type=whole(1, MOST), help="the first so many examples, tokens or samples")
    command.add_argument(
        "--text", nargs="+", metavar="TEXT", help="the text, or the two texts of a pair, whose spikes are drawn (default: the first of --data)"
    )
    command.add_argument("--against", metavar="B", help="hold this model against the program, on --data: anything that compare takes")
    command.add_argument("--card", help="card.json of its training, or the checkpoint's folder or name (default: the one of a folder that is named)")
    command.add_argument("--map", type=Path, metavar="FILE.map", help="where it lies on a chip (default: beside the program, where it is there)")
    command.add_argument("--profile", help="the mapping's board, where it is no shipped one: its .toml file")
    command.add_argument("--runs", type=Path, metavar="FILE", help=f"the history that compare keeps (default: ./{runs.DEFAULT}, where it is there)")
    command.add_argument("--fail-below", type=real(-200, 200), metavar="POINTS", help="draw compare's gate: what B - A may not be below")


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    if o.against is not None and o.data is None:
        o.refuse("--against needs --data")
    import bokeh  # noqa: F401  before any work: an extra that may not be there

    from tritspike.runtime.report.page import html

    path = o.names.find(o.program)
    outputs.require([Output(o.out, PAGE)], _inputs(o, path))
    with console(stderr=True).status(Text(f"reading {path}")), told_warnings():
        written = html(page(_found(o, path))).encode()
    write_atomic(o.out, written)
    out.print(f"{o.out}: {len(written):,} bytes", soft_wrap=True)


def _inputs(o: argparse.Namespace, path: Path) -> list[Path]:
    """Files that are read, and that the page may not replace."""
    named = [path, path.with_suffix(".map"), *(Path(p) for p in (o.map, o.data, o.card, o.profile) if p is not None), o.runs or runs.DEFAULT]
    return [*named, *(files_of(o.names.find(o.against)) if o.against is not None else ())]


def _found(o: argparse.Namespace, path: Path) -> Found:
    program: Program | ArrayProgram = arrays.load(path) if path.is_file() and arrays.claims(path) else opened(o)
    card_at = o.names.find(o.card) if o.card is not None else path / card.CARD if path.is_dir() else None
    told = card.read(card_at) if card_at is not None and (o.card is not None or card_at.exists()) else None
    mapping = _mapping(o, path, program)
    profile = _profile(o, mapping)
    compared = _compared(o, path, program) if o.against is not None else None
    past, where = _past(o, program)
    seen = _played(o, program)
    return Found(
        program=program,
        path=path,
        played=seen,
        card=told,
        mapping=mapping,
        profile=profile,
        compared=compared,
        past=past,
        runs=where,
        gate=o.fail_below,
    )


def _played(o: argparse.Namespace, program: Program | ArrayProgram) -> Played:
    texts = None if o.text is None else [unicode_text(text) for text in o.text]
    if texts is not None and len(texts) > 2:
        raise InputError(f"--text: {len(texts)} texts", "one, or the two of a pair")
    text = None if texts is None else texts[0] if len(texts) == 1 else (texts[0], texts[1])
    given = Given(text, o.data, o.split, o.limit, o.program)
    return played.of_arrays(program, given) if isinstance(program, ArrayProgram) else played.of_texts(program, given)


def _mapping(o: argparse.Namespace, path: Path, program: Program | ArrayProgram) -> Mapping | None:
    from tritspike.runtime import mapping

    beside = path.with_suffix(".map")
    if o.map is None and (path.is_dir() or not beside.exists()):
        return None
    return mapping.load(o.map or beside, program.scheduled)


def _profile(o: argparse.Namespace, mapping: Mapping | None) -> HardwareProfile | None:
    if mapping is None:
        return None
    if o.profile is not None and load_profile(o.profile).name != mapping.profile:
        raise InputError(f"--profile {o.profile}: describes {load_profile(o.profile).name}, the mapping is for {mapping.profile}")
    try:
        return load_profile(o.profile or mapping.profile)
    except ProfileError:
        if o.profile is not None:
            raise
        return None


def _compared(o: argparse.Namespace, path: Path, program: Program | ArrayProgram) -> Comparison:
    """As `compare` does, of the program's own task; not kept."""
    if isinstance(program, ArrayProgram) or program.each:
        raise InputError(f"--against: {path} gives no label to a text, and only models that do are compared", "leave it out")
    task, data = labelled.of_program(program.host.task, program.host.labels, o.data, path)
    asked, other = Asked(task, data, o.split, o.limit), o.names.find(o.against)
    for source in (path, other):
        require_answerable(source, asked)
    truth = [e.label for e in asked.examples]
    a, b = (run_side(source, asked, o.names.lower) for source in (path, other))
    return compare(asked, truth, asked.digest(), a, b, RESAMPLES, 0)


def _past(o: argparse.Namespace, program: Program | ArrayProgram) -> tuple[list[runs.Past] | None, str]:
    """(runs of the program's task, where they are kept)."""
    where = o.runs or runs.DEFAULT
    if isinstance(program, ArrayProgram) or (o.runs is None and not where.exists()):
        return None, ""
    return runs.history(where, program.host.task), str(where)
