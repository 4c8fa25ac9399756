"""Neurons with a current that lasts and a state that is handed on: the scan over steps, forward and backward.

    u = keep_u * u + a;   v = keep * v + u + bias;   s = v > threshold;   v = 0 where s

In floats the synaptic input is averaged, a = (1 - keep_u) * drive, so that a drive which lasts counts as it does without memory and batch norm
balances it; in integers the threshold and the bias are larger by as much instead.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from tritspike.models.spiking import rounded
from tritspike.runtime import arith

_SURROGATE = 2.0  # width of the arctan surrogate, as in `models/spiking.py`
_V_LIMIT = arith.V_LIMIT

State = tuple[Tensor, Tensor]


def lasts(keep_u: int) -> float:
    """How many times its like of one step a steady current adds up to."""
    return arith.KEEP_ALL / (arith.KEEP_ALL - keep_u)


def register(total: Tensor) -> Tensor:
    """Biases in 1/64 synaptic units, each to the nearest that the population's register holds; gradients straight through."""
    most = float(total.detach().abs().max()) if total.numel() else 0.0
    exponent = next((e for e in range(arith.BIAS_EXPONENT_LIMIT) if most <= arith.BIAS_MANTISSA_LIMIT << e), arith.BIAS_EXPONENT_LIMIT)
    return rounded(total / (1 << exponent), arith.BIAS_MANTISSA_LIMIT) * (1 << exponent)


@numba.njit(cache=True)
def _float(a: Any, bias: Any, keep: int, keep_u: int, u: Any, v: Any, spikes: Any, excess: Any) -> None:  # pragma: no cover - compiled
    """a, excess: (steps, M) float32; bias, u, v: (M,), the last two as the last step leaves them; threshold 1."""
    leak, lasting = np.float32(keep / 4096), np.float32(keep_u / 4096)
    for t in range(a.shape[0]):
        for m in range(a.shape[1]):
            u[m] = u[m] * lasting + a[t, m]
            now = v[m] * leak + u[m] + bias[m]
            spikes[t, m] = now > np.float32(1)
            excess[t, m] = now - np.float32(1)
            v[m] = np.float32(0) if now > np.float32(1) else now


@numba.njit(cache=True)
def _integer(
    a: Any, bias: Any, keep: int, keep_u: int, threshold: int, u: Any, v: Any, spikes: Any, excess: Any
) -> None:  # pragma: no cover - compiled
    """The same by the chip's rule, in int64."""
    for t in range(a.shape[0]):
        for m in range(a.shape[1]):
            left = (abs(u[m]) * keep_u) >> 12
            u[m] = (left if u[m] >= 0 else -left) + np.int64(a[t, m])
            left = (abs(v[m]) * keep) >> 12
            now = (left if v[m] >= 0 else -left) + u[m] + np.int64(bias[m])
            now = min(max(now, -_V_LIMIT), _V_LIMIT)
            spikes[t, m] = now > threshold
            excess[t, m] = np.float32(now - threshold) / np.float32(max(threshold, 1))
            v[m] = 0 if now > threshold else now


@numba.njit(cache=True)
def _back(
    grad: Any, excess: Any, keep: int, keep_u: int, threshold: float, grad_u: Any, grad_v: Any, out: Any, bias: Any
) -> None:  # pragma: no cover
    """Backward; the reset is not differentiated. grad_u, grad_v: of u and v behind the last step, then of those before the first."""
    slope, height = np.float32(math.pi / 2 * _SURROGATE), np.float32(_SURROGATE / 2 / threshold)
    leak, lasting = np.float32(keep / 4096), np.float32(keep_u / 4096)
    for t in range(grad.shape[0] - 1, -1, -1):
        for m in range(grad.shape[1]):
            y = slope * excess[t, m]
            here = grad[t, m] * height / (np.float32(1) + y * y)
            if excess[t, m] <= np.float32(0):
                here += grad_v[m]
            out[t, m] = here + grad_u[m]
            bias[m] += here
            grad_u[m], grad_v[m] = out[t, m] * lasting, here * leak


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, a: Tensor, bias: Tensor, u: Tensor, v: Tensor, keep: int, keep_u: int, threshold: int | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        flat, kind = a.detach().contiguous().view(len(a), -1), np.float32 if threshold is None else np.int64
        state = [part.detach().reshape(-1).numpy().astype(kind) for part in (u, v)]
        spikes, ctx.excess = torch.empty(flat.shape, dtype=torch.bool), torch.empty_like(flat)
        arrays = (*state, spikes.numpy(), ctx.excess.numpy())
        steady = bias.detach().contiguous().view(-1).numpy()
        if threshold is None:
            _float(flat.numpy(), steady, keep, keep_u, *arrays)
        else:
            _integer(flat.numpy(), steady, keep, keep_u, threshold, *arrays)
        ctx.keep, ctx.keep_u, ctx.threshold = keep, keep_u, float(threshold or 1)
        after = [torch.from_numpy(part.astype(np.float32)).view(a.shape[1:]) for part in state]
        return spikes.bfloat16().view(a.shape), after[0], after[1]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None, None]:
        shape, excess = grads[0].shape, ctx.excess
        grad_u, grad_v = (grad.float().reshape(-1).clone() for grad in grads[1:])
        out, bias = torch.empty_like(excess), torch.zeros_like(grad_u)
        given = grads[0].float().contiguous().view(excess.shape)
        _back(given.numpy(), excess.numpy(), ctx.keep, ctx.keep_u, ctx.threshold, grad_u.numpy(), grad_v.numpy(), out.numpy(), bias.numpy())
        of = shape[1:]
        return out.view(shape), bias.view(of), grad_u.view(of), grad_v.view(of), None, None, None


def scan(synaptic: Tensor, shift: Tensor, keep: int, keep_u: int, scale: int | None, state: State | None) -> tuple[Tensor, State]:
    """((steps, ...) spikes of a drive, u and v behind the last step). shift: over the last dimensions. scale None: floats, threshold 1;
    else synaptic units in one threshold, and all in the chip's integers. state: None from rest."""
    u, v = state if state is not None else (synaptic.new_zeros(synaptic.shape[1:]), synaptic.new_zeros(synaptic.shape[1:]))
    if scale is None:
        a, bias, threshold = synaptic / lasts(keep_u), shift, None
    else:
        a, bias, threshold = synaptic, register(shift * lasts(keep_u)), vth(scale, keep_u) << arith.INPUT_SHIFT
    spikes, *after = _Scan.apply(a, bias.expand(synaptic.shape[1:]), u, v, keep, keep_u, threshold)
    return spikes, (after[0], after[1])


def vth(scale: int, keep_u: int) -> int:
    """The threshold in synaptic units."""
    return round(scale * lasts(keep_u))
