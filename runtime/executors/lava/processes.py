"""A plan as stock Lava processes: LIF, LIFReset and Sparse on the chip's side, within one process with ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tritspike.runtime.executors.lava import stock
from tritspike.runtime.executors.lava.plan import Group, Link, Plan

stock.require()

from lava.magma.core.decorator import implements
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.proc.lif.process import LIF, LIFReset
from lava.proc.sparse.process import Sparse

from tritspike.runtime.executors.lava.host import Recorder


def neurons(group: Group) -> Any:
    """One LIF or LIFReset for a group."""
    r = group.registers
    assert r is not None
    registers = dict(shape=(group.size,), du=r.du, dv=r.dv, vth=r.vth, bias_mant=group.mantissa, bias_exp=group.exponent)
    return LIFReset(**registers, reset_interval=r.interval, reset_offset=r.offset) if r.interval else LIF(**registers)


def synapses(link: Link) -> Any:
    """One Sparse for a link. Weights are stored doubled with the exponent lowered by one: mixed-sign storage drops the lowest bit."""
    return Sparse(weights=(link.weights * 2).astype("int32"), weight_exp=link.exponent - 1, num_weight_bits=8)


class Whole(AbstractProcess):
    """All of a plan as one Lava process, so that parts which no synapse joins run together too.

    heard: an InPort for each group that the host plays and any synapse hears. read: a Var for each group in `read`, its membranes.
    recorded: by group, the file of `steps` rows that its spikes of every step go to; again: over and over (`Recorder`).
    spoken: an OutPort for each of these groups, its spikes.
    Run with `Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True)`.
    """

    def __init__(
        self,
        plan: Plan,
        read: tuple[int, ...] = (),
        recorded: dict[int, Path] | None = None,
        steps: int = 0,
        spoken: tuple[int, ...] = (),
        again: bool = False,
    ) -> None:
        super().__init__(plan=plan, recorded=recorded or {}, steps=steps, again=again)
        self.heard = {n: InPort(shape=(plan.groups[n].size,)) for n in plan.played}
        self.read = {n: Var(shape=(plan.groups[n].size,), init=0) for n in read}
        self.spoken = {n: OutPort(shape=(plan.groups[n].size,)) for n in spoken}
        everything: dict[str, dict[int, Any]] = {"heard": self.heard, "read": self.read, "spoken": self.spoken}
        for prefix, members in everything.items():
            for n, member in members.items():
                setattr(self, f"{prefix}_{n}", member)  # Lava finds ports and variables among the attributes


@implements(proc=Whole)
class WholeModel(AbstractSubProcessModel):
    """Builds the plan's processes and joins them."""

    def __init__(self, proc: Any) -> None:
        plan, recorded, *how = (proc.proc_params.get(name) for name in ("plan", "recorded", "steps", "again"))
        made = {n: neurons(group) for n, group in enumerate(plan.groups) if group.registers is not None}
        kept = [self._synapses(proc, made, link) for link in plan.links]
        kept += [_recorder(made[n], path, *how) for n, path in recorded.items()]
        for n, process in enumerate((*made.values(), *kept)):
            setattr(self, f"process_{n}", process)  # as above
        for n, var in proc.read.items():
            var.alias(made[n].vars.v)
        for n, port in proc.spoken.items():
            made[n].s_out.connect(port)

    def _synapses(self, proc: Any, made: dict[int, Any], link: Link) -> Any:
        process = synapses(link)
        if link.source in made:
            made[link.source].s_out.connect(process.s_in)
        else:
            proc.heard[link.source].connect(process.s_in)
        process.a_out.connect(made[link.target].a_in)
        return process


def _recorder(process: Any, path: Path, steps: int, again: bool) -> Any:
    recorder = Recorder(path=str(path), size=process.s_out.shape[0], steps=steps, again=again)
    process.s_out.connect(recorder.a_in)
    return recorder
