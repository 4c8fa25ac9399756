"""What `lower --map` does beyond lowering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from compiler.mapping.fit import Mapped, map_program
from compiler.mapping.picture import picture
from compiler.mapping.report import report
from compiler.mapping.workload import assumed, measured
from hw_profiles.profile import HardwareProfile
from runtime import map_report
from runtime import mapping as mapping_file
from runtime.files import write_atomic
from runtime.program import Program


def mapped(program: Program, profile: HardwareProfile, texts: Path | None) -> tuple[Mapped, dict[str, Any]]:
    """The mapping, and its figures. Raises `DoesNotFit`, and `DataError` where the texts cannot be read."""
    workload = measured(program, texts) if texts else assumed(program)
    found = map_program(program, profile, workload.rates)
    return found, report(found, workload)


def write(found: Mapped, figures: dict[str, Any], program_path: Path, out: Console) -> None:
    """FILE.map and FILE.svg beside the program, and the report on the console."""
    mapping_file.save(found.mapping(figures), program_path.with_suffix(".map"))
    write_atomic(program_path.with_suffix(".svg"), picture(found).encode())
    for item in map_report.tables(figures):
        out.print(item, soft_wrap=isinstance(item, str))
    out.print(f"{program_path.with_suffix('.map')}, {program_path.with_suffix('.svg')}: written", soft_wrap=True)
