"""A program's place on a board: which slice of which population sits on which core. Written beside the program as a .map file."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import Finding, decoding, listed
from tritspike.hw_profiles.profile import MOST_CORES
from tritspike.runtime import map_report
from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.files import Arrays, digest, read_tensors, require_object, tensor_bytes, write_atomic
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import Program
from tritspike.runtime.program import SOURCE, Population
from tritspike.runtime.tiling import Index, Tiling, extent, grid_axes

FORMAT, VERSION = "tritspike-mapping", 2
FORMS = ("shared", "sparse", "dense")  # how the synapses of a projection are stored
_AGAIN = "lower it again with --map"
_SPARSEST = 16  # boxes for each one that holds neurons: a causal model leaves about half of them empty


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
    described = {
        "format": FORMAT,
        "version": VERSION,
        "program": program_file.digest(mapping.program),
        "profile": mapping.profile,
        "cuts": {t.population.name: t.cuts for t in mapping.tilings},
        "forms": mapping.forms,
        "report": mapping.report,
    }
    body = json.dumps(described)  # in order, since the report is printed in its
    return tensor_bytes(arrays, {"tritspike": json.dumps({"sha256": digest(body, arrays), "mapping": body})})


def load(path: Path, program: Program) -> Mapping:
    """Read a mapping of `program`. Raises `FileError` where the file is damaged, `InputError` where it maps another program."""
    arrays, metadata = read_tensors(path)
    with decoding(path, "mapping", FileError):
        outer = json.loads(metadata["tritspike"])
        if outer.get("version") == 1:
            raise FileError(f"{path}: {FORMAT} version 1, this runtime reads version {VERSION}", _AGAIN)
        body = _body(outer, arrays, path)
        if body["program"] != program_file.digest(program):
            raise InputError(f"{path}: maps another program", _AGAIN)
        if found := [*_findings(body, arrays, program), *_report_findings(body)]:
            raise FileError(f"{path}: not a sound mapping: {listed(found)}")
        return _build(body, arrays, program)


def _body(outer: dict[str, Any], arrays: Arrays, path: Path) -> dict[str, Any]:
    """What the checksum is of."""
    body: dict[str, Any] = require_object(json.loads(outer["mapping"]), path)
    if body["format"] != FORMAT or body["version"] != VERSION:
        raise FileError(f"{path}: {body['format']} version {body['version']}, this runtime reads {FORMAT} version {VERSION}", _AGAIN)
    if outer["sha256"] != digest(outer["mapping"], arrays):
        raise FileError(f"{path}: the checksum does not match: the file is damaged", _AGAIN)
    return body


def _findings(body: dict[str, Any], arrays: Arrays, program: Program) -> Iterator[Finding]:
    """What contradicts the program, or itself."""
    ours = [p for p in program.populations if p.role != SOURCE]
    synapses, forms = {s.name for s in program.synapses}, body["forms"]
    yield from _name_findings("cuts", body["cuts"].keys(), {p.name for p in ours})
    yield from _name_findings("forms", forms.keys(), synapses)
    yield from _name_findings("arrays", arrays.keys(), {f"cores.{p.name}" for p in ours})
    for name in sorted(synapses & forms.keys()):
        if forms[name] not in FORMS:
            yield Finding("forms", name, forms[name], ", ".join(FORMS))
    if not isinstance(body["profile"], str):
        yield Finding("mapping", "profile", body["profile"], "a name")
    board = body["report"].get("cores", [0, MOST_CORES])[1]
    for p in ours:
        if p.name in body["cuts"] and f"cores.{p.name}" in arrays:
            yield from _population_findings(p, body["cuts"][p.name], arrays[f"cores.{p.name}"], board, program)


def _name_findings(where: str, found: Iterable[str], wanted: set[str]) -> Iterator[Finding]:
    for name in sorted(set(found) ^ wanted):
        yield Finding(where, name, "missing" if name in wanted else "there", "each of the program's and no other")


def _population_findings(p: Population, cuts: Any, cores: NDArray[Any], board: int, program: Program) -> Iterator[Finding]:
    ends = [extent(a, p, program.dims) for a in grid_axes(p.axes)]
    if [_ends(c) for c in cuts] != ends:
        yield Finding(p.name, "cuts", cuts, f"whole numbers that rise from 0 to {', '.join(map(str, ends))}")
        return
    boxes = math.prod(len(c) - 1 for c in cuts)
    if cores.dtype != np.int64 or cores.ndim != 1 or not boxes / _SPARSEST <= len(cores) <= boxes:
        yield Finding(p.name, "cores", f"{cores.dtype}{list(cores.shape)}", f"int64, one for each slice of {boxes} boxes")
    elif len(cores) != len(tiling := Tiling(p, program.dims, _tuples(cuts))):
        yield Finding(p.name, "cores", len(cores), f"{len(tiling)}, one for each slice")
    elif not 0 <= cores.min() <= cores.max() < board:
        yield Finding(p.name, "cores", f"{cores.min()}..{cores.max()}", f"0..{board - 1}")


def _ends(cut: list[Any]) -> int:
    """Where boundaries end that rise from 0; -1 where they do not."""
    rise = all(type(n) is int for n in cut) and all(a < b for a, b in itertools.pairwise(cut))
    return cut[-1] if rise and len(cut) > 1 and cut[0] == 0 else -1


def _report_findings(body: dict[str, Any]) -> Iterator[Finding]:
    """None for a mapping without figures."""
    if body["report"]:
        yield from map_report.findings(body["report"])


def _tuples(cuts: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(c) for c in cuts)


def _build(body: dict[str, Any], arrays: Arrays, program: Program) -> Mapping:
    tilings = tuple(Tiling(p, program.dims, _tuples(body["cuts"][p.name])) for p in program.populations if p.role != SOURCE)
    cores: dict[str, Index] = {t.population.name: arrays[f"cores.{t.population.name}"] for t in tilings}
    return Mapping(program, body["profile"], tilings, cores, body["forms"], body["report"])
