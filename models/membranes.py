"""The scans over steps in torch, for devices that numba does not reach: `spiking.lif` and `nets/scan.py` with the same numbers.

Membranes are int64 in integers, by `arith.lif_step`'s rule, and float32 in floats. Nothing here waits for a device, and every function is a plain
one of tensors, which `torch.compile` takes whole; of a stream a token at a time, for thousands of steps would make thousands of operations.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tritspike.runtime import arith

SURROGATE = 2.0  # width of the arctan surrogate, the usual value
_SHIFT = arith.KEEP_ALL.bit_length() - 1


def decayed(v: Tensor, keep: Tensor | int) -> Tensor:
    """v * keep / 4096 of int64, truncated toward zero."""
    left = (v.abs() * keep) >> _SHIFT
    return torch.where(v < 0, -left, left)


def fired(drive: Tensor, keep: int, threshold: float, integer: bool) -> tuple[Tensor, Tensor]:
    """(bfloat16 spikes, float32 excess) of windows from rest. drive: (steps, ...) float32; excess: v / threshold - 1 before the reset."""
    leak, found, over = keep / arith.KEEP_ALL, [], []
    unit = max(threshold, 1.0)
    v = torch.zeros_like(drive[0], dtype=torch.int64 if integer else torch.float32)
    for now in (drive.long() if integer else drive).unbind():
        now = (decayed(v, keep) + now).clamp(-arith.V_LIMIT, arith.V_LIMIT) if integer else v * leak + now
        found.append(now > threshold)
        over.append(now.float() / unit - threshold / unit)
        v = now.masked_fill(found[-1], 0)
    return torch.stack(found).bfloat16(), torch.stack(over)


def fired_back(grad: Tensor, excess: Tensor, keep: int, threshold: float) -> Tensor:
    """Gradient of the drive from float32 `grad` of the spikes; the reset is not differentiated."""
    here, kept = surrogate(grad, excess, SURROGATE / 2 / (threshold or 1.0)), _kept(excess, keep)
    found = [here[-1]]
    for t in range(len(here) - 2, -1, -1):
        found.append(here[t] + found[-1] * kept[t])
    return torch.stack(found[::-1])


def surrogate(grad: Tensor, excess: Tensor, height: Tensor | float) -> Tensor:
    """height / (1 + (pi / 2 width excess)^2) of it."""
    return grad * height / (1 + (math.pi / 2 * SURROGATE * excess).square())


def _kept(excess: Tensor, keep: int) -> Tensor:
    """What of v is there a step later: nothing behind a spike."""
    return (excess <= 0) * (keep / arith.KEEP_ALL)


def token(
    a: Tensor, bias: Tensor, keep: int, keep_u: Tensor, threshold: Tensor, period: int, integer: bool, u: Tensor, v: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(spikes, excess, u, v) of one token whose first steps have the input a (frame, samples, N), of `period` (`nets/scan.py`)."""
    found, over, unit = [], [], threshold.float().clamp_min(1) if integer else threshold
    for step in range(period):
        u = decayed(u, keep_u) if integer else u * (keep_u / arith.KEEP_ALL)
        u = u + a[step] if step < len(a) else u
        now = (decayed(v, keep) + u + bias).clamp(-arith.V_LIMIT, arith.V_LIMIT) if integer else v * (keep / arith.KEEP_ALL) + u + bias
        over.append((now - threshold).float() / unit if integer else now / unit - 1)
        if step < len(a):
            found.append(over[-1] > 0)
        v = now.masked_fill(now > threshold, 0)
    return torch.stack(found), torch.stack(over), u, v


def token_back(
    grad: Tensor, excess: Tensor, keep: int, keep_u: Tensor, height: Tensor, grad_u: Tensor, grad_v: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(gradients of a, of the bias over samples, of u and v before the token) from those of its spikes and of u and v behind it."""
    found, bias, lasting = [], torch.zeros_like(grad_v[0]), keep_u / arith.KEEP_ALL
    for step in range(len(excess) - 1, -1, -1):
        here = grad_v.masked_fill(excess[step] > 0, 0)
        if step < len(grad):
            here = here + surrogate(grad[step], excess[step], height)
            found.append(here + grad_u)
        bias = bias + here.sum(0)
        grad_u, grad_v = (here + grad_u) * lasting, here * (keep / arith.KEEP_ALL)
    return torch.stack(found[::-1]), bias, grad_u, grad_v
