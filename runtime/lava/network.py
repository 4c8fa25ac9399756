"""A plan as stock Lava processes (LIF, LIFReset, Sparse on the chip's side), and a whole program as one process with ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tritspike.runtime import arith
from tritspike.runtime.host.program import Program
from tritspike.runtime.lava import stock
from tritspike.runtime.lava.plan import Group, Link, Plan, plan

stock.require()

from lava.magma.core.decorator import implements
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.proc.lif.process import LIF, LIFReset
from lava.proc.sparse.process import Sparse

from tritspike.runtime.lava.host import Recorder

_NO_CURRENT_MEMORY = 4095  # du: Lava adds 1, and 4096 - 4096 of the current is kept


def neurons(group: Group, steps: int) -> Any:
    """One LIF or LIFReset for a group."""
    registers = dict(
        shape=(group.size,),
        vth=group.key.vth,
        du=_NO_CURRENT_MEMORY,
        dv=arith.KEEP_ALL - group.key.keep,
        bias_mant=group.bias_mantissa,
        bias_exp=group.bias_exponent,
    )
    if group.key.phase is None:
        return LIF(**registers)
    return LIFReset(**registers, reset_interval=steps, reset_offset=group.key.phase)


def synapses(link: Link) -> Any:
    """One Sparse for a link. Weights are stored doubled with the exponent lowered by one: mixed-sign storage drops the lowest bit."""
    return Sparse(weights=(link.weights * 2).astype("int32"), weight_exp=link.exponent - 1, num_weight_bits=8)


class SpikingProgram(AbstractProcess):
    """A lowered program as one Lava process.

    Ports: `x` takes the encoder's spikes (positions * hidden) and `pad` the mask (positions), one sample after another, T steps each,
    the first at time step 1; `s_out` gives the last layer's spikes. Var `readout`: the class membranes, whose latency is
    `program.readout.latency`; there is none where the host has a head. Run with `Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True)`.
    """

    def __init__(self, program: Program, record: Path | None = None, steps: int = 0) -> None:
        fused = plan(program)
        super().__init__(program=program, plan=fused, record=record, steps=steps)
        sizes = {g.name: g.size for g in fused.groups}
        self.x = InPort(shape=(sizes["x"],))
        self.pad = InPort(shape=(sizes.get("pad", program.dims.positions),))
        self.s_out = OutPort(shape=(_last(fused, program).size,))
        if program.readout is not None:
            self.readout = Var(shape=(program.size(program.readout),), init=0)


def to_lava(program: Program) -> SpikingProgram:
    """`program` as one Lava process with ports, for use inside your own network."""
    return SpikingProgram(program)


def _last(fused: Plan, program: Program) -> Group:
    return next(g for g in fused.groups if program.last.name in g.offsets)


@implements(proc=SpikingProgram)
class SpikingProgramModel(AbstractSubProcessModel):
    """Builds the plan's processes and joins them."""

    def __init__(self, proc: Any) -> None:
        params = proc.proc_params
        program, fused, record, steps = (params.get(k) for k in ("program", "plan", "record", "steps"))
        made = {g.name: neurons(g, program.steps) for g in fused.groups if g.name not in ("x", "pad")}
        for number, link in enumerate(fused.links):
            self._join(proc, made, link, number)
        if record is not None:
            for name, process in made.items():
                recorder = Recorder(path=str(record / f"{name}.bits"), size=process.s_out.shape[0], steps=steps)
                process.s_out.connect(recorder.a_in)
                setattr(self, f"record_{name}", recorder)
        for name, process in made.items():
            setattr(self, name, process)
        made[_last(fused, program).name].s_out.connect(proc.out_ports.s_out)
        if program.readout is not None:
            home = next(g for g in fused.groups if program.readout.name in g.offsets)
            proc.vars.readout.alias(made[home.name].vars.v)

    def _join(self, proc: Any, made: dict[str, Any], link: Link, number: int) -> None:
        process = synapses(link)
        if link.source in ("x", "pad"):
            getattr(proc.in_ports, link.source).connect(process.s_in)
        else:
            made[link.source].s_out.connect(process.s_in)
        process.a_out.connect(made[link.target].a_in)
        setattr(self, f"synapses_{number}", process)
