"""What other writers' networks do and their NIR files do not say: they are lowered as the file has it, and the report says what to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tritspike.compiler.frontend.nir.floats import Layer
from tritspike.compiler.frontend.nir.grid import Gridded
from tritspike.compiler.frontend.nir.nodes import Cell


def unsaid(cells: Iterable[Cell]) -> Iterator[str]:
    """Of neurons as their writers have them."""
    firing = [cell for cell in cells if cell.threshold is not None and cell.remembers]
    if firing:
        yield "resets: a spike sets a membrane to v_reset; a reset by subtraction, snnTorch's default, looks the same in NIR, and is not what is run"
    if alone := [cell.name for cell in firing if _is_unweighed(cell)]:
        yield f"{', '.join(alone)}: w_in is 1, of which a step brings dt/tau_syn; Norse writes 1 for a LIFCell, which means w_in = tau_syn/dt"


def _is_unweighed(cell: Cell) -> bool:
    """A filtered neuron with r = w_in = 1, which is what Norse makes of its LIFCell."""
    return cell.w_in is not None and bool((cell.w_in == 1).all() and (cell.r == 1).all())


def touched(layers: Iterable[tuple[Layer, Gridded]]) -> Iterator[str]:
    """Of exact layers whose membranes come to the threshold itself, as sums of whole weights do."""
    found = [layer.name for layer, grid in layers if grid.exact and _is_on_grid(layer, grid)]
    if found:
        yield f"{', '.join(found)}: a membrane may come to the threshold itself, where NIR's neurons are silent and SpikingJelly's fire"


def _is_on_grid(layer: Layer, grid: Gridded) -> bool:
    return grid.vth is not None and layer.threshold is not None and bool(np.any(layer.threshold * grid.units == grid.vth))
