"""The one ordered table of passes, and the runner that owns their contract: sound before, sound after, and which pass broke it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tritspike.compiler.ir.graph import Graph
from tritspike.compiler.ir.printer import show
from tritspike.compiler.ir.verify import verify
from tritspike.compiler.passes.assign_latencies import AssignLatencies
from tritspike.compiler.passes.base import Pass
from tritspike.compiler.passes.check_capacity import CheckCapacity
from tritspike.compiler.passes.expand_products import ExpandProducts
from tritspike.compiler.passes.fold_registers import FoldRegisters
from tritspike.compiler.passes.insert_relays import InsertRelays
from tritspike.compiler.passes.prove_ranges import ProveRanges
from tritspike.compiler.passes.silence_padding import SilencePadding
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.files import make_folder, write_atomic

DEFAULT: tuple[Pass, ...] = (
    FoldRegisters(),
    SilencePadding(),  # after folding, which drops biases of zero: they need no inhibition
    ExpandProducts(),  # before latencies: a coincidence neuron takes a step of its own
    AssignLatencies(),
    InsertRelays(),
    ProveRanges(),  # after silencing: inhibition counts against the accumulator too
    CheckCapacity(),  # last: relays are a large share of the neurons
)


def run(graph: Graph, profile: HardwareProfile, passes: Sequence[Pass] = DEFAULT, dump: Path | None = None) -> Graph:
    """Apply `passes` in order. `dump`: a folder that gets the printed graph after each."""
    first, *rest = dumped(passes)
    verify(graph, "before the first pass")
    _dump(graph, dump, first)
    for step, name in zip(passes, rest):
        graph = step.apply(graph, profile)
        verify(graph, f"after {step.name}")
        _dump(graph, dump, name)
    return graph


def dumped(passes: Sequence[Pass]) -> list[str]:
    """Names of the files in a dump's folder. They are written as it goes: what a refused lowering was, up to its refusal."""
    return [f"{number:02}-{name}.txt" for number, name in enumerate(["frontend", *(step.name for step in passes)])]


def _dump(graph: Graph, folder: Path | None, name: str) -> None:
    if folder is not None:
        make_folder(folder)
        write_atomic(folder / name, show(graph).encode())
