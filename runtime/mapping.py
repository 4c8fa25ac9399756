"""A program's place on a board: which slice of which population sits on which core. Written beside the program as a .map file."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from runtime import program_file
from runtime.errors import FileError, InputError
from runtime.files import Arrays, read_tensors, tensor_bytes, write_atomic
from runtime.program import SOURCE, Program
from runtime.tiling import Index, Tiling, grid_axes

FORMAT, VERSION = "tritspike-mapping", 2


@dataclass(frozen=True, eq=False)
class Mapping:
    """tilings: of every population on the chip, in program order. cores: by population, the core of each slice; core n is on chip
    n // cores_per_chip. forms: storage format by synapse. report: the figures that were computed with it, as JSON values.
    """

    program: Program
    profile: str
    tilings: tuple[Tiling, ...]
    cores: dict[str, Index]
    forms: dict[str, str]
    report: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def used(self) -> list[int]:
        """Cores that hold a slice, ascending."""
        return sorted({int(c) for cores in self.cores.values() for c in cores})


def save(mapping: Mapping, path: Path) -> None:
    """Write atomically; the same mapping gives the same bytes."""
    write_atomic(path, to_bytes(mapping))


def to_bytes(mapping: Mapping) -> bytes:
    """What a .map file holds."""
    arrays: Arrays = {f"cores.{name}": cores for name, cores in mapping.cores.items()}
    body = {
        "format": FORMAT,
        "version": VERSION,
        "program": program_file.digest(mapping.program),
        "profile": mapping.profile,
        "cuts": {t.population.name: t.cuts for t in mapping.tilings},
        "forms": mapping.forms,
        "report": mapping.report,
    }
    return tensor_bytes(arrays, {"tritspike": json.dumps(body)})  # in order, since the report is printed in its


def load(path: Path, program: Program) -> Mapping:
    """Read a mapping of `program`. Raises `FileError` where the file is damaged, `InputError` where it maps another program."""
    arrays, metadata = read_tensors(path)
    try:
        body = json.loads(metadata["tritspike"])
        if body["format"] != FORMAT or body["version"] != VERSION:
            raise FileError(f"{path}: {body['format']} version {body['version']}, this runtime reads {FORMAT} version {VERSION}")
        if body["program"] != program_file.digest(program):
            raise InputError(f"{path}: maps another program", "lower it again with --map")
        return _build(body, arrays, program)
    except (KeyError, ValueError, TypeError) as error:
        raise FileError(f"{path}: not a whole mapping: {error}") from None


def _build(body: dict[str, Any], arrays: Arrays, program: Program) -> Mapping:
    tilings = []
    for p in program.populations:
        if p.role != SOURCE:
            cuts = tuple(tuple(int(n) for n in c) for c in body["cuts"][p.name])
            tilings.append(Tiling(p, program.dims, _checked(cuts, grid_axes(p.axes), p.stages, program)))
    cores = {t.population.name: arrays[f"cores.{t.population.name}"].astype(np.int64) for t in tilings}
    for t in tilings:
        if len(cores[t.population.name]) != len(t):
            raise ValueError(f"{t.population.name} has {len(t)} slices on {len(cores[t.population.name])} cores")
    return Mapping(program, body["profile"], tuple(tilings), cores, body["forms"], body["report"])


def _checked(cuts: tuple[tuple[int, ...], ...], axes: str, stages: int, program: Program) -> tuple[tuple[int, ...], ...]:
    ends = [stages, *(program.dims.axis(a) for a in axes[1:])]
    if [(c[0], c[-1]) for c in cuts] != [(0, n) for n in ends] or any(b <= a for c in cuts for a, b in itertools.pairwise(c)):
        raise ValueError(f"cuts {cuts} do not cover a grid of {ends}")
    return cuts
