"""The table of shipped language models whose memory is neurons, beside the windowed ones; results/streams.{json,md} hold what came out.

    python benchmarks/streams.py --data WIKITEXT --teacher out/lm-teacher --made out [--glue GLUE] [--ship] NAME ...

With --ship a run that is named is copied into the zoo from `--made`. The test file is read here, once for each checkpoint, in one pass from its first
token to its last; the card then says so. Each is mapped with the spike rates of the validation file's first lines, and asked to go on for 200 tokens
from five prompts in one session; the teacher says how likely it finds what was written, in windows of its own length. A windowed model that is named
is mapped alone: its other figures are benchmarks/language.py's. A classifier that is named is mapped with the rates of GLUE's dev sentences, of which
each takes a slot; what dev said of it is benchmarks/zoo.py's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from language import PROMPTS, SAMPLING, distinct_pairs, note, scored
from language import RESULTS as WINDOWED
from measure import HERE
from zoo import ZOO, install, run_python

import tritspike as ts
from tritspike.models.streams import Stream, perplexity
from tritspike.models.teacher import CausalTeacher, load_causal_teacher
from tritspike.runtime import mapping
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host import language
from tritspike.runtime.host.language import Sampler, Sampling
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tasks.versus.run import parameters

RESULTS = HERE / "results" / "streams.json"
TOKENS = 200  # that follow each prompt
LINES = 60  # of the validation file, whose spikes are counted
GREEDY = 2000  # tokens whose processor time is taken


def row(folder: Path, made: Path, data: Path, teacher: CausalTeacher, glue: Path | None) -> dict[str, Any]:
    """Everything that the table says of one checkpoint."""
    if not folder.name.startswith("lm-"):
        return classifier(folder, made, glue)
    board, program = mapped(folder, made, _lines(made, data))
    if not program.flows:
        return {"name": folder.name, **board}
    encoder = Encoder(program)
    found = scored(made / f"{folder.name}.tsp", data, made)
    note(folder, found)
    card = json.loads((folder / "card.json").read_text())
    return {
        "name": folder.name,
        "weights": program.host.weights,
        "steps": program.steps,
        "period": program.scheduled.timing.period,
        "test": found,
        "validation": card["valid"],
        "mean spike rate": card["mean_spike_rate"],
        "parameters": parameters(program),
        "bytes": sum(f.stat().st_size for f in folder.iterdir()),
        **board,
        "tokens a second": greedy(encoder),
        "texts": list(continued(encoder, teacher)),
    }


def classifier(folder: Path, made: Path, glue: Path | None) -> dict[str, Any]:
    """A slot's energy is its tokens', padding among them."""
    assert glue is not None, f"{folder.name} needs --glue"
    board, program = mapped(folder, made, glue)
    slot, card = program.scheduled.timing.slot, json.loads((folder / "card.json").read_text())
    energy = {f"{kind} uJ a sentence": board[f"{kind} uJ a token"] * slot for kind in ("dynamic", "static")}
    return {
        "name": folder.name,
        "slot": slot,
        "dev": card["dev"],
        **board,
        **energy,
        "sentences a second on chip": board["tokens a second on chip"] / slot,
    }


def _lines(made: Path, data: Path) -> Path:
    """A file of the validation file's first lines."""
    some = made / "rates.txt"
    lines = [line.strip() for line in (data / "wiki.valid.tokens").read_text().splitlines() if line.strip()]
    some.write_text("\n".join(lines[:LINES]) + "\n")
    return some


def mapped(folder: Path, made: Path, rates: Path) -> tuple[dict[str, Any], Program]:
    """Cores and energy on the smallest board, and the program."""
    path = made / f"{folder.name}.tsp"
    command = run_python(
        str(ZOO.parent.parent / "compiler" / "lower.py"), str(folder), "--profile", "auto", "--out", str(path), "--map", "--rates", str(rates)
    )
    program = program_file.load(path)
    report = mapping.load(path.with_suffix(".map"), program.scheduled).report
    assert report is not None
    tokens = report.tokens or 1.0
    return {
        "lower": command,
        "profile": program.profile,
        "neurons": program.neurons(),
        "cores": report.cores.used,
        "chips": report.chips.used,
        "dynamic uJ a token": sum(report.energy_pj.values()) * 1e-6 / tokens,
        "static uJ a token": report.static.streamed_pj * 1e-6 / tokens,
        "tokens a second on chip": report.seconds.a_second * tokens,
    }, program


def greedy(encoder: Encoder) -> float:
    """Tokens a second of processor time, after a run that is not counted."""
    ids, predict = language.whole(encoder, PROMPTS[0]).ids, language.predictor(encoder, DEFAULT, How())
    sampler = Sampler(encoder.program, Sampling(temperature=0.0))
    list(language.generate(predict, ids, 64, sampler))
    predict, start = language.predictor(encoder, DEFAULT, How()), time.process_time()
    made = len(list(language.generate(predict, ids, GREEDY, sampler)))
    return made / (time.process_time() - start)


def continued(encoder: Encoder, teacher: CausalTeacher) -> Iterator[dict[str, Any]]:
    """What the program writes behind each prompt, and the teacher's perplexity of both. Where a text ends another begins."""
    end = min(language.ends(encoder))
    for prompt in PROMPTS:
        ids, predict = language.whole(encoder, prompt).ids, language.predictor(encoder, DEFAULT, How())
        found, sampler = list(ids), Sampler(encoder.program, SAMPLING)
        while (left := TOKENS + len(ids) - len(found)) > 0:
            found += language.generate(predict, found, left, sampler)
            found += [end] * (len(found) < TOKENS + len(ids))
        length = min(teacher.model.config.n_positions, len(found) - 1)
        said = perplexity(lambda b: teacher.token_logits(teacher.outputs(b), b), Stream(np.array(found, np.int32)), length)
        text = str(encoder.tokenizer.decode(found[language.whole(encoder, prompt).own :], skip_special_tokens=False))
        yield {"prompt": prompt, "text": text, "distinct-2": distinct_pairs(found[len(ids) :]), "to the teacher": said}


def markdown(report: dict[str, Any]) -> str:
    """The table, then what was written."""
    heads = ("model", "T", "T'", "perplexity a token", "a word", "of the teacher's", "neurons", "cores", "chips", "uJ a token, dynamic", "static")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    windowed = json.loads(WINDOWED.read_text())
    teacher, others = windowed["teacher"], {r["name"]: r for r in windowed["models"]}
    lines.append(f"| teacher, float, window {teacher['window']} | | | {teacher['per_token']:.2f} | {teacher['per_word']:.1f} | 1 | | | | | |")
    lines += [_line({**others.get(r["name"], {}), **r}, teacher["per_word"]) for r in report["models"] if "dev" not in r]
    lines += _classifiers([r for r in report["models"] if "dev" in r])
    for r in report["models"]:
        if "texts" in r:
            lines += ["", f"`{r['name']}`, temperature {SAMPLING.temperature}, top-p {SAMPLING.top_p}, seed {SAMPLING.seed}:", ""]
            lines += [f"- {x['text']!r} (distinct-2 {x['distinct-2']:.2f}, perplexity to the teacher {x['to the teacher']:.0f})" for x in r["texts"]]
    return "\n".join([*lines, ""])


def _classifiers(rows: list[dict[str, Any]]) -> list[str]:
    heads = ("model", "on dev", "neurons", "cores", "chips", "uJ a sentence, dynamic", "static", "sentences/s on chip")
    lines = ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"] if rows else []
    for r in rows:
        energy = f"{r['dynamic uJ a sentence']:,.0f} | {r['static uJ a sentence']:,.0f} | {r['sentences a second on chip']:.0f}"
        chip = f"{r['neurons']:,} | {r['cores']:,} | {r['chips']:,} | {energy}"
        lines.append(f"| {r['name']} | {', '.join(f'{name} {value:.4f}' for name, value in r['dev'].items())} | {chip} |")
    return lines


def _line(r: dict[str, Any], teacher: float) -> str:
    t, chip = r["test"], f"{r['neurons']:,} | {r['cores']:,} | {r['chips']:,} | {r['dynamic uJ a token']:.1f} | {r['static uJ a token']:.0f}"
    said = f"{t['per_token']:.2f} | {t['per_word']:.1f} | {t['per_word'] / teacher:.3f}"
    return f"| {r['name']} | {r['steps']} | {r.get('period', '')} | {said} | {chip} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+")
    for name in ("data", "teacher", "made"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--glue", type=Path)
    parser.add_argument("--ship", action="store_true")
    o = parser.parse_args()
    teacher = load_causal_teacher(str(o.teacher))
    rows = {r["name"]: r for r in json.loads(RESULTS.read_text())["models"]} if RESULTS.exists() else {}
    for name in o.names:
        if o.ship:
            install(o.made / name, ZOO / name)
        rows[name] = row(ZOO / name if (ZOO / name).exists() else o.made / name, o.made, o.data, teacher, o.glue)
        report = {"version": ts.__version__, "models": list(rows.values())}
        RESULTS.write_text(json.dumps(report, indent=1) + "\n")
        RESULTS.with_suffix(".md").write_text(markdown(report))
    sys.stdout.write(RESULTS.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
