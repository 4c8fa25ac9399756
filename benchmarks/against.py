"""`fast` beside that of an older checkout: the linear kernel, SST-2 dev and generation, processor time of interleaved pairs.

    GLUE_DIR=... python benchmarks/against.py OLDER [--pairs 15]

OLDER is a checkout of 5aed816, the last commit of the first stage, whose folders are imported without `tritspike.` before them. Each run is a
process of its own, which does its work three times before it is timed; a pair is one run of each, in turns. Writes benchmarks/results/against.json.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import HERE, ROOT, busy
from pairs import is_older, pairs

CASES = ("linear", "sst2", "generation")
_REPEATS = {"linear": 400, "sst2": 5, "generation": 10}  # about a second of each
_BEFORE = 3  # runs that are not counted: the first few texts of a process are answered in numpy, and then kernels are loaded
_PROMPT, _TOKENS = "The game", 150


def main() -> None:
    """The command; with --case one timed run in this process, of the tree that PYTHONPATH names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("older", type=Path)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--case", choices=CASES)
    o = parser.parse_args()
    if o.case:
        print(_timed(o.case, o.older))
        return
    found = {"load before": busy(), **{case: pairs("against.py", case, o.older, o.pairs) for case in CASES}}
    print(json.dumps(found, indent=1))
    (HERE / "results" / "against.json").write_text(json.dumps(found, indent=1) + "\n")


def _timed(case: str, older: Path) -> float:
    """Processor seconds."""
    warnings.simplefilter("ignore")
    work = {"linear": _linear, "sst2": _sst2, "generation": _generation}[case](is_older(older))
    for _ in range(_BEFORE):
        work()
    start = time.process_time()
    for _ in range(_REPEATS[case]):
        work()
    return time.process_time() - start


def _program(older: bool, name: str) -> Any:
    folder = ROOT / "models" / "zoo" / name
    if older:
        from compiler.lower import lower  # type: ignore[import-not-found]
    else:
        from tritspike.compiler.lower import lower
    return lower(folder, "hala-point")


def _encoder(older: bool, name: str) -> Any:
    if older:
        from runtime.text import Encoder  # type: ignore[import-not-found]
    else:
        from tritspike.runtime.host.text import Encoder
    return Encoder(_program(older, name))


def _linear(older: bool) -> Callable[[], None]:
    """Every linear stage of the ternary classifier, on random spikes of 256 rows, a quarter of all."""
    if older:
        from runtime.simulator import kernels, layout  # type: ignore[import-not-found]

        stages = layout.plan(_program(older, "sst2-ternary")).stages
    else:
        from tritspike.runtime.executors.fast.plan import plan
        from tritspike.runtime.simulator import kernels

        found = plan(_program(older, "sst2-ternary").scheduled)[0]
        assert found is not None
        stages = found.stages
    calls = [_call(stage) for stage in stages if hasattr(stage, "table")]
    return lambda: [kernels.linear(*call) for call in calls]  # type: ignore[return-value]


def _call(s: Any) -> tuple[Any, ...]:
    rng, words = np.random.default_rng(0), s.signs.shape[2]

    def spikes(width: int) -> Any:
        return np.bitwise_and(*rng.integers(0, 1 << 63, (2, 256, 4, width), dtype=np.uint64))

    inputs = words * 64 if s.offsets != (0,) else s.source.width
    lanes, out = (s.gain, s.bias, s.keep, s.vth), np.zeros((256, 4, len(s.keep)), np.uint64)
    return (spikes(words), 0, inputs, s.table, s.signs, *lanes, spikes(len(s.keep)), 0, s.skip_gain, s.bounded, out)


def _sst2(older: bool) -> Callable[[], Any]:
    """Tokens of the dev set to logits, one thread."""
    encoder = _encoder(older, "sst2-ternary")
    if older:
        from runtime import glue  # type: ignore[import-not-found]
        from runtime.executors import How, streamed  # type: ignore[import-not-found]

        run, dev = streamed, glue.read(glue.task_named("sst2"), os.environ["GLUE_DIR"], "dev", None)
    else:
        from tritspike.runtime.executors.base import How
        from tritspike.runtime.executors.table import DEFAULT
        from tritspike.runtime.host import batches
        from tritspike.runtime.tasks import dataset, labelled

        dev = dataset.read(labelled.task_named("sst2"), os.environ["GLUE_DIR"], "dev", None)

        def run(encoder: Any, tokens: Any, how: Any) -> Any:
            return batches.streamed(encoder, tokens, DEFAULT, how)

    tokens = encoder.tokens([e.text for e in dev])
    return lambda: run(encoder, tokens, How(threads=1))


def _generation(older: bool) -> Callable[[], Any]:
    """The likeliest tokens behind a prompt."""
    encoder = _encoder(older, "lm-ternary")
    if older:
        from runtime import language  # type: ignore[import-not-found]

        how: Any = 60.0
    else:
        from tritspike.runtime.executors.base import How
        from tritspike.runtime.host import language

        how = How()
    ids = language.whole(encoder, _PROMPT).ids
    sampler = language.Sampler(encoder.program, language.Sampling())
    return lambda: list(language.generate(language.predictor(encoder, "fast", how), ids, _TOKENS, sampler))


if __name__ == "__main__":
    main()
