"""A streaming language model beside the windowed one at an older checkout: generation, many streams, perplexity; processor time of pairs in turns.

    python benchmarks/stream_speed.py OLDER --data WIKITEXT [--program lm-stream-ternary] [--pairs 7]

OLDER is a checkout of 5aed816, where the windowed lm-ternary generates and is scored. Each run is a process of its own on one core. Also the
growth of one long text: processor time of the last 10,000 tokens of 100,000 by that of tokens 1,000 to 11,000, and memory behind each.
Writes benchmarks/results/stream_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from against import _encoder as windowed_encoder
from measure import HERE, ROOT, busy, peak_mib

PROMPT, TOKENS, SEED = "The game was released in", 300, 1
STREAMS, EACH = 64, 100
LONG, WINDOW, FROM = 100_000, 10_000, 1_000
AGAINST = {  # many windowed streams are as many times one
    "greedy": "greedy",
    "sampled": "sampled",
    "streams, greedy": "greedy",
    "streams, sampled": "sampled",
    "perplexity": "perplexity",
}
CASES = tuple(AGAINST)
WHOLE = ("perplexity", "windowed now")  # of the test file


def main() -> None:
    """The command; with --case one timed run in this process, of the tree that PYTHONPATH names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("older", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--program", default="lm-stream-ternary")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--case", choices=(*CASES, "windowed now", "long"))
    o = parser.parse_args()
    if o.case:
        warnings.simplefilter("ignore")
        older = os.environ["AGAINST"] == str(o.older)
        print(json.dumps(long_text(o.program) if o.case == "long" else _ours_or_theirs(o.case, older, o)))
        return
    found = {"load before": busy(), **{case: _pairs(case, o) for case in CASES}, "windowed now": _run("windowed now", ROOT, o)}
    found["long"] = _run("long", ROOT, o)
    print(json.dumps(found, indent=1))
    (HERE / "results" / "stream_speed.json").write_text(json.dumps(found, indent=1) + "\n")


def _pairs(case: str, o: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of both, and how many times ours: the median of pairs and the least."""
    ours, theirs = [], []
    for n in range(min(o.pairs, 3) if case in WHOLE else o.pairs):
        for tree, kept, name in ((ROOT, ours, case), (o.older, theirs, AGAINST[case]))[:: 1 if n % 2 else -1]:
            kept.append(_run(name, tree, o)["tokens"])
    ratios = np.array(ours) / np.array(theirs)
    found = {"ours": round(float(np.median(ours))), "theirs": round(float(np.median(theirs)))}
    return found | {"times": round(float(np.median(ratios)), 2), "least": round(float(ratios.min()), 2)}


def _run(case: str, tree: Path, o: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).resolve()), str(o.older.resolve()), "--case", case, "--data", str(o.data.resolve())]
    command += ["--program", str(o.program)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree.resolve()), str(HERE)]), "OMP_NUM_THREADS": "1", "AGAINST": str(tree.resolve())}
    done = subprocess.run(command, env=env, cwd="/", check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _ours_or_theirs(case: str, older: bool, o: argparse.Namespace) -> dict[str, float]:
    work = (_older if older else _ours)(case, o)
    if case not in WHOLE:  # which are no sums of small things that a first run would make slow
        work()
    start = time.process_time()
    tokens = work()
    return {"tokens": tokens / (time.process_time() - start)}


def _sampling(case: str, seed: int = SEED) -> dict[str, Any]:
    return {"temperature": 0.8, "top_p": 0.9, "seed": seed} if case.endswith("sampled") else {"temperature": 0.0}


def _older(case: str, o: argparse.Namespace) -> Callable[[], int]:
    """At 5aed816. Work gives how many tokens it was."""
    from runtime import executors, language  # type: ignore[import-not-found]

    encoder = windowed_encoder(True, "lm-ternary")
    if case in WHOLE:
        text, stride = (o.data / "wiki.test.tokens").read_text(), encoder.program.dims.positions // 2
        return lambda: int(language.score(encoder, text, stride, "fast", executors.How(threads=1)).tokens)
    ids = language.whole(encoder, PROMPT).ids
    sampler = language.Sampler(encoder.program, language.Sampling(**_sampling(case)))
    return lambda: len(list(language.generate(language.predictor(encoder, "fast", 60.0), ids, TOKENS, sampler)))


def _program(name: str) -> Any:
    from tritspike.compiler.lower import lower

    path = Path(name)
    return lower(path if path.is_dir() else ROOT / "models" / "zoo" / name, "hala-point")


def _ours(case: str, o: argparse.Namespace) -> Callable[[], int]:
    """Here."""
    from tritspike.runtime.executors.base import How
    from tritspike.runtime.host import language
    from tritspike.runtime.host.reading import Reading
    from tritspike.runtime.host.text import Encoder
    from tritspike.runtime.host.together import go_on

    how, text = How(threads=1), (o.data / "wiki.test.tokens").read_text()
    encoder = Encoder(_program("lm-ternary" if case == "windowed now" else o.program))
    if case == "windowed now":
        return lambda: language.score(encoder, text, encoder.program.positions // 2, "fast", how).tokens
    if case == "perplexity":
        return lambda: language.flowed(encoder, text, Reading(encoder, "fast", how)).tokens
    if case.startswith("streams"):
        samplings = [language.Sampling(**_sampling(case, n)) for n in range(STREAMS)]
        return lambda: STREAMS * EACH if go_on(encoder, [PROMPT] * STREAMS, EACH, samplings, "fast", how) else 0
    ids = language.whole(encoder, PROMPT).ids
    sampler = language.Sampler(encoder.program, language.Sampling(**_sampling(case)))
    return lambda: len(list(language.generate(language.predictor(encoder, "fast", how), ids, TOKENS, sampler)))


def long_text(name: str) -> dict[str, float]:
    """Of one text that is generated."""
    from tritspike.runtime.executors.base import How
    from tritspike.runtime.host import language
    from tritspike.runtime.host.text import Encoder

    encoder = Encoder(_program(name))
    sampler = language.Sampler(encoder.program, language.Sampling(1.0, 1.0, SEED))
    marks: dict[int, tuple[float, float]] = {}
    predict, ids = language.predictor(encoder, "fast", How(threads=1)), language.whole(encoder, PROMPT).ids
    made, end, found = 0, min(language.ends(encoder)), list(ids)
    while made < LONG:
        for token in language.generate(predict, found, LONG - made, sampler):
            made += 1
            found.append(token)
            if made in (FROM, FROM + WINDOW, LONG - WINDOW, LONG):
                marks[made] = time.process_time(), peak_mib()
        found.append(end)  # where a text ends another begins
    first, last = (marks[b][0] - marks[a][0] for a, b in ((FROM, FROM + WINDOW), (LONG - WINDOW, LONG)))
    return {"tokens": LONG, "last by first": round(last / first, 4), "MiB at 11,000": round(marks[FROM + WINDOW][1], 1)} | {
        "MiB at the end": round(marks[LONG][1], 1)
    }


if __name__ == "__main__":
    main()
