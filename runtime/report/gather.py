"""A page's records, section by section."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.mapping import Mapping
from tritspike.runtime.rates import rates_of
from tritspike.runtime.report import board, card, costs, network, rates, versus
from tritspike.runtime.report.played import Played
from tritspike.runtime.report.records import Board, Page, Section
from tritspike.runtime.tasks.versus.comparison import Comparison
from tritspike.runtime.tasks.versus.runs import Past
from tritspike.runtime.unit import unit


@dataclass(frozen=True, eq=False, kw_only=True)
class Found:
    """All that a page tells of. profile: None where the mapping's is not known here; compared, past: None where nothing was asked for.

    gate: least B - A that is allowed, in points; runs: where `past` is from.
    """

    program: Program | ArrayProgram
    path: Path
    played: Played
    card: dict[str, Any] | None = None
    mapping: Mapping | None = None
    profile: HardwareProfile | None = None
    compared: Comparison | None = None
    past: Sequence[Past] | None = None
    runs: str = ""
    gate: float | None = None


def page(found: Found) -> Page:
    """Raises what planning the program raises."""
    program = found.program
    subtitle = f"{program.neurons():,} neurons; {program.takes}; {program.scheduled.depth} steps deep"
    return Page(f"Report on {found.path.name}", subtitle, tuple(_sections(found)))


def _sections(f: Found) -> Iterator[Section]:
    yield card.section(f.program, f.path, f.card, f.played)
    yield rates.raster_section(f.played)
    yield rates.rates_section(f.program, f.played)
    yield network.section(f.program.scheduled)
    yield _chip(f)
    yield costs.section(f.program, f.played, costs.on_board(f.program, f.played, f.mapping, f.profile))
    if f.compared is not None:
        yield versus.against(f.compared, f.gate)
    if f.past:
        yield versus.history(f.past, f.runs, f.gate)


def _chip(f: Found) -> Section:
    if f.mapping is None:
        return Section("chip", "It is on no chip yet", ("A mapping says which neurons lie on which core: lower it with --map.",))
    if f.profile is None:
        why = f"Where the cores of {f.mapping.profile} lie is not known here: --profile takes its .toml file."
        return Section("chip", f"It lies on {len(f.mapping.used):,} cores of {f.mapping.profile}", (why,))
    of = unit(f.program)
    drawn = board.board(f.mapping, f.profile, rates_of(f.program.scheduled, f.played.activity), of)
    says = (f"Messages are of the spikes counted on {f.played.source}; the host's enter at the first core.",)
    return Section("chip", _loaded(f.mapping, f.profile, drawn), says, (drawn,), board.tables(drawn, of))


def _loaded(mapping: Mapping, profile: HardwareProfile, drawn: Board) -> str:
    used = [core.load for core in drawn.cores if core.neurons]
    middle = sorted(used)[len(used) // 2] if used else 0.0
    return f"{len(mapping.used):,} of {profile.cores:,} cores of {profile.name} are in use; the median one is filled to {middle:.0%}"
