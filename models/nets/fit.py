"""The loop that trains a module, the same before and after `fold`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def fit(module: nn.Module, loss: Callable[[int], Tensor], steps: int, rate: float) -> None:
    """`steps` steps of Adam down `loss(step)`, at a rate that falls to nothing; the module is left in evaluation.

    Before `fold` batch norm takes its statistics from these batches.
    """
    optimiser = torch.optim.Adam(module.train().parameters(), rate)
    falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / max(steps, 1))
    for step in range(steps):
        optimiser.zero_grad()
        loss(step).backward()
        optimiser.step()
        falling.step()
    module.eval()
