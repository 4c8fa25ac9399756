"""Seconds to steps: which dt, and which rule turns a differential equation into one a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.nir.nodes import Cell, Floats, Graph

EULER, EXP = "euler", "exp"
CONVENTIONS = (EULER, EXP)
DT, CONVENTION = "tritspike_dt", "tritspike_convention"  # of the metadata that our own files have
_OURS = "as the file's metadata says"
_CLOSE = 1e-4  # of two times that were stored as 32-bit floats, and of r, a quotient of them
_SAME = 1e-6  # of a quotient of times that means 1
_WRITERS = "snnTorch and SpikingJelly mean dt 1e-4 and euler, Norse 1e-3, or 1e-6 as its 1.1.0 exports, Spyx 1 and euler, Sinabs 1 and exp"


@dataclass(frozen=True)
class Steps:
    """dt: seconds a step. convention: "euler", of which 1 - dt/tau is left in a step, or "exp", exp(-dt/tau). why: how they are known."""

    dt: float
    convention: str
    why: str

    @property
    def ours(self) -> bool:
        """Whether the file is one of our own."""
        return self.why == _OURS

    def kept(self, tau: Floats) -> Floats:
        """What is left after a step; exactly 0 where tau is dt, in euler."""
        part = self.dt / tau
        part = np.where(np.abs(part - 1) < _SAME, 1.0, part)
        return 1 - part if self.convention == EULER else np.exp(-part)


def steps_of(graph: Graph, dt: float | None, convention: str | None) -> Steps:
    """As the options say, or as the file tells. Raises `CompileError` where it tells nothing, or two things."""
    cells = [node for node in graph.nodes.values() if isinstance(node, Cell) and node.remembers]
    if dt is not None and convention is not None:
        return Steps(dt, convention, "as asked for")
    said, how = graph.said.get(DT), graph.said.get(CONVENTION)
    if isinstance(said, float) and 0 < said < np.inf and how in CONVENTIONS:
        return Steps(dt or said, convention or str(how), _OURS)
    found = list(dict.fromkeys(s for s in _read_off(cells) if dt is None or abs(s.dt / dt - 1) < _CLOSE))
    found = [s for s in found if convention in (None, s.convention)]
    if len(found) != 1:
        raise CompileError(_unknown(cells, found, dt, convention), f"--dt SECONDS and --convention {'|'.join(CONVENTIONS)}; {_WRITERS}")
    return found[0]


def _unknown(cells: list[Cell], found: list[Steps], dt: float | None, convention: str | None) -> str:
    if found:
        return f"a step is {' or '.join(f'{s.dt:g} s ({s.convention}: {s.why})' for s in found)}: the file does not tell which"
    given = [f"{name} {value}" for name, value in (("dt", dt), ("convention", convention)) if value is not None]
    times = ", ".join(f"{c.name}: tau {_one(c.tau_mem)} s, r {_one(c.r)}" for c in cells[:3] if c.tau_mem is not None)
    return f"how long a step is{f' with {given[0]}' if given else ''}, the file does not tell ({times or 'no time constants'})"


def _one(found: Floats | None) -> str:
    return "none" if found is None else f"{found.min():.4g}" if found.min() == found.max() else f"{found.min():.4g}..{found.max():.4g}"


def _read_off(cells: list[Cell]) -> Iterator[Steps]:
    """Every dt that the marks of a known writer give alike in all nodes."""
    leaky = [(c.tau_mem.ravel(), c.r.ravel()) for c in cells if c.tau_mem is not None]
    plain = [c.r.ravel() for c in cells if c.tau_mem is None]
    if not leaky:
        if all((r == 1).all() for r in plain):
            yield Steps(1.0, EULER, "no node has a time constant, and r is 1: a step adds what comes in")
        elif (dt := _alike(1 / r for r in plain if (r > 0).all())) is not None:
            yield Steps(dt, EULER, "r is 1/dt")
        return
    if all((r == 1).all() for _, r in leaky):
        return
    if (dt := _alike(tau / r for tau, r in leaky if (r > 0).all())) is not None:
        yield Steps(dt, EULER, "r is tau/dt")
    if (dt := _alike(_rockpool(tau, r) for tau, r in leaky if (r > 0).all())) is not None:
        yield Steps(dt, EXP, "r is tau exp(-dt/tau)/dt")


def _rockpool(tau: Floats, r: Floats) -> Floats:
    """The x = dt/tau at which exp(-x)/x is r, times tau: Newton's steps on x exp(x) = 1/r, which has one root."""
    x = np.log1p(1 / r)
    for _ in range(50):
        x = x - (x * np.exp(x) - 1 / r) / (np.exp(x) * (1 + x))
    return x * tau


def _alike(found: Iterable[Floats]) -> float | None:
    """The number that all are, within what 32 bits lose; only one that a person would write: two digits at most."""
    times = [np.atleast_1d(some) for some in found]
    if not times:
        return None
    all_of_them = np.concatenate(times)
    middle = float(np.median(all_of_them))
    if not np.isfinite(middle) or middle <= 0 or (np.abs(all_of_them / middle - 1) > _CLOSE).any():
        return None
    round_one = float(f"{middle:.1e}")
    return round_one if abs(middle / round_one - 1) < _CLOSE else None
