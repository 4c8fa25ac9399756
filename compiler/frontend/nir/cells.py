"""Neurons' differential equations as what one step does."""

from __future__ import annotations

import numpy as np

from tritspike.compiler.frontend.nir.nodes import Cell, Floats
from tritspike.compiler.frontend.nir.steps import Steps


def in_steps(cell: Cell, steps: Steps) -> tuple[Floats, Floats, Floats, Floats]:
    """(gain of what is heard, what is left of u, what is left of v, what a step adds to v), v counted from where it is reset."""
    none = np.zeros(())
    if not cell.remembers:
        return np.ones(()), none, none, none
    if cell.tau_mem is None:
        return cell.r * steps.dt, none, np.ones(()), none
    keep = steps.kept(cell.tau_mem)
    gain, rest = cell.r * (1 - keep), (cell.leak - cell.reset) * (1 - keep)
    if cell.tau_syn is None or cell.w_in is None:
        return gain, none, keep, rest
    keep_u = steps.kept(cell.tau_syn)
    return gain * (1 - keep_u) * cell.w_in, keep_u, keep, rest


def steady_parts(constant: Floats | None, rest: Floats, keep_u: Floats, size: int) -> tuple[Floats | None, Floats | None]:
    """(added to u, added to v) in every step: a bias goes where it is filtered, else with the rest to v."""
    if constant is not None and keep_u.any():
        return any_of(constant, size), any_of(rest, size)
    return None, any_of(rest if constant is None else rest + constant, size)


def any_of(found: Floats, size: int) -> Floats | None:
    """(size,) of one number or as many; None where all are 0."""
    return np.broadcast_to(found.ravel() if found.ndim else found, (size,)).copy() if found.any() else None
