"""Masks: what holds neurons silent from one population, however much it must outweigh."""

from __future__ import annotations

from collections.abc import Mapping

from tritspike.runtime import arith
from tritspike.runtime.network.grid import Grid
from tritspike.runtime.network.terms import Handle, Term, onto

_MOST = arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT  # that one synapse inhibits by


def inhibiting(mask: Handle, target: Grid, need: int, *, renamed: Mapping[str, str] | None = None) -> list[Term]:
    """Of at least `need` synaptic units at each neuron of `target`, in as many synapses as it takes. renamed: as of `onto`."""
    return [_synapse(mask, target, min(need - at, _MOST), renamed) for at in range(0, need, _MOST)]


def _synapse(mask: Handle, target: Grid, need: int, renamed: Mapping[str, str] | None) -> Term:
    exponent = next(e for e in range(arith.EXPONENT_LIMIT + 1) if need <= arith.WEIGHT_LIMIT << e)
    return onto(mask, target, -need >> exponent, renamed=renamed).scaled(exponent)  # rounded away from zero: never too little
