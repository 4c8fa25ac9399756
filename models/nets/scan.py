"""Neurons with a current that lasts and a state that is handed on: the scan over steps, forward and backward.

    u = keep_u * u + a;   v = keep * v + u + bias;   s = v > threshold;   v = 0 where s

In floats the synaptic input is averaged, a = (1 - keep_u) * drive, so that a drive which lasts counts as it does without memory and batch norm
balances it; in integers the threshold and the bias are larger by as much instead. A token may have steps that have no input, in which nothing
enters and all the rest goes on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from tritspike.models import devices, membranes
from tritspike.models.membranes import SURROGATE
from tritspike.models.spiking import rounded
from tritspike.runtime import arith

_V_LIMIT = arith.V_LIMIT

State = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Registers:
    """keep: of v; keep_u, threshold: one a neuron, int64 and, in floats, float32. frame: steps of a token that are given, of `period`.
    begins: (tokens,), where u and v are cleared; None where they never are."""

    keep: int
    keep_u: Any
    threshold: Any
    frame: int
    period: int
    begins: Tensor | None = None

    @property
    def all(self) -> tuple[Any, ...]:
        """As kernels take them."""
        begins = np.zeros(0, np.bool_) if self.begins is None else self.begins.numpy()
        return self.keep, self.keep_u, self.threshold, self.frame, self.period, begins

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """(keep_u, threshold), one a neuron, as torch takes them."""
        return torch.from_numpy(self.keep_u).to(device), torch.from_numpy(self.threshold).to(device)


def lasts(keep_u: int) -> float:
    """How many times its like of one step a steady current adds up to."""
    return arith.KEEP_ALL / (arith.KEEP_ALL - keep_u)


def register(total: Tensor) -> Tensor:
    """Biases in 1/64 synaptic units, each to the nearest that the population's register holds; gradients straight through."""
    if not total.numel():
        return total
    halvings = 1 << torch.arange(arith.BIAS_EXPONENT_LIMIT, device=total.device)
    unit = 1 + (halvings * (total.detach().abs().max() > arith.BIAS_MANTISSA_LIMIT * halvings)).sum()
    return rounded(total / unit, arith.BIAS_MANTISSA_LIMIT) * unit


@numba.njit(cache=True)
def _float(
    a: Any, bias: Any, keep: int, keep_u: Any, threshold: Any, frame: int, period: int, begins: Any, u: Any, v: Any, spikes: Any, excess: Any
) -> None:  # pragma: no cover - compiled
    """a, spikes: (tokens * frame, S, N); excess: (tokens * period, S, N); bias, keep_u, threshold: (N,); u, v: (S, N), as the last step leaves
    them. excess = v / threshold - 1."""
    leak = np.float32(keep / 4096)
    lasting, unit = (keep_u / 4096).astype(np.float32), threshold.astype(np.float32)
    for step in range(excess.shape[0]):
        token, phase = step // period, step % period
        if phase == 0 and len(begins) and begins[token]:
            u[:], v[:] = 0, 0
        for s in range(u.shape[0]):
            us, vs, over = u[s], v[s], excess[step, s]
            if phase < frame:
                now_a = a[token * frame + phase, s]
                for n in range(len(us)):
                    us[n] = us[n] * lasting[n] + now_a[n]
            else:
                for n in range(len(us)):
                    us[n] = us[n] * lasting[n]
            for n in range(len(us)):
                now = vs[n] * leak + us[n] + bias[n]
                over[n] = now / unit[n] - np.float32(1)
                vs[n] = np.float32(0) if now > unit[n] else now
            if phase < frame:
                fired = spikes[token * frame + phase, s]
                for n in range(len(us)):
                    fired[n] = over[n] > np.float32(0)


@numba.njit(cache=True)
def _integer(
    a: Any, bias: Any, keep: int, keep_u: Any, threshold: Any, frame: int, period: int, begins: Any, u: Any, v: Any, spikes: Any, excess: Any
) -> None:  # pragma: no cover - compiled
    """The same by the chip's rule, in int64."""
    for step in range(excess.shape[0]):
        token, phase = step // period, step % period
        if phase == 0 and len(begins) and begins[token]:
            u[:], v[:] = 0, 0
        for s in range(u.shape[0]):
            for n in range(u.shape[1]):
                left = (abs(u[s, n]) * keep_u[n]) >> 12
                u[s, n] = (left if u[s, n] >= 0 else -left) + (np.int64(a[token * frame + phase, s, n]) if phase < frame else 0)
                left = (abs(v[s, n]) * keep) >> 12
                now = (left if v[s, n] >= 0 else -left) + u[s, n] + np.int64(bias[n])
                now = min(max(now, -_V_LIMIT), _V_LIMIT)
                excess[step, s, n] = np.float32(now - threshold[n]) / np.float32(max(threshold[n], 1))
                if phase < frame:
                    spikes[token * frame + phase, s, n] = now > threshold[n]
                v[s, n] = 0 if now > threshold[n] else now


@numba.njit(cache=True)
def _back(
    grad: Any,
    excess: Any,
    keep: int,
    keep_u: Any,
    threshold: Any,
    frame: int,
    period: int,
    begins: Any,
    grad_u: Any,
    grad_v: Any,
    out: Any,
    bias: Any,
) -> None:  # pragma: no cover - compiled
    """Backward; the reset is not differentiated. grad_u, grad_v: of u and v behind the last step, then of those before the first."""
    slope, leak = np.float32(math.pi / 2 * SURROGATE), np.float32(keep / 4096)
    lasting = (keep_u / 4096).astype(np.float32)
    height = (SURROGATE / 2 / np.maximum(threshold, 1)).astype(np.float32)
    here = np.empty(excess.shape[2], np.float32)
    for step in range(excess.shape[0] - 1, -1, -1):
        token, phase = step // period, step % period
        for s in range(excess.shape[1]):
            over, gu, gv = excess[step, s], grad_u[s], grad_v[s]
            for n in range(len(gu)):
                here[n] = gv[n] if over[n] <= np.float32(0) else np.float32(0)
            if phase < frame:
                given, result = grad[token * frame + phase, s], out[token * frame + phase, s]
                for n in range(len(gu)):
                    y = slope * over[n]
                    here[n] += given[n] * height[n] / (np.float32(1) + y * y)
                    result[n] = here[n] + gu[n]
            for n in range(len(gu)):
                bias[n] += here[n]
                gu[n] = (here[n] + gu[n]) * lasting[n]
                gv[n] = here[n] * leak
        if phase == 0 and len(begins) and begins[token]:
            grad_u[:], grad_v[:] = 0, 0


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, bias: Tensor, u: Tensor, v: Tensor, r: Registers, integer: bool) -> tuple[Tensor, Tensor, Tensor]:
        flat, kind = a.detach().contiguous().view(len(a), a.shape[1], -1), np.int64 if integer else np.float32
        state = [part.detach().reshape(flat.shape[1:]).numpy().astype(kind) for part in (u, v)]
        spikes = torch.empty(flat.shape, dtype=torch.bool)
        ctx.excess = torch.empty(len(flat) // r.frame * r.period, *flat.shape[1:])
        steady = bias.detach().contiguous().view(-1).numpy()
        (_integer if integer else _float)(flat.numpy(), steady, *r.all, *state, spikes.numpy(), ctx.excess.numpy())
        ctx.registers = r.all
        after = [torch.from_numpy(part.astype(np.float32)).view(a.shape[1:]) for part in state]
        return spikes.bfloat16().view(a.shape), after[0], after[1]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None]:
        shape, excess = grads[0].shape, ctx.excess
        given = grads[0].float().contiguous().view(len(grads[0]), *excess.shape[1:])
        grad_u, grad_v = (grad.float().reshape(excess.shape[1:]).clone() for grad in grads[1:])
        out, bias = torch.empty_like(given), torch.zeros(excess.shape[2])
        _back(given.numpy(), excess.numpy(), *ctx.registers, grad_u.numpy(), grad_v.numpy(), out.numpy(), bias.numpy())
        of = shape[1:]
        return out.view(shape), bias.view(of[1:]), grad_u.view(of), grad_v.view(of), None, None


class _ScanInTorch(torch.autograd.Function):
    """The same by `membranes.py`, a token at a time."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, bias: Tensor, u: Tensor, v: Tensor, r: Registers, integer: bool) -> tuple[Tensor, Tensor, Tensor]:
        keep_u, threshold = r.on(a.device)
        kind, kernel = torch.int64 if integer else torch.float32, devices.kernel(membranes.token)
        flat, (steady, u, v) = a.detach().flatten(2).to(kind), (part.detach().flatten(start).to(kind) for part, start in ((bias, 0), (u, 1), (v, 1)))
        found, over = [], []
        for n, given in enumerate(flat.split(r.frame)):
            u, v = (part if r.begins is None else part.masked_fill(r.begins[n], 0) for part in (u, v))
            spikes, excess, u, v = kernel(given, steady, r.keep, keep_u, threshold, r.period, integer, u, v)
            found.append(spikes)
            over.append(excess)
        ctx.excess, ctx.registers, ctx.keep_u = over, r, keep_u
        ctx.height = SURROGATE / 2 / threshold.clamp_min(1).float()
        return torch.cat(found).bfloat16().view(a.shape), u.float().view(a.shape[1:]), v.float().view(a.shape[1:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None]:
        shape, r, kernel = grads[0].shape, ctx.registers, devices.kernel(membranes.token_back)
        given, (u, v) = grads[0].float().flatten(2).split(r.frame), (grad.float().flatten(1) for grad in grads[1:])
        found, bias = [], torch.zeros_like(u[0])
        for n in range(len(given) - 1, -1, -1):
            out, here, u, v = kernel(given[n], ctx.excess[n], r.keep, ctx.keep_u, ctx.height, u, v)
            u, v = (part if r.begins is None else part.masked_fill(r.begins[n], 0) for part in (u, v))
            found.append(out)
            bias = bias + here
        of = shape[1:]
        return torch.cat(found[::-1]).view(shape), bias.view(of[1:]), u.view(of), v.view(of), None, None


def scan(synaptic: Tensor, bias: Tensor, registers: Registers, integer: bool, state: State | None) -> tuple[Tensor, State]:
    """((tokens * frame, samples, ...) spikes, u and v behind the last step). bias: (...,), of every step, those without input included;
    integer: all in the chip's integers. state: None from rest. By numba or by torch, as `devices.py` says."""
    rest = synaptic.new_zeros(synaptic.shape[1:])
    u, v = state if state is not None else (rest, rest)
    kind, steady = (_ScanInTorch if devices.scans_in_torch(synaptic) else _Scan), bias.to(synaptic.device).expand(synaptic.shape[2:])
    spikes, *after = kind.apply(synaptic, steady, u, v, registers, integer)
    return spikes, (after[0], after[1])


def of_one(count: int, keep: int, keep_u: int, scale: int | None, frame: int, period: int, begins: Tensor | None = None) -> Registers:
    """Registers of `count` neurons that are alike."""
    threshold = np.full(count, 1.0, np.float32) if scale is None else np.full(count, vth(scale, keep_u) << arith.INPUT_SHIFT, np.int64)
    return Registers(keep, np.full(count, keep_u, np.int64), threshold, frame, period, begins)


def vth(scale: int, keep_u: int) -> int:
    """The threshold in synaptic units."""
    return round(scale * lasts(keep_u))
