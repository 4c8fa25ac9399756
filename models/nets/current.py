"""What a host makes of token numbers: the constant current that drives the neurons which it plays.

Token, position and segment rows of rank r, one projection, a per-channel affine. In integers int8 tables and projection,
current = (P (tok + pos + seg) + bias) >> shift, rounding down.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from tritspike.models import devices
from tritspike.models.nets.norms import normed
from tritspike.models.nets.tables import rows
from tritspike.models.spiking import affine_of, rounded, straight
from tritspike.runtime import arith
from tritspike.runtime.checkpoint import INT32

_INT8, _SHIFT_LIMIT = 127, 30
_EXACT_RANK = (1 << 24) // (3 * 128 * 128)  # up to here float32 holds every sum of a projection's products with three int8 rows


class Current(nn.Module):
    """(tokens, hidden): thresholds in floats, 1/64 synaptic units in integers. positions: rows of the position table."""

    def __init__(self, vocabulary: int, hidden: int, rank: int, positions: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(vocabulary, rank))
        self.position = nn.Parameter(_waves(positions, rank))
        self.segment = nn.Parameter(torch.randn(2, rank) * 0.1)
        self.projection = nn.Parameter(torch.randn(hidden, rank) / math.sqrt(rank))
        self.norm = nn.BatchNorm1d(hidden, momentum=0.02)
        self.scale: int | None = None
        self.lowest = -_INT8  # that training gives a table; a checkpoint of another hand may hold -128

    def forward(self, ids: Tensor, positions: Tensor, segments: Tensor) -> Tensor:
        """Of (tokens,) numbers each."""
        indexed = ((self.token, ids), (self.position, positions), (self.segment, segments))
        tables = [rows(index, table) for table, index in indexed]
        if self.scale is None:
            with devices.halved(self.token.device):
                found = (tables[0] + tables[1] + tables[2]) @ self.projection.T
            return normed(self.norm, found.float())
        token, position, segment = (self.int8(table * self.table_scale) for table in tables)
        read, projection = token + position + segment, self.int8(self.projection * self.projection_scale)
        if read.shape[1] > _EXACT_RANK:
            read, projection = read.double(), projection.double()
        total = (read @ projection.T + self.integer_bias()) / (1 << self.shift)
        return (straight(total, total.floor()) * arith.ONE).float()  # what float32 rounds is above 2^30 and saturates every membrane

    def int8(self, values: Tensor) -> Tensor:
        """On the grid of the checkpoint's tables."""
        return rounded(values, _INT8, self.lowest)

    def integer_bias(self) -> Tensor:
        """In the units of the projection's products."""
        return rounded(self.bias, INT32[1], INT32[0])

    def fold(self, scale: int) -> None:
        """Fold the affine into projection and bias, then put everything on int8 grids."""
        with torch.no_grad():
            gain, offset = affine_of(self.norm)
            self.projection.mul_(gain[:, None])
            # clip the farthest 0.01 % of table entries: one outlier must not cost everyone resolution
            self.table_scale = _INT8 / float(np.quantile(self.token.abs().cpu().numpy(), 0.9999))
            most = _INT8 / float(self.projection.abs().max())
            self.shift = min(max(math.floor(math.log2(most * self.table_scale / scale)), 0), _SHIFT_LIMIT)
            self.projection_scale = scale * 2**self.shift / self.table_scale
        self.bias = nn.Parameter(offset * (scale * 2**self.shift))
        self.scale = scale
        del self.norm


def _waves(length: int, rank: int) -> Tensor:
    """(length, rank) sines and cosines of wavelengths 2 pi .. 2 pi * 10,000 (Vaswani et al. 2017), where learning starts."""
    angle = torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, rank, 2) / rank)
    return torch.cat([angle.sin(), angle.cos()], 1)[:, :rank]
