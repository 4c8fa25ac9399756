"""Several processes that train one model, as `torchrun` starts them: which of them this is, what is its part, and what they add up to.

Each takes a part of the same random batch, so that a run depends on how many they are by rounding alone. Alone, nothing here does anything. All of
them read and one of them writes the same folders.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from tritspike.runtime.errors import InputError

_PATIENCE = timedelta(days=7)  # one of them labels, folds, checks and writes while the others wait
_apart: ContextVar[bool] = ContextVar("apart", default=False)


def place() -> int:
    """Of this process among those on its machine; 0 alone."""
    found = os.environ.get("LOCAL_RANK", "0")
    return int(found) if found.isdecimal() else 0


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """With the processes that torchrun has started beside this one, if any. Raises `InputError` where they do not find each other."""
    many = os.environ.get("WORLD_SIZE", "1")
    if many == "1":
        yield
        return
    try:
        dist.init_process_group("gloo" if device.type == "cpu" else "nccl", timeout=_PATIENCE)
    except (ValueError, RuntimeError) as error:
        what = f"WORLD_SIZE={many}, and the processes do not find each other: {str(error).splitlines()[0]}"
        raise InputError(what, "torchrun, which tells them where they are") from None
    try:
        yield
    finally:
        dist.destroy_process_group()


def count() -> int:
    """How many take part."""
    return 1 if _apart.get() or not dist.is_initialized() else dist.get_world_size()


def leads() -> bool:
    """Whether this one checks and writes."""
    return not dist.is_initialized() or dist.get_rank() == 0


def part(size: int) -> slice:
    """Of so many texts, those of this process. Raises `InputError` where there are too few."""
    if size < count():
        raise InputError(f"a batch of {size} for {count()} processes", "schedule.batch of at least one text for each")
    return slice(None) if count() == 1 else slice(dist.get_rank(), None, count())


@contextmanager
def apart() -> Iterator[None]:
    """What one process does by itself, whatever the others do meanwhile."""
    token = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(token)


@contextmanager
def leading_first() -> Iterator[None]:
    """The body in the leading process, then in the others, which find what it has left."""
    if not leads():
        meet()
    yield
    if leads():
        meet()


def meet() -> None:
    """Wait for the others."""
    if count() > 1:
        _told(dist.barrier)


def agree(tensors: Iterable[Tensor]) -> None:
    """All take what the leading process has."""
    for tensor in tensors if count() > 1 else ():
        _told(dist.broadcast, tensor.detach(), 0)


def total(values: Tensor) -> Tensor:
    """Summed up over all, without gradients."""
    found = values.detach().clone()
    if count() > 1:
        _told(dist.all_reduce, found)
    return found


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return total(values)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return total(grads[0])


def summed(values: Tensor) -> Tensor:
    """Summed up over all; its gradient is that of the sum of all their losses."""
    found: Tensor = values if count() == 1 else _Summed.apply(values)
    return found


def sum_gradients(parameters: Iterable[Tensor]) -> None:
    """Each parameter's gradient becomes that of the sum of all losses. Which parameters have one must be the same everywhere."""
    if count() == 1:
        return
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    sums = total(torch.cat([grad.flatten() for grad in grads]))
    for grad, found in zip(grads, sums.split([grad.numel() for grad in grads])):
        grad.copy_(found.view(grad.shape))


def _told(call: Any, *given: Any) -> None:
    """Raises `InputError` where another process is gone."""
    try:
        call(*given)
    except RuntimeError as error:
        what = f"another process of this training has ended: {str(error).splitlines()[0]}"
        raise InputError(what, "the same command again, which goes on where it stopped") from None
