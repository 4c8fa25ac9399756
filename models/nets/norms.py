"""Batch norm by the statistics of a whole batch, in however many processes its texts are. Alone it is torch's own, to the last bit.

(torch's SyncBatchNorm takes no tensor of a CPU.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tritspike.models import processes


def normed(norm: nn.BatchNorm1d, values: Tensor) -> Tensor:
    """(cells, channels) by this batch's statistics in training, which are kept, and by those kept otherwise."""
    if not norm.training or processes.count() == 1:
        found: Tensor = norm(values)
        return found
    mean, var, cells = _over_all(values)
    _keep(norm, mean.detach(), var.detach(), cells)
    return (values - mean.to(values.dtype)) * (norm.weight / (var + norm.eps).sqrt().to(values.dtype)) + norm.bias


def watched(norm: nn.BatchNorm1d, values: Tensor) -> Tensor:
    """(channels,) means of spikes (cells, channels), whose statistics are kept."""
    if processes.count() == 1:
        norm(values)
        return values.mean(0)
    mean, var, cells = _over_all(values)
    _keep(norm, mean, var, cells)
    return mean.to(values.dtype)


def statistics(values: Tensor) -> tuple[Tensor, Tensor]:
    """(channels,) variances and means of (cells, channels)."""
    if processes.count() == 1:
        return torch.var_mean(values, 0, correction=0)
    mean, var, _ = _over_all(values)
    return var.to(values.dtype), mean.to(values.dtype)


def _over_all(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(means, variances, how many cells) of all processes, float64."""
    var, mean = torch.var_mean(values, 0, correction=0)
    var, mean, cells = var.double(), mean.double(), var.new_full((1,), len(values), dtype=torch.float64)
    means, squares, cells = processes.summed(torch.cat([mean * cells, (var + mean.square()) * cells, cells])).split([len(mean), len(mean), 1])
    mean = means / cells
    return mean, squares / cells - mean.square(), cells.detach()


@torch.no_grad()
def _keep(norm: nn.BatchNorm1d, mean: Tensor, var: Tensor, cells: Tensor) -> None:
    """As torch's own does: a running average, or a plain one where momentum is None."""
    assert norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None
    norm.num_batches_tracked += 1
    share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    for kept, found in ((norm.running_mean, mean), (norm.running_var, var * cells / (cells - 1))):
        kept.lerp_(found.to(kept.dtype), share)
