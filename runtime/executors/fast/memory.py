"""How much of a program's spikes is held at once, and how many rows of a batch a budget of memory allows."""

from __future__ import annotations

import math

from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.fast.flow import Flow, flow
from tritspike.runtime.executors.fast.plan import Plan, plan
from tritspike.runtime.executors.fast.rows import longest
from tritspike.runtime.limits import MOST_THREADS, cores
from tritspike.runtime.network.memory import at_once
from tritspike.runtime.network.network import Scheduled, Stream

_ROWS = 1024  # of a batch: enough to amortise Python, few enough to stay in a core's cache and to share out evenly


def bytes_per_row(program: Scheduled, rows: int) -> int:
    """The most that spikes of one row of a window of `rows` rows hold at any stage; each buffer is dropped after its last use.

    But for what is played: its spikes are the caller's, who has them until the end. Without a plan, a row's share of what the generic engine holds.
    """
    found, _ = plan(program)
    if found is None and (of := _flow(program)) is not None:
        ports = {port.population: (bits.words(of.places[port.population].width),) for port in program.network.ports if port.population in of.places}
        each = ports | {name: words for stage in of.stages for name, words in stage.writes(rows).items()}
        return sum(of.steps(name) * math.prod(words) for name, words in each.items()) * bits.WORD // 8
    if found is None:
        return -(-at_once(program, program.timing.period) // longest(program.network))
    return _words_per_row(program, found, rows) * program.timing.steps * bits.WORD // 8


def _flow(program: Scheduled) -> Flow | None:
    return flow(program)[0] if isinstance(program.timing, Stream) else None


def _words_per_row(program: Scheduled, found: Plan, rows: int) -> int:
    """At one step."""
    ports = (port.population for port in program.network.ports)
    given = sum(bits.words(found.places[name].width) for name in ports if name in found.places)
    live, most, used = dict[str, int](), given, found.last_use()
    for n, stage in enumerate(found.stages):
        live |= {name: math.prod(words) for name, words in stage.writes(rows).items()}
        most = max(most, given + sum(live.values()) + stage.copies())
        live = {name: words for name, words in live.items() if used.get(name, -1) > n}
    return most


def batch_rows(program: Scheduled, threads: int, memory: int) -> int:
    """Rows a batch, so that `threads` batches at once stay within `memory` bytes. Raises `InputError` where one text may not fit."""
    if not 1 <= threads <= MOST_THREADS:
        raise InputError(f"{threads} threads, allowed 1..{MOST_THREADS}", f"this machine has {cores()} cores")
    rows = longest(program.network)
    row = bytes_per_row(program, rows)
    need = row * rows * threads
    if memory < need:
        raise InputError(
            f"a memory budget of {memory >> 20} MiB is too small: {threads} texts of {rows} tokens at once need {-(-need >> 20)} MiB",
            f"--memory {-(-need >> 20)}" + (", or --threads 1" if threads > 1 else ""),
        )
    return max(rows, min(_ROWS, memory // (row * threads)))
