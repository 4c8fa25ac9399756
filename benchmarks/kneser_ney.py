"""What a language model must beat: interpolated modified Kneser-Ney (Chen & Goodman 1998) on the teacher's own training text and vocabulary.

    python benchmarks/kneser_ney.py --teacher out/lm-teacher --data WIKITEXT --unlabelled FILE.xz [--split valid|test] [--json OUT]

`--teacher` is a folder with tokenizer.json; card.json beside it says how many lines of the unlabelled files were read, unless `--lines` does.
Models of WikiText, of the reviews, of both end to end, and a linear mixture of these three whose weights maximise the likelihood of the
validation file. The baseline is the one of the lowest perplexity there. A split is scored as `python -m runtime perplexity` scores it: one text,
in which every token behind the tokenizer's own is predicted once.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tritspike.models.streams import START, reviews, stream_of, wikitext
from tritspike.runtime.cli import run_command
from tritspike.runtime.errors import InputError
from tritspike.runtime.files import read_json, require_writable, write_atomic
from tritspike.runtime.host.language import Score

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Figures = dict[str, float]

FALLBACK = np.array([0.5, 1.0, 1.5])  # where counts are too regular to estimate discounts, as those of a small vocabulary's unigrams


def keyed(grams: Ints, base: int) -> Ints:
    """(n, order) tokens -> (n,) numbers in base `base`: dividing drops the last token, the remainder of base^k keeps the last k."""
    return grams @ base ** np.arange(grams.shape[1] - 1, -1, -1, dtype=np.int64)


def looked_up(keys: Ints, values: Floats, wanted: Ints, missing: float) -> Floats:
    """The value of each key that is wanted; `keys` are sorted."""
    at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], missing)


def discounts(counts: Ints) -> Floats:
    """D1, D2, D3+ from how many n-grams were counted once to four times: k - (k + 1) Y n[k+1] / n[k], with Y = n1 / (n1 + 2 n2)."""
    n = np.bincount(counts.clip(max=5), minlength=6)[1:5]
    if not n.all():
        return FALLBACK
    k = np.arange(1, 4)
    found = k - (k + 1) * n[0] / (n[0] + 2 * n[1]) * n[1:] / n[:-1]
    return found if (found > 0).all() else FALLBACK  # none may be 0: what is taken off is what unseen tokens live on


@dataclass(frozen=True, eq=False)
class Level:
    """The n-grams of one order, counts c of which D(c) is taken off.

    p(w | context) = (c(context w) - D(c)) / c(context) + held(context) * p(w | shorter context);   held = the sum of D(c) / c(context)
    """

    keys: Ints
    shares: Floats  # the first term
    contexts: Ints
    held: Floats

    def probabilities(self, keys: Ints, base: int, shorter: Floats) -> Floats:
        """(n,) of n-grams, given those of the order below. A context that was never seen leaves all to it."""
        return looked_up(self.keys, self.shares, keys, 0.0) + looked_up(self.contexts, self.held, keys // base, 1.0) * shorter


def level(keys: Ints, counts: Ints, base: int) -> Level:
    """Of n-grams in sorted order; those of one context lie together."""
    off = np.array([0.0, *discounts(counts)])[counts.clip(max=3)]
    contexts, first, sizes = np.unique(keys // base, return_index=True, return_counts=True)
    totals = np.add.reduceat(counts, first)
    return Level(keys, (counts - off) / np.repeat(totals, sizes), contexts, np.add.reduceat(off, first) / totals)


@dataclass(frozen=True, eq=False)
class KneserNey:
    """Levels from single tokens up; below them every token of the vocabulary is equally likely. Number `vocabulary` is no token."""

    vocabulary: int
    levels: tuple[Level, ...]

    def probabilities(self, grams: Ints) -> Floats:
        """(n, order) tokens -> (n,) of the last ones, each given those before it."""
        found = np.full(len(grams), 1 / self.vocabulary)
        for n, part in enumerate(self.levels, 1):
            found = part.probabilities(keyed(grams[:, -n:], self.vocabulary + 1), self.vocabulary + 1, found)
        return found


def fit(ids: NDArray[np.int32], vocabulary: int, order: int) -> KneserNey:
    """Counts at the highest order are of occurrences, below it of the different tokens that an n-gram was seen behind."""
    base = vocabulary + 1
    if base**order > np.iinfo(np.int64).max:
        raise InputError(f"{order} tokens of {vocabulary} do not fit 64 bits", "a lower --order")
    keys, counts = np.unique(keyed(sliding_window_view(ids.astype(np.int64), order), base), return_counts=True)
    levels = [level(keys, counts, base)]
    for n in range(order - 1, 0, -1):
        keys, counts = np.unique(keys % base**n, return_counts=True)
        levels.append(level(keys, counts, base))
    return KneserNey(vocabulary, tuple(levels[::-1]))


def predicted(ids: NDArray[np.int32], vocabulary: int, order: int) -> Ints:
    """(tokens - 1, order): every token but the first, behind its context; before the text stands what was never seen."""
    padded = np.concatenate([np.full(order - 2, vocabulary), ids.astype(np.int64)])
    return sliding_window_view(padded, order)


def mixture_weights(found: Floats) -> Floats:
    """(models, tokens) probabilities -> the weights under which the tokens are likeliest, by expectation maximisation (the optimum is unique)."""
    weights, before = np.full(len(found), 1 / len(found)), np.zeros(len(found))
    while np.abs(weights - before).max() > 1e-6:
        before = weights
        weights = weights * (found / (weights @ found)).mean(1)
    return weights


@dataclass(frozen=True, eq=False)
class Text:
    """A split as one text, and what each model gives its tokens."""

    text: str
    found: dict[str, Floats]

    def scores(self, weights: Floats) -> dict[str, Figures]:
        """Of each model and of their mixture."""
        mixed = weights @ np.stack(list(self.found.values()))
        return {name: self._score(p).figures() for name, p in (self.found | {"mixture": mixed}).items()}

    def _score(self, found: Floats) -> Score:
        return Score(-float(np.log(found).sum()), len(found), len(self.text.split()), len(self.text.encode()))


def read(folder: Path, split: str, tokenizer: Tokenizer, models: dict[str, KneserNey], order: int) -> Text:
    """One of WikiText's files, scored."""
    text = "".join(wikitext(folder, split))
    grams = predicted(stream_of(tokenizer, [text], 1).ids, tokenizer.get_vocab_size(), order)
    return Text(text, {name: model.probabilities(grams) for name, model in models.items()})


def streams(tokenizer: Tokenizer, texts: dict[str, list[str]]) -> dict[str, NDArray[np.int32]]:
    """The teacher's two streams, and both end to end."""
    found = {name: stream_of(tokenizer, some, 3).ids for name, some in texts.items()}
    return found | {"both": np.concatenate(list(found.values()))}


def load_tokenizer(folder: Path) -> Tokenizer:
    """The teacher's. `InputError` where it puts nothing before a text: the first token would count, and nothing here predicts it."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    if tokenizer.encode("a").ids[0] != tokenizer.token_to_id(START):
        raise InputError(f"{folder}: its tokenizer does not begin a text with {START}", "a folder of python -m models.train_teacher")
    return tokenizer


def measure(teacher: Path, folder: Path, files: Sequence[Path], lines: int, split: str, order: int) -> dict[str, Any]:
    """Train and score all models; only validation says which is the baseline, whatever split is reported."""
    start, tokenizer = time.perf_counter(), load_tokenizer(teacher)
    trained_on = streams(tokenizer, {"wikitext": wikitext(folder, "train"), "reviews": reviews(files, lines)})
    models = {name: fit(ids, tokenizer.get_vocab_size(), order) for name, ids in trained_on.items()}
    valid = read(folder, "valid", tokenizer, models, order)
    weights = mixture_weights(np.stack(list(valid.found.values())))
    figures = {"valid": valid.scores(weights)}
    if split != "valid":
        figures[split] = read(folder, split, tokenizer, models, order).scores(weights)
    return {
        "order": order,
        "lines": lines,
        "train_tokens": {name: len(ids) for name, ids in trained_on.items()},
        "mixture": dict(zip(models, weights.round(4).tolist())),
        "baseline": min(figures["valid"], key=lambda name: figures["valid"][name]["per_token"]),
        **figures,
        "seconds": round(time.perf_counter() - start, 1),
    }


def table(report: dict[str, Any], split: str) -> str:
    """As markdown."""
    shares = ", ".join(f"{share:.3f} {name}" for name, share in report["mixture"].items())
    rows = [f"| {split}, order {report['order']} | a token | a word | bits a byte |", "|---" * 4 + "|"]
    for name, f in report[split].items():
        remark = f" ({shares})" * (name == "mixture") + ", the baseline" * (name == report["baseline"])
        rows.append(f"| {name}{remark} | {f['per_token']:.3f} | {f['per_word']:.3f} | {f['bits_per_byte']:.4f} |")
    return "\n".join([*rows, "", f"{report['seconds']} s"])


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("teacher", "data"):
        found.add_argument(f"--{name}", type=Path, required=True)
    found.add_argument("--unlabelled", type=Path, nargs="+", required=True, help="text files, plain or .xz, one text a line")
    found.add_argument("--lines", type=int, help="of the unlabelled files (default: what the teacher's card says)")
    found.add_argument("--split", choices=("valid", "test"), default="valid")
    found.add_argument("--order", type=int, choices=(2, 3, 4), default=3)
    found.add_argument("--json", type=Path)
    return found


def main(argv: list[str]) -> None:
    """The command."""
    o = parser().parse_args(argv)
    require_writable(o.json)
    lines = o.lines if o.lines is not None else read_json(o.teacher / "card.json")["options"]["lines"]
    report = measure(o.teacher, o.data, o.unlabelled, lines, o.split, o.order)
    print(table(report, o.split))
    if o.json:
        write_atomic(o.json, (json.dumps(report, indent=1) + "\n").encode())


if __name__ == "__main__":
    run_command(main)
