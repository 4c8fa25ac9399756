"""The host's side: a player and a recorder of bit-packed spikes in memory-mapped files.

Reading spikes through Lava's Vars costs 30-40 us an element, half a minute for a million; a file costs a copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tritspike.runtime.executors.lava import stock

stock.require()

from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Player(AbstractProcess):
    """Plays row t - 1 of a bit-packed file at step t, silence after the last row. again: the rows in turn, which somebody writes meanwhile."""

    def __init__(self, path: str, size: int, steps: int, again: bool = False) -> None:
        super().__init__(path=path, size=size, steps=steps, again=again)
        self.s_out = OutPort(shape=(size,))


class Recorder(AbstractProcess):
    """Writes step t's spikes, bit-packed, to row t - 1 of a file, none after the last row. again: over the rows before, in turn."""

    def __init__(self, path: str, size: int, steps: int, again: bool = False) -> None:
        super().__init__(path=path, size=size, steps=steps, again=again)
        self.a_in = InPort(shape=(size,))


def rows(path: str, size: int, steps: int, mode: str) -> Any:
    """A memory map of (steps, ceil(size / 8)) bytes."""
    return np.memmap(path, np.uint8, mode, shape=(steps, (size + 7) // 8))  # type: ignore[call-overload]


class _Filed(PyLoihiProcessModel):
    """Shared by both: the file, opened in the process that uses it."""

    mode = "r"

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.size, self.steps, self.again = (proc_params[name] for name in ("size", "steps", "again"))
        self.rows = rows(proc_params["path"], self.size, self.steps, self.mode)

    def row(self) -> int | None:
        """This step's; None after the last."""
        row = self.time_step - 1
        return row % self.steps if self.again else row if row < self.steps else None


@implements(proc=Player, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PlayerModel(_Filed):
    """CPU model of `Player`."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def run_spk(self) -> None:
        """Send one step."""
        row = self.row()
        bits = np.zeros(self.size, np.uint8) if row is None else np.unpackbits(self.rows[row], count=self.size)
        self.s_out.send(bits.astype(np.int32))


@implements(proc=Recorder, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class RecorderModel(_Filed):
    """CPU model of `Recorder`."""

    mode = "r+"
    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)

    def run_spk(self) -> None:
        """Keep one step."""
        spikes = self.a_in.recv()
        if (row := self.row()) is not None:
            self.rows[row] = np.packbits(spikes != 0)
