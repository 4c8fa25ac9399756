"""When things happen on a board, whose adapters take steps of their own. Plain arithmetic, no Lava."""

from __future__ import annotations


def wait(adapter_steps: int, period: int) -> int:
    """Silent steps that the host plays first, so that with the adapter's the delay is whole periods and every reset keeps its phase."""
    return -adapter_steps % period


def delay(adapter_steps: int, period: int) -> int:
    """Steps by which everything on the chip is later than in a run without adapters."""
    return wait(adapter_steps, period) + adapter_steps


def total_steps(steps: int, period: int, adapter_steps: int) -> int:
    """Steps until the last spike of a run of `steps` steps without adapters has come back to the host."""
    return delay(adapter_steps, period) + steps + adapter_steps
