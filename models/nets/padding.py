"""Padding follows a text, and must not wake anyone: where axes grow, neurons that a bias or an earlier position could make fire are inhibited.

At a padded position all that a neuron hears is silent but its bias and matrices that hear earlier positions, by induction from the host's silent
input; the mask outweighs the most that these can bring, so that v <= 0 there at every step, whatever the leak.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tritspike.models.nets.symbols import Heard
from tritspike.models.nets.values import growing
from tritspike.runtime import arith
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.terms import Handle, Sum, Term, onto

_MOST = arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT  # that one synapse inhibits by


def masked(heard: Heard, bias: NDArray[np.int64] | None) -> Sum:
    """What is heard, and along each axis that grows an inhibition that outweighs the largest positive bias and all that earlier positions add."""
    terms, over = heard.terms, growing(heard.terms.grid)
    need = 0 if bias is None else -(-max(int(bias.max()), 0) // arith.ONE)
    need += sum(t.wiring.bounds(t.source.grid, t.grid)[0] << t.exponent for t in terms.terms if _earlier(t))
    if not over or not need:
        return terms
    position = Axis(over[0], grids.extents(terms.grid)[over[0]], grows=True)
    padding = heard.writing.padding(position)
    return Sum((*terms.terms, *(term for name in over for term in _inhibiting(padding, heard, position.name, name, need))))


def _earlier(term: Term) -> bool:
    """Whether it hears what stands before its own place, along an axis that grows."""
    return any(term.wiring.behind(name) for name in growing(term.source.grid))


def _inhibiting(padding: Handle, heard: Heard, position: str, name: str, need: int) -> list[Term]:
    """Of at least `need` synaptic units, in as many synapses as it takes."""
    return [_synapse(padding, heard, {position: name}, min(need - at, _MOST)) for at in range(0, need, _MOST)]


def _synapse(padding: Handle, heard: Heard, renamed: dict[str, str], need: int) -> Term:
    exponent = next(e for e in range(arith.EXPONENT_LIMIT + 1) if need <= arith.WEIGHT_LIMIT << e)
    return onto(padding, heard.terms.grid, -need >> exponent, renamed=renamed).scaled(exponent)
