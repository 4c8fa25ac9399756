"""Many cases on all cores: each is made from the seed, the kind's name and its number alone, so that any can be had again."""

from __future__ import annotations

import gc
import importlib
import shutil
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from fuzz import child, judge, seeds
from fuzz.case import Change, Done, Fault, Kind, Outcome, Step
from fuzz.keep import CASE, keep
from fuzz.kinds import checkpoint, map, nir, profile, program, qonnx, runs, tokenizer
from fuzz.workers import shared

from tritspike.runtime.simulator import cache

KINDS: dict[str, Kind] = {k.name: k for k in (*(m.KIND for m in (program, checkpoint, tokenizer, map, profile, runs, nir, qonnx)), program.VERSION2)}


@dataclass(frozen=True)
class Campaign:
    """seeds: folder of whole inputs by kind. until: of `time.monotonic`, after which no case is begun. real: as real commands too."""

    seed: int
    seeds: Path
    until: float = float("inf")
    kept: Path | None = None
    real: bool = False
    limits: child.Limits = field(default_factory=child.Limits)


def prepare(folder: Path, names: Sequence[str]) -> None:
    """Whole inputs of those kinds below `folder`, made in a process of their own: the tokenizer library must start no thread in this one."""
    warm()
    gc.collect()
    gc.freeze()  # so that children do not copy what they never change
    for _ in shared(partial(_seeds, folder), names, 1):
        pass


def warm() -> None:
    """Load what commands load when they need it, so that no child does."""
    cache.prepare()
    for name in (
        "safetensors.numpy",
        "h5py",
        "onnx",
        "scipy.sparse",
        "matplotlib.backends.backend_svg",
        "matplotlib.figure",
        "mpl_toolkits.mplot3d",
        "tritspike.runtime.consoles",
    ):
        importlib.import_module(name)


def _seeds(below: Path, name: str) -> None:
    (below / name).mkdir(parents=True)
    KINDS[name].seeds(below / name)
    for shape in (below / name).iterdir():
        (shape / seeds.SHAPE).write_text(shape.name)


def run(campaign: Campaign, names: Sequence[str], cases: int, jobs: int, first: int = 0) -> Generator[Outcome]:
    """`cases` of each kind, the kinds in turn; those that time leaves out are not reported."""
    wanted = [(name, number) for number in range(first, first + cases) for name in names]
    with closing(shared(partial(_in_time, campaign), wanted, jobs)) as found:
        yield from (outcome for outcome in found if outcome is not None)


def _in_time(campaign: Campaign, case: tuple[str, int]) -> Outcome | None:
    if time.monotonic() >= campaign.until:
        return None
    try:
        return run_case(campaign, KINDS[case[0]], case[1])
    except Exception:  # a mutation that could not be made: a fault of the fuzzer, to be seen among the others
        return Outcome(case[0], campaign.seed, case[1], "", faults=(Fault("fuzzer", traceback.format_exc().strip().splitlines()[-1]),))


def run_case(campaign: Campaign, kind: Kind, number: int) -> Outcome:
    """Make one case and run it, in a folder of its own that is gone afterwards; what breaks a promise is made again where it is kept."""
    change, done = _run_once(campaign, kind, number, child.forked)
    faults = judge.faults(change, done)
    if campaign.real:
        _, shown = _run_once(campaign, kind, number, child.spawned)
        faults += judge.faults(change, shown) + judge.unlike(done, shown)
    outcome = Outcome(kind.name, campaign.seed, number, change.what, done, faults)
    if campaign.kept:
        keep(outcome, campaign.kept, lambda folder: made(campaign, kind, number, folder))
    return outcome


def _run_once(campaign: Campaign, kind: Kind, number: int, how: Callable[..., Done]) -> tuple[Change, tuple[Done, ...]]:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as parent:
        steps, change = made(campaign, kind, number, Path(parent) / "case")
        return change, carried_out(steps, Path(parent) / "case", campaign.limits, how)


def made(campaign: Campaign, kind: Kind, number: int, folder: Path) -> tuple[tuple[Step, ...], Change]:
    """The case's files in `folder`, and what is run on them."""
    rng = Random(f"{campaign.seed}/{kind.name}/{number}")
    shutil.copytree(rng.choice(sorted((campaign.seeds / kind.name).iterdir())), folder)
    steps = kind.steps(rng, folder)
    return steps, kind.change(rng, folder)


def copied(folder: Path, to: Path) -> Path:
    """A kept case's files, FIFOs, sockets and links too."""
    subprocess.run(["cp", "-a", str(folder), str(to)], check=True)
    (to / CASE).unlink()
    return to


def carried_out(steps: Sequence[Step], folder: Path, limits: child.Limits, how: Callable[..., Done] = child.forked) -> tuple[Done, ...]:
    """Run the steps up to the first that refuses; a twin is run whatever the step before it did."""
    done: list[Done] = []
    for n, step in enumerate(steps):
        done.append(how(step, folder, limits))
        if done[-1].code != 0 and not any(s.twin for s in steps[n + 1 : n + 2]):
            break
    return tuple(done)
