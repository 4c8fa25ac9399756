"""The model card: what a program is by itself, what it scored, and what its training wrote about it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from tritspike.runtime.files import read_json
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.report.played import Played
from tritspike.runtime.report.records import Section, Table
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.versus.run import parameters
from tritspike.runtime.tasks.versus.sources import digest

CARD = "card.json"
_MOST_FACTS, _LONGEST, _LISTED = 300, 200, 4  # rows of a card; characters of a fact; entries of a list
_SCORES, _MOST_SCORES = ("dev", "test", "valid"), 12  # entries of what it scored, by whom its training was scored
_FIRST = ("dev", "test", "valid", "note", "remarks", "command", "teacher_held_out", "held_out_float", "held_out_integer", "minutes")


def read(path: Path) -> dict[str, Any]:
    """A card, or that of a checkpoint folder. Raises `FileError`."""
    return read_json(path / CARD if path.is_dir() else path)


def section(program: Program | ArrayProgram, path: Path, card: dict[str, Any] | None, played: Played) -> Section:
    """path: of the program's file."""
    facts = tuple(_facts(program, path, played))
    tables = [Table("What it is", ("fact", "value"), facts, 2)]
    if card is not None:
        scores = tuple(islice(_leaves({name: card[name] for name in _SCORES if name in card}, ()), _MOST_SCORES))
        tables += [Table("What it scored, by its card", ("of", "value"), scores, 1)] if scores else []
        rows = tuple(_told(card))
        more = "" if len(rows) < _MOST_FACTS else f", the first {_MOST_FACTS} entries"
        tables.append(Table(f"What its training wrote{more}", ("entry", "value"), rows, 2, folded=True))
    says = () if card is not None else ("No card was given: --card takes the one that a training writes beside its checkpoint.",)
    return Section("card", _heading(program, played), says, (), tuple(tables))


def _heading(program: Program | ArrayProgram, played: Played) -> str:
    if isinstance(program, ArrayProgram):
        return f"A network of {program.neurons():,} neurons that is given arrays of spikes"
    if played.scored is None:
        return f"A {program.host.weights} model of the task {program.host.task}: {_answers(program)}"
    name, value = next(iter(played.scored.metrics.items()))
    return f"It scores {100 * value:.1f} ({name}) on {played.source}"


def _answers(program: Program) -> str:
    if program.each:
        return "a next token behind every token"
    return f"one of {len(program.host.labels)} labels for a text" if program.host.labels else "a number for a text"


def _facts(program: Program | ArrayProgram, path: Path, played: Played) -> Iterator[tuple[str, str]]:
    if isinstance(program, Program):
        yield from _of_texts(program)
    yield "reads", program.takes
    yield "neurons on the chip", f"{program.neurons():,}"
    yield "synapses", f"{sum(s.wiring.count(*program.network.grids(s)) for s in program.network.synapses):,}"
    yield "depth", f"{program.scheduled.depth:,} steps from what is played to the last population"
    for name, value in ({} if played.scored is None else played.scored.metrics).items():
        yield f"{name}, here", f"{100 * value:.2f} on {played.source}"
    if path.is_file():
        found = digest(path)
        yield "file", f"{path.name}, {found.bytes:,} bytes"
        yield "SHA-256", found.sha256


def _of_texts(program: Program) -> Iterator[tuple[str, str]]:
    host = program.host
    yield "task", host.task
    if host.labels:
        yield "labels", ", ".join(labelled.label_names(host.task, host.labels))
    yield "weights", host.weights
    yield "learned numbers", f"{parameters(program):,}, embeddings and head included"
    yield "compiled for", program.profile


def _told(card: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Entries one by one, what most ask for first, at most `_MOST_FACTS`."""
    ordered = {name: card[name] for name in (*(n for n in _FIRST if n in card), *(n for n in card if n not in _FIRST))}
    for count, row in enumerate(_leaves(ordered, ()), 1):
        yield row
        if count == _MOST_FACTS:
            return


def _leaves(value: Any, at: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and len(at) < 8:
        for name, inner in value.items():
            yield from _leaves(inner, (*at, str(name)))
    else:
        yield _cut(": ".join(at)), _cut(_written(value))


def _written(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        more = f" and {len(value) - _LISTED:,} more" if len(value) > _LISTED else ""
        return ", ".join(_cut(str(entry)) for entry in value[:_LISTED]) + more
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
