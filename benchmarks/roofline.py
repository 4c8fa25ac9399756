"""(a) The linear kernel against the machine's population-count roofline, and (f) against the spike rate.

The roofline is a loop over 4 KiB, which stay in the first cache, of AND, population count and add on full vectors: 512 products of a spike and a
binary weight each, half as many with a ternary weight's two bit planes. The kernel is a whole LIF layer: product, gain, bias, scan, packing.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from measure import CORES, best
from numba.core import cgutils
from numba.extending import intrinsic

from tritspike.runtime import bits
from tritspike.runtime.simulator import kernels, weights
from tritspike.runtime.simulator.lanes import WORDS, load_words, store

SHAPES = ((384, 384), (384, 1536), (768, 768), (768, 3072), (3072, 768))  # inputs, neurons: MiniLM's and BERT-base's layers
RATES = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_ROWS, _STEPS = 64, 4


@intrinsic
def count_bits(typing: Any, words: Any) -> Any:
    """Population count of each of eight words."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        count = cgutils.get_or_insert_function(builder.module, ir.FunctionType(WORDS.form, [WORDS.form]), "llvm.ctpop.v8i64")
        return builder.call(count, args)

    return WORDS(WORDS), emit


@numba.njit(nogil=True)
def peak(a: Any, b: Any, repeats: int, out: Any) -> None:
    """Eight sums at once of count_bits(a & b) over 512 words, `repeats` times; b is read anew each time."""
    zero = load_words(out, 0)
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
    for r in range(repeats):
        x = load_words(b, (r & 7) * 8)
        for n in range(0, 512, 64):
            s0 = s0 + count_bits(load_words(a, n) & x)
            s1 = s1 + count_bits(load_words(a, n + 8) & x)
            s2 = s2 + count_bits(load_words(a, n + 16) & x)
            s3 = s3 + count_bits(load_words(a, n + 24) & x)
            s4 = s4 + count_bits(load_words(a, n + 32) & x)
            s5 = s5 + count_bits(load_words(a, n + 40) & x)
            s6 = s6 + count_bits(load_words(a, n + 48) & x)
            s7 = s7 + count_bits(load_words(a, n + 56) & x)
    store(out, 0, s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7)


@numba.njit(nogil=True)
def chain(n: int) -> int:
    """A chain of multiply (3 cycles on current x86 cores) and add (1): what the clock is."""
    x = 3
    for _ in range(n):
        x = x * x + 1
    return x


def on(threads: int, work: Any) -> float:
    """Seconds of the same work on so many threads at once, each with its own `work(thread)`."""
    with ThreadPoolExecutor(threads) as pool:
        return best(lambda: list(pool.map(work, range(threads))), 0.6)


def roofline(threads: int) -> float:
    """Binary products a second."""
    rng, repeats = np.random.default_rng(0), 100_000
    arrays = [(rng.integers(0, 2**63, 512).astype(np.uint64), rng.integers(0, 2**63, 64).astype(np.uint64)) for _ in range(threads)]
    seconds = on(threads, lambda t: peak(*arrays[t], repeats, np.zeros(8, np.uint64)))
    return threads * repeats * 512 * 64 / seconds


def inner_loop() -> list[str]:
    """The instructions of the roofline's loop, from the disassembly."""
    (text,) = peak.inspect_asm().values()
    blocks = [b for b in re.split(r"^\.L\w+:", text, flags=re.M) if "vpopcnt" in b or "popcnt" in b]
    body = max(blocks, key=lambda b: len(re.findall("popcnt", b)))
    return [" ".join(line.split()) for line in body.splitlines() if line.strip() and not line.strip().startswith((".", "#"))]


def kernel(inputs: int, neurons: int, each: int, rate: float, threads: int) -> float:
    """Products a second of `kernels.linear`, counted as if no input were silent."""
    rng = np.random.default_rng(0)
    codes = rng.choice([-1, 1] if each == 1 else [-1, 0, 1], (neurons, inputs)).astype(np.int8)
    words, full = bits.words(neurons), bits.words(neurons) * 64
    gain, bias = rng.integers(-60, 60, full).astype(np.int32) * 64, rng.integers(-3000, 3000, full).astype(np.int32)
    keep, vth, table = np.full(words, 3072, np.int32), np.full(words, 200 * 64, np.int32), weights.table(codes, each)
    signs = weights.signs(codes, each)
    spikes = [bits.pack(rng.random((_ROWS, _STEPS, inputs)) < rate) for _ in range(threads)]
    outs = [np.zeros((_ROWS, _STEPS, words), np.uint64) for _ in range(threads)]
    seconds = on(threads, lambda t: kernels.linear(spikes[t], 0, inputs, table, signs, gain, bias, keep, vth, spikes[t], 0, 0, 1, outs[t]))
    return threads * _ROWS * _STEPS * inputs * neurons / seconds


def measure() -> dict[str, Any]:
    """Both sections of the report and the rooflines, in GMAC/s."""
    tops = {threads: roofline(threads) / 1e9 for threads in (1, CORES)}
    clock = 4e-9 * 10_000_000 / best(lambda: chain(10_000_000), 0.5)
    rows = [_row(shape, each, rate, tops[CORES]) for each in (2, 1) for shape in SHAPES for rate in RATES]
    listing = inner_loop()
    vector = [line for line in listing if line.startswith(("vp", "popcnt"))]
    remark = (
        f"Roofline: {tops[1]:.0f} binary GMAC/s on one core, {tops[CORES]:.0f} on {CORES}; ternary half of that. Clock by a chain of dependent "
        f"multiplications: {clock:.2f} GHz, so {tops[1] / clock:.0f} products a cycle and core. Its loop has {len(vector)} vector instructions for "
        f"{len([line for line in listing if 'popcnt' in line])} population counts: `{'`, `'.join(vector[:6])}`, ... GMAC/s count every synapse, "
        "silent ones too: that is what a kernel that looks at all of them would have to do."
    )
    return {
        "tops": tops,
        "clock": clock,
        "loop": listing,
        "kernel": {"title": "(a, f) The linear kernel, by spike rate", "remark": remark, "rows": rows},
    }


def _row(shape: tuple[int, int], each: int, rate: float, top: float) -> dict[str, Any]:
    limit = top / each
    one, all_cores = (kernel(*shape, each, rate, threads) / 1e9 for threads in (1, CORES))
    return {
        "weights": "binary" if each == 1 else "ternary",
        "inputs": shape[0],
        "neurons": shape[1],
        "spike rate": rate,
        "GMAC/s, 1 core": one,
        f"GMAC/s, {CORES} cores": all_cores,
        "of the roofline": all_cores / limit,
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
