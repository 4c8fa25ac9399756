"""Mutations of JSON-like values: everything that a hand, a bug or an attacker may put where a number, a name or a list belongs."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

NUMBERS = (0, 1, -1, 2, 7, 63, 64, 255, 4096, 4097, 1 << 15, 1 << 20, (1 << 31) - 1, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, 1 << 64, -(1 << 63))
REALS = (0.5, -0.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 1e19, 2.0)
_ODD = ("", " ", "\n", "a\nb", "\r\x1b[31m", "\x00", "\ud800", "\u202eabc", "é", "\U0001f600", "[red]x[/red]", "[/b]", ":smile:", "%s{}", "../../x")
_WORDS = ("/dev/zero", "None", "0", "-1", "true", "NaN", "lif", "mask", "x", "i", "ie", "hpd", "p", "c", "each", "sst2", "lm", "binary", "loihi2")
STRINGS = (*_ODD, *_WORDS, "x" * 300, "y" * 100_000)
DEEP = ("@@[200@@", "@@[2000@@", "@@[200000@@", "@@{2000@@", "@@{100000@@", "@@1:400@@", "@@1:6000@@")  # what `dumps` writes out
_DEEP = re.compile(r'"@@(\[|\{|1:)(\d+)@@"')
Node = tuple[tuple[Any, ...], Any, Any]  # path, the container that holds it, its key there


def dumps(tree: Any, **options: Any) -> str:
    """JSON as Python writes it, NaN and all, with the deep and the very long values that no writer would write."""
    return _DEEP.sub(_written_out, json.dumps(tree, **options))


def _written_out(found: re.Match[str]) -> str:
    what, times = found[1], int(found[2])
    return {"[": "[" * times + "]" * times, "{": '{"a":' * times + "1" + "}" * times, "1:": "1" + "0" * times}[what]


def nodes(tree: Any) -> Iterator[Node]:
    """Every value below the root."""
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), tree)]
    while waiting:
        path, holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield (*path, key), holder, key
            if isinstance(holder[key], dict | list):
                waiting.append(((*path, key), holder[key]))


def mutated(rng: Random, tree: Any, most: int = 3) -> tuple[Any, list[str]]:
    """(a copy of `tree` with 1 to `most` changes, what they are)."""
    out, said = copy.deepcopy(tree), []
    for _ in range(rng.choice([1, 1, 1, *range(1, most + 1)])):
        said.append(change(rng, out))
    return out, said


def change(rng: Random, tree: Any) -> str:
    """Change `tree` in place, in one way."""
    node = _chosen(rng, tree)
    if node is None:
        return "nothing to change"
    path, holder, key = node
    before = _short(holder[key])
    name, act = rng.choice(_ACTS)
    act(rng, tree, holder, key)
    after = _short(holder[key]) if (key in holder if isinstance(holder, dict) else key < len(holder)) else "gone"
    return f"{'.'.join(map(str, path))}: {name}: {before} -> {after}"


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, dict | list) or len(value) < 50 else f"{type(value).__name__} of {len(value)}"
    return text if len(text) <= 60 else text[:60] + "..."


def _chosen(rng: Random, tree: Any) -> Node | None:
    """Any node; or, so that the few at the top are met too, one found by walking down from the root."""
    if rng.random() < 0.5:
        found = list(nodes(tree))
        return rng.choice(found) if found else None
    path, holder, last = (), tree, None
    while isinstance(holder, dict | list) and holder and (last is None or rng.random() < 0.75):
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        path, last, holder = (*path, key), ((*path, key), holder, key), holder[key]
    return last


def _drop(rng: Random, tree: Any, holder: Any, key: Any) -> None:
    del holder[key]


def _double(rng: Random, tree: Any, holder: Any, key: Any) -> None:
    value = copy.deepcopy(holder[key])
    if isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), value)
    else:
        holder[rng.choice([f"{key}_", f"{key}"[:-1], *STRINGS[:12]])] = value


def _rename(rng: Random, tree: Any, holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[rng.choice(STRINGS)] = holder.pop(key)
    else:
        rng.shuffle(holder)


def _retype(rng: Random, tree: Any, holder: Any, key: Any) -> None:
    old = holder[key]
    holder[key] = rng.choice([None, True, False, 0, "", [], {}, [old], {"a": old}, str(old)[:1000], [[], {}], 1.5])


def _hostile(rng: Random, tree: Any, holder: Any, key: Any) -> None:
    holder[key] = rng.choice([*NUMBERS, *REALS, *STRINGS])


def _deep(rng: Random, tree: Any, holder: Any, key: Any) -> None:
    holder[key] = rng.choice(DEEP)


def _tweak(rng: Random, tree: Any, holder: Any, key: Any) -> None:
    """A near miss: still of its type, and often still legal."""
    old = holder[key]
    if isinstance(old, bool):
        holder[key] = not old
    elif isinstance(old, int):
        holder[key] = rng.choice([old + 1, old - 1, old + 2, -old, 2 * old, old // 2, old ^ (1 << rng.randrange(20)), rng.choice(NUMBERS)])
    elif isinstance(old, float):
        holder[key] = rng.choice([-old, old * 2, old + 1, int(old) if abs(old) < 1e300 else 0, rng.choice(REALS)])
    elif isinstance(old, str):
        holder[key] = _edited(rng, old)
    else:
        change(rng, old) if old else _hostile(rng, tree, holder, key)


def _edited(rng: Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return rng.choice([text[:at] + text[at + 1 :], text[:at] + rng.choice("apxij0.\n\x7fé") + text[at:], text.upper(), text[::-1], text + text])


def _borrow(rng: Random, tree: Any, holder: Any, key: Any) -> None:
    """What stands at the same key elsewhere, so that names double and roles are exchanged."""
    alike = [h[k] for path, h, k in nodes(tree) if k == key and h is not holder] if isinstance(key, str) else list(holder)
    holder[key] = copy.deepcopy(rng.choice(alike or [value for _, h, k in nodes(tree) for value in [h[k]]]))


def _exchange(rng: Random, tree: Any, holder: Any, key: Any) -> None:
    _, other, where = rng.choice(list(nodes(tree)))
    inside = [h for v in (holder[key], other[where]) if isinstance(v, dict | list) for _, h, _ in nodes(v)] + [holder[key], other[where]]
    if not any(h is holder or h is other for h in inside if isinstance(h, dict | list)):  # else one would hold itself
        holder[key], other[where] = other[where], holder[key]


Act = Callable[[Random, Any, Any, Any], None]
_ACTS: tuple[tuple[str, Act], ...] = (
    *(("tweak", _tweak),) * 5,
    *(("borrow", _borrow),) * 3,
    *(("hostile", _hostile),) * 3,
    ("drop", _drop),
    ("double", _double),
    ("rename", _rename),
    ("retype", _retype),
    ("exchange", _exchange),
    ("deep", _deep),
)
