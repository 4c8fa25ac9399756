"""From the float student to integers: statistics recomputed, the largest common scale, and what the step costs, per population."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tritspike.models.nets.listening import firing
from tritspike.models.spiking import SHARED_LIMIT, Synapses, Weight
from tritspike.runtime import arith


@contextmanager
def recalibrated(student: nn.Module) -> Iterator[None]:
    """Batch norm's running statistics become the plain average over what is computed meanwhile."""
    norms = [m for m in student.modules() if isinstance(m, nn.BatchNorm1d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    student.train()
    with torch.no_grad():
        yield
    student.eval()
    for norm, momentum in zip(norms, before):
        norm.momentum = momentum


def recalibrate(student: nn.Module, batches: Iterable[Any]) -> None:
    """Statistics over `batches`, each what a student takes (real tokens only, as packed)."""
    with recalibrated(student):
        for batch in batches:
            student(batch)


@torch.no_grad()
def scale_limits(student: nn.Module) -> list[tuple[int, str, str]]:
    """(largest S, population, limit that binds it), smallest first. S is synaptic units in one threshold; vth = S."""
    found = []
    for path, part in student.named_modules():
        name = path.removesuffix(".synapses").removesuffix(".weight").removesuffix(".hears")
        if isinstance(part, Synapses):
            found += [(int(limit), name, kind) for kind, limit in _limits(part).items()]
        elif isinstance(part, Weight):
            found.append((int(SHARED_LIMIT / part().item()), name, "weight"))
    return [*sorted(found), (arith.VTH_LIMIT, "all", "threshold")]


def _limits(part: Synapses) -> dict[str, float]:
    gain, shift = part.affine()
    worst = (gain.abs() * part.codes().abs().sum(1)).max()
    return {
        "row gain": arith.WEIGHT_LIMIT / float(gain.abs().max()),
        "bias": (arith.BIAS_MANTISSA_LIMIT << arith.BIAS_EXPONENT_LIMIT) / arith.ONE / float(shift.abs().max() + 1e-9),
        # half of the accumulator is left to residual, inhibition and growth in integer training
        "accumulator": arith.A_LIMIT / 2 / float(worst),
    }


@torch.no_grad()
def population_spikes(student: nn.Module, batches: Iterable[Any]) -> list[dict[str, Tensor]]:
    """Of each batch, by population, (steps, cells) of whether it spikes: what the host plays, too, and scores only where both positions hold a
    token."""
    out = []
    for batch in batches:
        with firing(student) as seen:
            student(batch)
        out.append({name: spikes.fires() for name, spikes in seen.items()})
    return out


def spike_rates(spikes: list[dict[str, Tensor]]) -> dict[str, float]:
    """By population: the share of (neuron, step) cells that spike."""
    return {name: round(sum(int(s[name].sum()) for s in spikes) / sum(s[name].numel() for s in spikes), 4) for name in spikes[0]}


def spike_report(before: list[dict[str, Tensor]], after: list[dict[str, Tensor]]) -> dict[str, dict[str, float]]:
    """By population: its spike rate after, and the share of (neuron, step) cells that folding changed."""
    changed = spike_rates([{name: b[name] != a[name] for name in b} for b, a in zip(before, after)])
    return {name: {"rate": rate, "changed": changed[name]} for name, rate in spike_rates(after).items()}
