"""A stand-in, not Intel's: the adapters' public names and ports on the CPU, each as many steps late as STAND_IN_STEPS says.

It also puts the CPU's run configuration in the place of Loihi2HwCfg, which would look for models that only Intel's extension has.
STAND_IN_FLIP=N makes the way back lose the spikes of neuron N.
"""

from __future__ import annotations

import os
from functools import partial

import numpy as np
from lava.magma.core import run_configs
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

run_configs.Loihi2HwCfg = partial(run_configs.Loihi2SimCfg, select_tag="fixed_pt")


class PyToNxAdapter(AbstractProcess):
    def __init__(self, *, shape, num_message_bits):
        super().__init__(shape=shape, num_message_bits=num_message_bits)
        self.inp = InPort(shape=shape)
        self.out = OutPort(shape=shape)


class NxToPyAdapter(PyToNxAdapter):
    pass


class _Late(PyLoihiProcessModel):
    """Sends what came STAND_IN_STEPS steps ago."""

    flip = -1

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.waiting = [np.zeros(proc_params["shape"], np.int32) for _ in range(int(os.environ["STAND_IN_STEPS"]))]

    def run_spk(self):
        self.waiting.append(self.inp.recv())
        spikes = self.waiting.pop(0).copy()
        if self.flip >= 0:
            spikes[self.flip] = 0
        self.out.send(spikes)


@implements(proc=PyToNxAdapter, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class _In(_Late):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)


@implements(proc=NxToPyAdapter, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class _Back(_Late):
    flip = int(os.environ.get("STAND_IN_FLIP", "-1"))
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
