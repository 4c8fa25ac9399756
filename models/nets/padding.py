"""What must not wake anyone: the padding behind a text, and the steps of a token that have no input. A mask inhibits neurons that would.

At a padded position all that a neuron hears is silent but its bias and matrices that hear earlier positions, by induction from the host's silent
input; in a step without input, but its bias and neurons that live on from token to token, for all others are held silent there too. The mask
outweighs the most that these can bring, so that v <= 0 at every such step, whatever the leak.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tritspike.models.nets.symbols import Heard
from tritspike.models.nets.values import growing
from tritspike.runtime import arith
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Axis
from tritspike.runtime.network.inhibition import inhibiting
from tritspike.runtime.network.neuron import Resets
from tritspike.runtime.network.terms import Sum, Term


def masked(heard: Heard, bias: NDArray[np.int64] | None, resets: Resets, lasts: float = 1.0) -> Sum:
    """What is heard, and what inhibits along each axis that grows, and in the steps without input of neurons that begin each token at rest.
    lasts: how many times a steady current adds up; what is left of it in the first such step must be outweighed too."""
    terms, over = heard.terms, growing(heard.terms.grid)
    steady = 0 if bias is None else -(-max(int(bias.max()), 0) // arith.ONE)
    found = [*terms.terms]
    if over and (need := steady + _most(terms, _earlier)):
        position = Axis(over[0], grids.extents(terms.grid)[over[0]], grows=True)
        padding = heard.writing.padding(position)
        found += [term for name in over for term in inhibiting(padding, terms.grid, need, renamed={position.name: name})]
    left = math.ceil(_most(terms, lambda t: True) * (lasts - 1))
    if heard.writing.rests and resets is Resets.WINDOW and (need := steady + left + _most(terms, lambda t: t.source.name in heard.writing.living)):
        found += inhibiting(heard.writing.idle(), terms.grid, need)
    return Sum(tuple(found))


def _most(terms: Sum, which: Callable[[Term], bool]) -> int:
    """The most that some of the terms can add."""
    return sum(t.wiring.bounds(t.source.grid, t.grid)[0] << t.exponent for t in terms.terms if which(t))


def _earlier(term: Term) -> bool:
    """Whether it hears what stands before its own place, along an axis that grows."""
    return any(term.wiring.behind(name) for name in growing(term.source.grid))
