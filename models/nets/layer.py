"""What layers have in common: they compute on spikes and drives in either phase of training, and on symbols write themselves down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

from tritspike.models import spiking
from tritspike.models.nets.symbols import Blank, Heard, Symbol, There, line, refuse
from tritspike.models.nets.values import Drive, Spikes
from tritspike.runtime.errors import InputError


class Layer(nn.Module):
    """computed: from values of torch (`values.py`); written: from symbols (`symbols.py`), the same said to the network's builder.

    fold: from here on integers, `scale` synaptic units in one threshold. name: of its population, as the module calls it (`trace.py`).
    takes: what it takes, for those who give it something else.
    """

    name = ""
    scale: int | None = None
    takes: tuple[type, ...] = (Spikes, There)
    computed: Callable[..., Any]
    written: Callable[..., Any]

    def fold(self, scale: int) -> None:
        """From here on integers."""
        self.scale = scale
        for part in self.children():
            if isinstance(part, spiking.Synapses | spiking.Weight):
                part.fold(scale)

    def forward(self, *heard: Any) -> Any:
        """Raises `InputError` with the line of what it takes not."""
        for one in heard:
            if not isinstance(one, self.takes):
                self._refuse(one)
        return self.written(*heard) if isinstance(heard[0], There | Heard | Blank) else self.computed(*heard)

    def _refuse(self, given: Any) -> None:
        if isinstance(given, Symbol) and not isinstance(given, Blank):
            what = "a drive" if isinstance(given, Drive | Heard) else "spikes"
            wanted = "a drive, which Dense and others make" if Drive in self.takes else "spikes, which Lif makes of a drive"
            raise InputError(f"{line()}: {type(self).__name__} is given {what}", wanted)
        if isinstance(given, Blank | Tensor):
            raise InputError(
                f"{line()}: {type(self).__name__} is given what the module is called with", "Input(axes) or Embedding(...) takes it first"
            )
        refuse(f"{type(self).__name__} of {type(given).__name__}")


def integers(values: Tensor) -> np.ndarray:
    """Of what holds whole numbers."""
    return values.detach().cpu().numpy().astype(np.int64)
