"""Spiking building blocks in torch: surrogate LIF, 1- and 1.58-bit weights, exact products, foldable per-channel affine.

One layer serves both phases of training. Before `fold` a population computes in floats, threshold 1. After it, every number is
the chip's integer (membranes in 1/64 of a synaptic unit) and only the gradients are floats.

References: absmean ternary and sign binary quantisers, BitNet b1.58 (arXiv 2402.17764) and BitNet (2310.11453); arctan surrogate,
Fang et al. 2021 (arXiv 2007.05785).
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor, nn

from tritspike.models import devices, membranes, processes, sparse
from tritspike.models.membranes import SURROGATE
from tritspike.runtime import arith

_BLOCK = 256  # a bfloat16 sum of +-1 products is exact up to here
_BF16_ONE = 0x3F80  # the bits of 1.0 in bfloat16, which numba does not know
_V_LIMIT = arith.V_LIMIT
SHARED_LIMIT = arith.WEIGHT_LIMIT << arith.EXPONENT_LIMIT  # synaptic units of one weight for a whole projection
_BIAS_ROOM = 1.5  # biases may still grow by half in integer training before they clip


@numba.njit(cache=True)
def _scan_float(drive: Any, keep: int, window: int, spikes: Any, excess: Any) -> None:  # pragma: no cover - compiled
    """drive, excess: (T, M) float32, spikes: (T, M) uint16 of bfloat16 bits. Threshold 1; excess = v - 1 before the reset.
    Membranes begin at rest every `window` steps."""
    leak, one, v = np.float32(keep / 4096), np.float32(1), np.zeros(drive.shape[1], np.float32)
    for t in range(drive.shape[0]):
        if t % window == 0:
            v[:] = 0
        for m in range(drive.shape[1]):
            now = v[m] * leak + drive[t, m]
            fired = now > one
            spikes[t, m] = _BF16_ONE if fired else 0
            excess[t, m] = now - one
            v[m] = np.float32(0) if fired else now


@numba.njit(cache=True)
def _scan_integer(drive: Any, keep: int, window: int, threshold: int, spikes: Any, excess: Any) -> None:  # pragma: no cover - compiled
    """The same by `arith.lif_step`'s rule, in int64. drive: integers in 1/64 units; excess = v / threshold - 1, where the threshold is 0 just v."""
    v, unit = np.zeros(drive.shape[1], np.int64), np.float32(max(threshold, 1))
    level = np.float32(threshold) / unit
    for t in range(drive.shape[0]):
        if t % window == 0:
            v[:] = 0
        for m in range(drive.shape[1]):
            left = (abs(v[m]) * keep) >> 12
            now = (left if v[m] >= 0 else -left) + np.int64(drive[t, m])
            now = min(max(now, -_V_LIMIT), _V_LIMIT)
            fired = now > threshold
            spikes[t, m] = _BF16_ONE if fired else 0
            excess[t, m] = np.float32(now) / unit - level
            v[m] = 0 if fired else now


@numba.njit(cache=True, fastmath=True)
def _scan_back(grad: Any, excess: Any, keep: int, window: int, threshold: float, width: float, out: Any) -> None:  # pragma: no cover - compiled
    """Backward of `_scan`; the reset is not differentiated. Rows are bound once and nothing branches: five times as fast, for it vectorises."""
    slope, leak, last = np.float32(math.pi / 2 * width), np.float32(keep / 4096), grad.shape[0] - 1
    height = np.float32(width / 2 / threshold)
    for t in range(last, -1, -1):
        now, over, result = grad[t], excess[t], out[t]
        later, kept = (out[t + 1], leak) if t < last and (t + 1) % window else (grad[t], np.float32(0))
        for m in range(grad.shape[1]):
            y = slope * over[m]
            carried = kept if over[m] <= np.float32(0) else np.float32(0)
            result[m] = now[m] * height / (np.float32(1) + y * y) + later[m] * carried


class _Lif(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, drive: Tensor, keep: int, threshold: float, integer: bool, window: int) -> Tensor:
        flat = drive.detach().contiguous().view(drive.shape[0], -1)
        spikes, excess = torch.empty(flat.shape, dtype=torch.int16), torch.empty_like(flat)
        out = spikes.numpy().view(np.uint16)
        if integer:
            _scan_integer(flat.numpy(), keep, window, int(threshold), out, excess.numpy())
        else:
            _scan_float(flat.numpy(), keep, window, out, excess.numpy())
        ctx.excess, ctx.keep, ctx.window, ctx.threshold = excess, keep, window, threshold or 1.0
        return spikes.view(torch.bfloat16).view(drive.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        grad = grads[0].float().contiguous()
        out = torch.empty_like(ctx.excess)
        _scan_back(grad.view(ctx.excess.shape).numpy(), ctx.excess.numpy(), ctx.keep, ctx.window, ctx.threshold, SURROGATE, out.numpy())
        return out.view(grad.shape), None, None, None, None


class _LifInTorch(torch.autograd.Function):
    """The same by `membranes.py`: all windows beside each other."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor, keep: int, threshold: float, integer: bool, window: int) -> Tensor:
        windows = drive.detach().unflatten(0, (-1, window)).transpose(0, 1)
        spikes, ctx.excess = devices.kernel(membranes.fired)(windows, keep, threshold, integer)
        ctx.keep, ctx.threshold = keep, threshold
        return spikes.transpose(0, 1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        grad = grads[0].float().unflatten(0, (-1, len(ctx.excess))).transpose(0, 1)
        found = devices.kernel(membranes.fired_back)(grad, ctx.excess, ctx.keep, ctx.threshold)
        return found.transpose(0, 1).flatten(0, 1), None, None, None, None


def lif(drive: Tensor, keep: int, vth: int | None, window: int | None = None) -> Tensor:
    """Spikes (T, ...) bfloat16 of the drive (T, ...) float32. `vth` None: floats, threshold 1; else integers in 1/64 units, v > 64 * vth.
    window: steps after which a membrane begins at rest again, by default all of them. By numba or by torch, as `devices.py` says."""
    threshold = 1.0 if vth is None else float(vth << arith.INPUT_SHIFT)
    if devices.scans_in_torch(drive):
        return _LifInTorch.apply(drive, keep, threshold, vth is not None, window or max(len(drive), 1))
    order = sorted(range(drive.ndim), key=drive.stride, reverse=True)  # as it lies in memory: neurons may stand in any order
    if order[0] != 0 or order == list(range(drive.ndim)):
        return _Lif.apply(drive, keep, threshold, vth is not None, window or max(len(drive), 1))
    spikes = _Lif.apply(drive.permute(order), keep, threshold, vth is not None, window or max(len(drive), 1))
    return spikes.permute([order.index(n) for n in range(drive.ndim)])


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, rounded: Tensor) -> Tensor:
        return rounded.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


def straight(value: Tensor, rounded: Tensor) -> Tensor:
    """`rounded` forward to the last bit, which value + (rounded - value) is not; the gradient of `value` backward."""
    return _Straight.apply(value, rounded)


def ternary(weight: Tensor) -> Tensor:
    """RoundClip(W / mean|W|, -1, 1) in {-1, 0, 1}."""
    return straight(weight, (weight / weight.abs().mean().clamp_min(1e-8)).round().clamp(-1, 1))


def binary(weight: Tensor) -> Tensor:
    """sign(W - mean W) in {-1, 1}; zero counts as +1."""
    return straight(weight, torch.where(weight >= weight.mean(), 1.0, -1.0))


QUANTISERS = {"ternary": ternary, "binary": binary}


def _summed(grad: Tensor, heard: Tensor) -> Tensor:
    """(R, tokens) bfloat16 gradients times (tokens, K) of what was heard -> (R, K) float32, rounded to bfloat16 once: of several processes what they
    add up to, which the leading one hands on alone."""
    if processes.count() == 1:
        return (grad @ heard).float()
    found = processes.total(grad.float() @ heard.float()).bfloat16().float()
    return found if processes.leads() else torch.zeros_like(found)


class _Product(torch.autograd.Function):
    """Backward in whole bfloat16 products: autograd through the blocks would zero and fill a full-size gradient for each."""

    @staticmethod
    def forward(ctx: Any, spikes: Tensor, codes: Tensor) -> Tensor:
        left, right = spikes.bfloat16(), codes.bfloat16()
        ctx.save_for_backward(left, right)
        if left.device.type == "cpu":
            return sparse.product(left, codes)
        total = (left[..., :_BLOCK] @ right[:, :_BLOCK].T).float()
        for k in range(_BLOCK, right.shape[1], _BLOCK):
            total += left[..., k : k + _BLOCK] @ right[:, k : k + _BLOCK].T
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        (left, right), grad = ctx.saved_tensors, grads[0].bfloat16()
        return grad @ right, _summed(grad.flatten(0, -2).T, left.flatten(0, -2))


def exact_product(spikes: Tensor, codes: Tensor) -> Tensor:
    """spikes (..., K) in {0,1} times codes (R, K) in {-1,0,1} -> (..., R) float32, exact: by those that fire, or bfloat16 in blocks of 256."""
    return _Product.apply(spikes, codes)


class _HeadProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, counts: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(counts.bfloat16(), weight.bfloat16())
        return counts @ weight.T

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        (counts, weight), grad = ctx.saved_tensors, grads[0].bfloat16()
        return (grad @ weight).float(), _summed(grad.T, counts)


def head_product(counts: Tensor, weight: Tensor) -> Tensor:
    """counts (tokens, D) times weights (vocabulary, D): float32, with gradients in bfloat16, which take half the time."""
    return _HeadProduct.apply(counts, weight)


def rounded(value: Tensor, limit: int, lowest: int | None = None) -> Tensor:
    """Nearest integer within `lowest` (by default -limit) .. limit, gradient straight through (and zero where clipped)."""
    within = value.clamp(-limit if lowest is None else lowest, limit)
    return straight(within, within.round())


def affine_of(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """(gain, shift) of a batch norm with its running statistics."""
    assert norm.running_mean is not None and norm.running_var is not None
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    return gain, norm.bias - gain * norm.running_mean


class Synapses(nn.Module):
    """W s, then a per-channel affine: what a population receives from the one before it.

    Float mode: batch norm over tokens and steps (`nets/matrix.py`). Integer mode (after `fold`): an integer gain per row and a bias in
    1/64 units on a grid (a power of two), both learned straight through.
    """

    def __init__(self, fan_in: int, fan_out: int, kind: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in) / math.sqrt(fan_in))
        self.norm = nn.BatchNorm1d(fan_out, eps=1.0, momentum=0.02)  # counts are integers: a variance below 1 is a dead row
        self.quantise = QUANTISERS[kind]
        self.scale: int | None = None
        self.bias_grid = 1

    def codes(self) -> Tensor:
        """(rows, fan_in) in {-1, 0, 1}."""
        return self.quantise(self.weight)

    def affine(self) -> tuple[Tensor, Tensor]:
        """(gain, shift) of the frozen batch norm: gain * count + shift against a threshold of 1."""
        return affine_of(self.norm)

    def fold(self, scale: int) -> None:
        """Freeze the affine at integer scale `scale` (synaptic units in one threshold); from here on integers."""
        with torch.no_grad():
            gain, shift = self.affine()
        self.gain, self.shift = nn.Parameter(gain.clone()), nn.Parameter(shift.clone())
        largest = float((shift.abs() * scale * arith.ONE).max())
        self.bias_grid = 1 << math.ceil(math.log2(max(largest * _BIAS_ROOM / arith.BIAS_MANTISSA_LIMIT, 1)))
        self.scale = scale
        del self.norm

    def registers(self) -> tuple[Tensor, Tensor]:
        """(row gains in synaptic units, biases in 1/64 units), integer-valued float32."""
        assert self.scale is not None
        bias = rounded(self.shift * (self.scale * arith.ONE / self.bias_grid), arith.BIAS_MANTISSA_LIMIT) * self.bias_grid
        return rounded(self.gain * self.scale, arith.WEIGHT_LIMIT), bias


class Weight(nn.Module):
    """One learned positive synaptic weight shared by a whole projection (score, context, residual)."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.tensor(math.log(start)))
        self.scale: int | None = None

    def fold(self, scale: int) -> None:
        """From here on an integer m << e that the chip stores."""
        self.scale = scale

    def forward(self) -> Tensor:
        """In thresholds (float mode) or in 1/64 synaptic units (integer mode)."""
        weight = self.log.exp()
        if self.scale is None:
            return weight
        stored = _stored(self.log.detach(), self.scale) if devices.scans_in_torch(weight) else torch.tensor(float(self.integer()))
        return straight(weight * (self.scale * arith.ONE), stored * arith.ONE)

    def integer(self) -> int:
        """The stored weight in synaptic units."""
        assert self.scale is not None
        value = self.log.detach().exp().item() * self.scale
        mantissa, exponent = arith.mantissa_exponent(min(max(round(value), 1), SHARED_LIMIT) if value else 0)  # learned ones stay above 0
        return mantissa << exponent


def _stored(log: Tensor, scale: int) -> Tensor:
    """`Weight.integer` where nobody waits for it: float32, of no dimension."""
    value, e = log.exp().double() * scale, torch.arange(arith.EXPONENT_LIMIT + 1, device=log.device)
    whole = torch.where(value > 0, value.round().clamp(1, SHARED_LIMIT), 0).long()
    mantissas = (whole + ((1 << e) >> 1)) >> e
    needed = (mantissas > arith.WEIGHT_LIMIT).sum()
    return ((mantissas << e) * (e == needed)).sum().float()
