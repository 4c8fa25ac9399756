"""When things happen on a board, whose adapters take steps of their own. Plain arithmetic, no Lava."""

from __future__ import annotations

from tritspike.runtime.host.program import Program


def wait(adapter_steps: int, steps: int) -> int:
    """Silent steps that the host plays first, so that with the adapter's the delay is a multiple of T and every reset keeps its phase."""
    return -adapter_steps % steps


def delay(adapter_steps: int, steps: int) -> int:
    """Steps by which everything on the chip is later than in a run without adapters."""
    return wait(adapter_steps, steps) + adapter_steps


def total_steps(program: Program, samples: int, adapter_steps: int) -> int:
    """Steps until the last layer's last spike has come back to the host."""
    return delay(adapter_steps, program.steps) + samples * program.steps + program.depth + adapter_steps
