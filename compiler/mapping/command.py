"""What `lower --map` does beyond lowering."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tritspike.compiler.mapping.fit import Mapped, Packed, fit, placed
from tritspike.compiler.mapping.picture import picture
from tritspike.compiler.mapping.report import report
from tritspike.compiler.mapping.workload import Workload, assumed, assumed_of, measured
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import map_report
from tritspike.runtime import mapping as mapping_file
from tritspike.runtime.errors import DataError
from tritspike.runtime.host.arrays import ArrayProgram
from tritspike.runtime.host.program import Program
from tritspike.runtime.map_report import Report
from tritspike.runtime.outputs import MAPPING, PICTURE, Output

ENDS = ("map", "svg")  # of the files beside a program


def workload(program: Program | ArrayProgram, texts: Path | None) -> Workload:
    """Measured on texts, or assumed. Raises `DataError` where they cannot be read, or the program reads none."""
    if isinstance(program, ArrayProgram):
        if texts is not None:
            raise DataError(f"{texts}: texts, for a program that is given arrays", "no --rates: a rate is assumed")
        return assumed_of(program.scheduled)
    return measured(program, texts) if texts else assumed(program)


def mapped(program: Program | ArrayProgram, profile: HardwareProfile, texts: Path | None, found: Packed | None = None) -> tuple[Mapped, Report]:
    """The mapping, and its figures. found: slices on cores of `profile`, where they are known (`auto.smallest`).

    Raises `DoesNotFit`, and `DataError` where the texts cannot be read.
    """
    work = workload(program, texts)
    on_board = placed(fit(program.scheduled, profile) if found is None else found, work.rates)
    return on_board, report(on_board, work, None if isinstance(program, ArrayProgram) else program)


def outputs(program_path: Path) -> list[Output]:
    """What is written beside a program: FILE.map and FILE.svg."""
    return [Output(program_path.with_suffix(f".{end}"), kind, named=False) for end, kind in zip(ENDS, (MAPPING, PICTURE))]


def contents(found: Mapped, figures: Report, program_path: Path) -> dict[Path, bytes]:
    """Those files, whole."""
    made = (mapping_file.to_bytes(found.mapping(figures)), picture(found).encode())
    return {program_path.with_suffix(f".{end}"): content for end, content in zip(ENDS, made)}


def tell(figures: Report, program_path: Path, out: Console) -> None:
    """The report on the console, and what was written."""
    for item in map_report.tables(figures):
        out.print(item, soft_wrap=isinstance(item, str))
    out.print(f"{program_path.with_suffix('.map')}, {program_path.with_suffix('.svg')}: written", soft_wrap=True)
