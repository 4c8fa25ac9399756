"""A job folder: the plan and what is played, written by the parent; membranes and recorded spikes, written by the child. Plain numpy, no Lava."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime.executors.lava.plan import Group, Link, Plan, Registers
from tritspike.runtime.files import Arrays, read_json, read_tensors, write_atomic, write_tensors

GO, DONE = "go", "done"  # pipes of a child that stays: bytes by which it is told to run a period, and says that it did
_CLOCK = "clock"
_LINK = ("data", "indices", "indptr")


@dataclass(frozen=True)
class Job:
    """What is to be run. recorded: groups whose spikes are kept; read: groups whose membranes are read, and their latency."""

    windows: int
    period: int
    depth: int
    recorded: tuple[int, ...]
    read: Mapping[int, int]

    @property
    def steps(self) -> int:
        """Until the last population has seen the last window."""
        return self.windows * self.period + self.depth

    def readings(self) -> dict[int, list[int]]:
        """step -> groups to be read after it, in order: each as a window ends in it."""
        found: dict[int, list[int]] = {}
        for group, latency in self.read.items():
            for n in range(1, self.windows + 1):
                found.setdefault(n * self.period + latency, []).append(group)
        return dict(sorted(found.items()))


def write(job: Job, plan: Plan, folder: Path) -> None:
    """Everything but what is played."""
    groups = [{"registers": g.registers and asdict(g.registers), "size": g.size} for g in plan.groups]
    links = [{"source": k.source, "target": k.target, "exponent": k.exponent} for k in plan.links]
    arrays = {f"group.{n}.{name}": getattr(g, name) for n, g in enumerate(plan.groups) for name in ("mantissa", "exponent")}
    arrays |= {f"link.{n}.{name}": getattr(k.weights, name) for n, k in enumerate(plan.links) for name in _LINK}
    write_tensors(folder / "plan.safetensors", arrays)
    write_atomic(folder / "job.json", json.dumps({"job": asdict(job), "groups": groups, "links": links}).encode())
    for n in job.recorded:
        with open(spikes(folder, n), "wb") as out:
            out.truncate(job.steps * ((plan.groups[n].size + 7) // 8))


def read(folder: Path) -> tuple[Job, Plan]:
    """What `write` wrote; the plan without where populations are in it."""
    settings, arrays = read_json(folder / "job.json"), read_tensors(folder / "plan.safetensors")[0]
    sizes = [g["size"] for g in settings["groups"]]
    groups = tuple(_group(g["registers"], arrays, n, g["size"]) for n, g in enumerate(settings["groups"]))
    links = tuple(_link(arrays, n, sizes, **k) for n, k in enumerate(settings["links"]))
    latencies = {int(group): latency for group, latency in settings["job"].pop("read").items()}  # JSON's keys are text
    return Job(**settings["job"], read=latencies), Plan(groups, links, {})


def _group(registers: dict[str, int] | None, arrays: Arrays, number: int, size: int) -> Group:
    mantissa, exponent = (arrays[f"group.{number}.{name}"] for name in ("mantissa", "exponent"))
    return Group(Registers(**registers) if registers else None, size, mantissa, exponent)


def _link(arrays: Arrays, number: int, sizes: list[int], source: int, target: int, exponent: int) -> Link:
    import scipy.sparse as sp

    parts = tuple(arrays[f"link.{number}.{name}"] for name in _LINK)
    return Link(source, target, exponent, sp.csr_matrix(parts, shape=(sizes[target], sizes[source])))


def spikes(folder: Path, group: int) -> Path:
    """The file of a group's spikes, bit-packed, a row a step: played from the first window's first step on, or recorded from step 1 on."""
    return folder / f"group{group}.bits"


def play(folder: Path, group: int, steps: NDArray[np.bool_]) -> None:
    """(steps, neurons) for a group that the host plays."""
    np.packbits(steps, axis=-1).tofile(spikes(folder, group))


def overwrite(folder: Path, group: int, steps: NDArray[np.bool_]) -> None:
    """`play`, while a child has the file open, which must stay that file."""
    path = spikes(folder, group)
    with open(path, "r+b" if path.exists() else "wb") as out:
        out.write(np.packbits(steps, axis=-1).tobytes())


def membranes(folder: Path, group: int) -> Path:
    """The file of what was last read of a group, int64."""
    return folder / f"group{group}.membranes"


def recorded(folder: Path, group: int, job: Job, part: slice) -> NDArray[np.bool_]:
    """(steps, neurons) of a part of a group."""
    rows = np.memmap(spikes(folder, group), np.uint8, "r").reshape(job.steps, -1)  # many populations may each read a part of a large group
    bits = np.unpackbits(rows[:, part.start // 8 : (part.stop + 7) // 8], axis=1)
    return bits[:, part.start % 8 :][:, : part.stop - part.start].view(np.bool_)


def answer(folder: Path, membranes: Mapping[int, NDArray[np.int64]], clock: Sequence[float]) -> None:
    """(windows, neurons) by group, and the second at which each was read."""
    write_tensors(folder / "answer.safetensors", {str(group): found for group, found in membranes.items()} | {_CLOCK: np.array(clock)})


def answered(folder: Path) -> tuple[dict[int, NDArray[np.int64]], NDArray[np.float64]]:
    """What `answer` wrote."""
    found = read_tensors(folder / "answer.safetensors")[0]
    clock = found.pop(_CLOCK)
    return {int(group): membranes for group, membranes in found.items()}, clock
