"""The table of shipped language models on WikiText-2's test file; results/language.{json,md} hold what came out.

    python benchmarks/language.py --data WIKITEXT --teacher out/lm-teacher --made out/runs NAME ...

A run that is named is copied into the zoo from `--made`. The test file is read here, once for each checkpoint, whose card then says so. Each is
compiled, scored by `python -m runtime perplexity` with half a window between windows, counted on its first windows, mapped, and asked to go on from
five prompts; the teacher is scored in windows of its own length, half of it apart, and says how likely it finds what was written.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from zoo import HERE, ZOO, install, run_python

from tritspike.models.streams import Stream, perplexity, stream_of, wikitext
from tritspike.models.teacher import CausalTeacher, load_causal_teacher
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host import language
from tritspike.runtime.host.batches import run
from tritspike.runtime.host.language import Sampler, Sampling
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tasks.operations import ACCUMULATE_PJ, float_operations, program_operations, same_size, synaptic_events
from tritspike.runtime.tasks.sampling import file_windows
from tritspike.runtime.tasks.spike_rates import mean, spike_counts
from tritspike.runtime.tasks.versus.run import parameters

RESULTS = HERE / "results" / "language.json"
WINDOWS = 64  # that spikes and events are counted on
TOKENS = 60  # that follow each prompt
SAMPLING = Sampling(temperature=0.8, top_p=0.9, seed=1)
RATE_TOKENS = (200, 2000)  # tokens a second must not fall from the first to the second
PROMPTS = (
    "The game was released in",
    "The church was built in the",
    "In the first half of the season , the team",
    "The storm moved north and",
    "She was born in",
)


def teacher_figures(teacher: CausalTeacher, text: str, length: int) -> dict[str, float]:
    """Perplexity a token and a word and bits a byte, in windows of `length`."""
    stream = stream_of(teacher.tokenizer, [text], length)
    found, tokens = perplexity(lambda b: teacher.token_logits(teacher.outputs(b), b), stream, length), len(stream.ids) - 1
    nats = tokens * math.log(found)
    return {
        "per_token": found,
        "per_word": math.exp(nats / len(text.split())),
        "bits_per_byte": nats / math.log(2) / len(text.encode()),
        "window": length,
    }


def scored(program: Path, data: Path, made: Path) -> dict[str, Any]:
    """What `runtime perplexity` says of the test file."""
    report = made / "perplexity.json"
    command = run_python("-m", "runtime", "perplexity", str(program), "--data", str(data / "wiki.test.tokens"), "--json", str(report))
    return dict(json.loads(report.read_text())) | {"command": command}


def counted(encoder: Encoder, data: Path) -> dict[str, Any]:
    """Spike rates, and operations a window beside a float model of the same shape: synaptic operations alone, as the paper counts, and all."""
    program = encoder.program
    rows = encoder.rows(file_windows(encoder, data / "wiki.test.tokens", WINDOWS))
    activity = run(program, rows, DEFAULT, ask=Ask(count=True)).activity
    assert activity is not None
    spikes, apart = spike_counts(program, activity, rows.lengths)
    sized = same_size(program)
    assert sized is not None
    rival = float_operations(sized, rows.lengths.tolist())
    synaptic, everything = synaptic_events(program, activity), program_operations(program, activity)
    return {
        "tokens": float(rows.lengths.mean()),
        "mean spike rate": mean(spikes),
        "spike rates": {name: count.rate for name, count in (spikes | apart).items()},
        "synaptic operations": synaptic,
        "synaptic events": {name: count / activity.samples for name, count in activity.events.items()},
        "operations": everything,
        "float model of the same shape": rival,
        "compute ratio": synaptic * ACCUMULATE_PJ / rival["arithmetic pJ"],
        "ratio with neuron updates": everything["arithmetic pJ"] / rival["arithmetic pJ"],
    }


def written(encoder: Encoder, prompt: str, tokens: int, sampling: Sampling = SAMPLING) -> tuple[list[int], int, float]:
    """(all token ids, how many of them are the prompt's, seconds)."""
    ids, predict = language.whole(encoder, prompt).ids, language.predictor(encoder, DEFAULT, How())
    start = time.perf_counter()
    found = list(language.generate(predict, ids, tokens, Sampler(encoder.program, sampling)))
    return [*ids, *found], len(ids), time.perf_counter() - start


def distinct_pairs(ids: list[int]) -> float:
    """Distinct-2: the share of neighbouring pairs of tokens that differ from all others."""
    pairs = list(pairwise(ids))
    return len(set(pairs)) / len(pairs)


def continued(encoder: Encoder, teacher: CausalTeacher, prompt: str) -> dict[str, Any]:
    """What the program writes behind a prompt, and the teacher's perplexity of both, as far as its window reaches."""
    ids, own, _ = written(encoder, prompt, TOKENS)
    length = teacher.model.config.n_positions
    stream = Stream(np.array(ids[:length], np.int32))
    said = perplexity(lambda b: teacher.token_logits(teacher.outputs(b), b), stream, length)
    return {"prompt": prompt, "text": decoded(encoder.tokenizer, ids), "distinct-2": distinct_pairs(ids[own:]), "to the teacher": said}


def decoded(tokenizer: Tokenizer, ids: list[int]) -> str:
    """Without the token that begins a text."""
    return str(tokenizer.decode(ids, skip_special_tokens=True))


def rates(encoder: Encoder) -> dict[str, float]:
    """Tokens a second, restarts of the full window included, after a run that is not counted. An end of text is not taken for one."""
    written(encoder, PROMPTS[0], 16)
    found = {}
    for tokens in RATE_TOKENS:
        done = seconds = 0.0
        seed = 0
        while done < tokens:
            ids, own, took = written(encoder, PROMPTS[0], int(tokens - done), Sampling(1.0, 1.0, seed))
            done, seconds, seed = done + len(ids) - own, seconds + took, seed + 1
        found[str(tokens)] = done / seconds
    return found


def row(folder: Path, made: Path, data: Path, teacher: CausalTeacher) -> dict[str, Any]:
    """Everything that the table says of one checkpoint."""
    config, program = json.loads((folder / "config.json").read_text()), made / f"{folder.name}.tsp"
    lowered = run_python(str(HERE.parent / "compiler" / "lower.py"), str(folder), "--profile", "auto", "--out", str(program), "--map")
    encoder = Encoder(program_file.load(program))
    found = scored(program, data, made)
    note(folder, found)
    return {
        "name": folder.name,
        "weights": config["weights"],
        "steps": config["steps"],
        "test": found,
        "parameters": parameters(encoder.program),
        "bytes": sum(f.stat().st_size for f in folder.iterdir()),
        **counted(encoder, data),
        "tokens a second": rates(encoder),
        "texts": [continued(encoder, teacher, prompt) for prompt in PROMPTS],
        "lower": lowered,
        "profile": encoder.program.profile,
    }


def note(folder: Path, found: dict[str, Any]) -> None:
    """Into the card: what the test file said, when, and by which command."""
    card = json.loads((folder / "card.json").read_text())
    said = {"test": {name: found[name] for name in ("per_token", "per_word", "bits_per_byte")}, "test_command": found["command"]}
    (folder / "card.json").write_text(json.dumps(card | said | {"test_time": time.strftime("%Y-%m-%d %H:%M")}, indent=1) + "\n")


def markdown(report: dict[str, Any]) -> str:
    """The models' table, then what they wrote."""
    names = (  # compute: 45 nm, synaptic operations against a float model of the same shape
        "model",
        "weights",
        "T",
        "perplexity a token",
        "a word",
        "of the teacher's",
        "bits a byte",
        "parameters",
        "MiB",
        "spike rate",
        "compute",
        "tokens/s",
    )
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    teacher = report["teacher"]
    lines.append(f"| teacher | float | | {teacher['per_token']:.2f} | {teacher['per_word']:.1f} | 1 | {teacher['bits_per_byte']:.4f} | | | | | |")
    for r in report["models"]:
        lines.append(_model_line(r, teacher["per_word"]))
    for r in report["models"]:
        lines += ["", f"`{r['name']}`, temperature {SAMPLING.temperature}, top-p {SAMPLING.top_p}, seed {SAMPLING.seed}:", ""]
        lines += [f"- {x['text']!r} (distinct-2 {x['distinct-2']:.2f}, perplexity to the teacher {x['to the teacher']:.0f})" for x in r["texts"]]
    return "\n".join([*lines, ""])


def _model_line(r: dict[str, Any], teacher: float) -> str:
    t, rate = r["test"], min(r["tokens a second"].values())
    scores = f"{t['per_token']:.2f} | {t['per_word']:.1f} | {t['per_word'] / teacher:.3f} | {t['bits_per_byte']:.4f}"
    size = f"{r['parameters']:,} | {r['bytes'] / 2**20:.1f}"
    return f"| {r['name']} | {r['weights']} | {r['steps']} | {scores} | {size} | {r['mean spike rate']:.3f} | {r['compute ratio']:.2%} | {rate:.0f} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", help="runs that are to ship")
    for name in ("data", "teacher", "made"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    o = parser.parse_args()
    teacher, report = load_causal_teacher(str(o.teacher)), json.loads(RESULTS.read_text()) if RESULTS.exists() else {"models": []}
    if "teacher" not in report:
        report["teacher"] = teacher_figures(teacher, "".join(wikitext(o.data, "test")), teacher.model.config.n_positions)
    rows = {r["name"]: r for r in report["models"]}
    for name in o.names:
        install(o.made / name, ZOO / name)
        rows[name] = row(ZOO / name, o.made, o.data, teacher)
        report["models"] = [rows[n] for n in sorted(rows)]
        RESULTS.write_text(json.dumps(report, indent=1) + "\n")
        RESULTS.with_suffix(".md").write_text(markdown(report))
    sys.stdout.write(markdown(report))


if __name__ == "__main__":
    main()
