"""Answers as lines: for people, as JSON, as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tritspike.runtime.host.answers import Answer, Ranked

TEXT, JSONL, CSV = "text", "jsonl", "csv"
_SPLITTING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")  # or turning round what follows
_ENDING = re.compile("[\x85\u2028\u2029]")  # in JSON these may stand as they are, and some readers of lines split there
_DIGITS = 6  # of a score: the logits are what is exact


@dataclass(frozen=True)
class Form:
    """head: what comes before the first answer; lines: what some answers become, each one line (in CSV, one row)."""

    head: str
    lines: Callable[[Sequence[Answer]], str]


def form(name: str, labels: int, pairs: bool, top: int | None = None) -> Form:
    """The form of that name. labels: how many a program has, 0 for regression; pairs: of texts; top: how many of the best are listed."""
    if name == CSV:
        more = min(top or 1, labels)
        return Form(_csv([_header(pairs, more)]), lambda found: _csv(_row(a, more) for a in found))
    return Form("", partial(_joined, partial(_json if name == JSONL else _text, top=top)))


def _joined(line: Callable[[Answer], str], found: Iterable[Answer]) -> str:
    return "".join([line(answer) + "\n" for answer in found])


# for people


def _text(answer: Answer, top: int | None) -> str:
    texts = answer.text if isinstance(answer.text, str) else " | ".join(answer.text)
    if answer.label is None:
        return f"{_number(answer.score)}    {_one_line(texts)}"
    named = [f"{_one_line(label)}  {_number(share)}" for label, share in answer.ranked[: top or 1]]
    return f"{'  '.join(named)}  {_one_line(texts)}"


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


def _one_line(text: str) -> str:
    return text if text.isprintable() else _SPLITTING.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


# JSON

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _json(answer: Answer, top: int | None) -> str:
    texts: dict[str, Any] = {"text": answer.text} if isinstance(answer.text, str) else {"texts": answer.text}
    fields = {"label": answer.label, "score": _finite(answer.score), "logits": answer.logits, "tokens": len(answer.tokens)}
    line = _encode(texts | fields | ({"ranked": _listed(answer.ranked[:top])} if top else {}))
    return line if line.isascii() else _ENDING.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _listed(ranked: Ranked) -> list[dict[str, Any]]:
    return [{"label": label, "score": _finite(share)} for label, share in ranked]


def _finite(value: float) -> float | None:
    return round(value, _DIGITS) if math.isfinite(value) else None


# CSV


def _header(pairs: bool, more: int) -> list[str]:
    texts = ["first", "second"] if pairs else ["text"]
    return [*texts, "label", "score", "tokens", *(f"{what}_{n}" for n in range(2, more + 1) for what in ("label", "score"))]


def _row(answer: Answer, more: int) -> list[Any]:
    texts = [answer.text] if isinstance(answer.text, str) else answer.text
    others = [part for label, share in answer.ranked[1:more] for part in (label, _finite(share))]
    return [*texts, answer.label, _finite(answer.score), len(answer.tokens), *others]


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
