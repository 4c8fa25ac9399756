"""A network's place on a board: which slice of which population sits on which core. Written beside a program as a .map file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tritspike.hw_profiles.errors import decoding, listed
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime import mapping_findings, records
from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.files import Arrays, digest, read_tensors, require_object, tensor_bytes, write_atomic
from tritspike.runtime.map_report import Report
from tritspike.runtime.network import file
from tritspike.runtime.network.boxes import Boxes, Tiling
from tritspike.runtime.network.grid import Index
from tritspike.runtime.network.network import Network, Scheduled
from tritspike.runtime.network.stacks import stack_grid

FORMAT, VERSION = "tritspike-mapping", 5
DENSE, SPARSE, SHARED = mapping_findings.FORMS  # how the synapses of a projection are stored
_AGAIN = "lower it again with --map"


@dataclass(frozen=True)
class Form:
    """How lists of synapses are stored. positions: of `shared`, the source coordinates of whose every place there is an axon."""

    name: str
    positions: tuple[str, ...] = ()

    def slots(self, profile: HardwareProfile) -> int:
        """Output slots that a spike's way to one slice takes at its source."""
        return profile.population_axon_slots if self.name == SHARED else 1


@dataclass(frozen=True, eq=False)
class Stack:
    """Populations of one grid that are cut together. tiling: of that grid behind a first axis, along which `members` are.

    cores: (slices,) of each; core n is on chip n // cores_per_chip.
    """

    members: tuple[str, ...]
    tiling: Tiling
    cores: Index


@dataclass(frozen=True, eq=False)
class Slice:
    """Neurons of one population on one core. box: (coordinates, 2) of its grid."""

    population: str
    core: int
    box: Boxes


@dataclass(frozen=True, eq=False)
class Mapping:
    """stacks: every population on the chip in one of them. forms: storage format by synapse. report: the figures computed with it, or None."""

    program: Scheduled
    profile: str
    stacks: tuple[Stack, ...]
    forms: dict[str, Form]
    report: Report | None = None

    @cached_property
    def used(self) -> list[int]:
        """Cores that hold a slice, ascending."""
        return sorted({int(c) for stack in self.stacks for c in stack.cores})

    def slices(self) -> Iterator[Slice]:
        """Each population's apart, where a core holds several of a stack."""
        for stack in self.stacks:
            for box, core in zip(stack.tiling.boxes, stack.cores.tolist()):
                for name in stack.members[box[0, 0] : box[0, 1]]:
                    yield Slice(name, core, box[1:])


def save(mapping: Mapping, path: Path) -> None:
    """Write atomically; the same mapping gives the same bytes."""
    write_atomic(path, to_bytes(mapping))


def to_bytes(mapping: Mapping) -> bytes:
    """What a .map file holds."""
    arrays: Arrays = {f"cores.{stack.members[0]}": stack.cores for stack in mapping.stacks}
    described = {
        "format": FORMAT,
        "version": VERSION,
        "program": file.digest(mapping.program),
        "profile": mapping.profile,
        "stacks": [{"members": stack.members, "cuts": stack.tiling.cuts} for stack in mapping.stacks],
        "forms": {name: vars(form) for name, form in mapping.forms.items()},
        "report": None if mapping.report is None else records.to_json(mapping.report),
    }
    body = json.dumps(described)  # in order, since the report is printed in its
    return tensor_bytes(arrays, {"tritspike": json.dumps({"sha256": digest(body, arrays), "mapping": body})})


def load(path: Path, program: Scheduled) -> Mapping:
    """Read a mapping of `program`. Raises `FileError` where the file is damaged, `InputError` where it maps another program."""
    arrays, metadata = read_tensors(path)
    with decoding(path, "mapping", FileError):
        body = _body(json.loads(metadata["tritspike"]), arrays, path)
        if body["program"] != file.digest(program):
            raise InputError(f"{path}: maps another program", _AGAIN)
        if found := list(mapping_findings.findings(body, arrays, program.network)):
            raise FileError(f"{path}: not a sound mapping: {listed(found)}")
        return _build(body, arrays, program)


def _body(outer: dict[str, Any], arrays: Arrays, path: Path) -> dict[str, Any]:
    """What the checksum is of."""
    if outer.get("version") == 1:
        raise FileError(f"{path}: {FORMAT} version 1, this runtime reads version {VERSION}", _AGAIN)
    body: dict[str, Any] = require_object(json.loads(outer["mapping"]), path)
    if body["format"] != FORMAT or body["version"] != VERSION:
        raise FileError(f"{path}: {body['format']} version {body['version']}, this runtime reads {FORMAT} version {VERSION}", _AGAIN)
    if outer["sha256"] != digest(outer["mapping"], arrays):
        raise FileError(f"{path}: the checksum does not match: the file is damaged", _AGAIN)
    return body


def _build(body: dict[str, Any], arrays: Arrays, program: Scheduled) -> Mapping:
    stacks = tuple(_stack(raw, arrays, program.network) for raw in body["stacks"])
    forms = {name: Form(raw["name"], tuple(raw["positions"])) for name, raw in body["forms"].items()}
    report = None if body["report"] is None else records.from_json(body["report"], Report)
    return Mapping(program, body["profile"], stacks, forms, report)


def _stack(raw: dict[str, Any], arrays: Arrays, network: Network) -> Stack:
    members = tuple(raw["members"])
    return Stack(members, Tiling(stack_grid(network, members), tuple(tuple(c) for c in raw["cuts"])), arrays[f"cores.{members[0]}"])
