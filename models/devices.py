"""Where training computes: which device, by which scans over steps, and with products that stay exact in integers.

TRITSPIKE_LIF chooses the scans: `numba` on a CPU and `torch` elsewhere where it is not set; `torch` on a CPU too, and `compiled`, which is `torch`
through `torch.compile`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor

from tritspike.runtime.errors import InputError

CPU = torch.device("cpu")
SCANS = "TRITSPIKE_LIF"
_KINDS = ("numba", "torch", "compiled")


def chosen(name: str, rank: int = 0) -> torch.device:
    """Of `auto`, `cpu`, `cuda` or `cuda:N`. rank: of this process on its machine, which is its device where no number is given. Raises
    `InputError`."""
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not there):
        return CPU
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cuda") or (number and not number.isdecimal()) or (kind == "auto" and number):
        raise InputError(f"--device {name}", "auto, cpu, cuda or cuda:N")
    at = int(number) if number else rank
    if at >= there:
        raise InputError(f"--device {name}: device {at} of {there} that torch sees here", "cpu, or a torch that was built for the device")
    torch.cuda.set_device(at)
    return torch.device("cuda", at)


def scans_in_torch(tensor: Tensor) -> bool:
    """Whether the scan over this tensor's steps, and what is made for it, is torch's. Raises `InputError`."""
    wanted = os.environ.get(SCANS, "")
    if wanted not in ("", *_KINDS):
        raise InputError(f"{SCANS}={wanted}", f"one of {', '.join(_KINDS)}, or nothing")
    elsewhere = tensor.device.type != "cpu"
    if wanted == "numba" and elsewhere:
        raise InputError(f"{SCANS}=numba on {tensor.device}", "--device cpu, or torch")
    return elsewhere or wanted in ("torch", "compiled")


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A scan as it is to be called."""
    return _compiled(function) if os.environ.get(SCANS) == "compiled" else function


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(function, dynamic=True)


def halved(device: torch.device) -> AbstractContextManager[None]:
    """Float products in bfloat16 where that is worth it: on CUDA. Around these alone, never around what is exact."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


def require_exact() -> None:
    """Integers of up to 24 bits are multiplied in float32. Raises `InputError` where torch was told to take fewer bits for that."""
    try:
        precision = torch.get_float32_matmul_precision()
    except RuntimeError:  # some backends' were set one by one
        precision = "of several kinds"
    if precision != "highest":
        raise InputError(f"float32 products of precision {precision}, integers need all bits", "torch.set_float32_matmul_precision('highest')")


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """There, without waiting for it; itself where it is there."""
    if tensor.device == device:
        return tensor
    held = tensor.pin_memory() if device.type == "cuda" and tensor.device.type == "cpu" else tensor
    return held.to(device, non_blocking=True)
