"""What every command promises about every file, and which promise was broken."""

from __future__ import annotations

import itertools
import re
import signal
from collections.abc import Iterator, Sequence

from fuzz.case import REFUSAL, RUNTIME, Change, Done, Fault, Step

_USAGE = 2  # argparse's
_FRAME = re.compile(r'^\s*File "([^"]+)", line \d+,? in (\S+)', re.MULTILINE)
_WARNING = "warning: "


def faults(change: Change, done: Sequence[Done]) -> tuple[Fault, ...]:
    """Every broken promise of one case."""
    found = [f for d in done for f in _of_one(d)]
    found += [f for a, b in itertools.pairwise(done) if b.step.twin for f in _of_twins(a, b)]
    if change.damaged and done and done[0].code == 0:
        found.append(Fault("damage accepted", _generic(re.sub(r".*: ", "", change.what))))
    return tuple(dict.fromkeys(found))


def _of_one(d: Done) -> Iterator[Fault]:
    """The worst of one command: a command that hung or crashed is not asked for its manners."""
    if d.hung:
        yield Fault("hang", _name(d.step))
    elif d.code < 0:
        yield Fault("signal", f"{_name(d.step)}: {signal.Signals(-d.code).name}: {_last_words(d.err)}")
    elif _crashed(d):
        yield Fault("traceback", f"{_name(d.step)}: {_last_words(d.err)}")
    elif d.code not in (0, REFUSAL, _USAGE):
        yield Fault("exit code", f"{_name(d.step)}: {d.code}: {_last_words(d.err)}")
    elif d.step.compares and d.code == REFUSAL and d.out.startswith("differs: "):
        yield Fault("difference", f"{_name(d.step)}: {_generic(d.out.splitlines()[0])}")
    else:
        yield from _manners(d)


def _crashed(d: Done) -> bool:
    return "Traceback (most recent call last)" in d.err or "panicked at" in d.err


def _manners(d: Done) -> Iterator[Fault]:
    lines = [line for line in d.err.split("\n")[:-1] if not line.startswith(_WARNING)]
    if d.err and not d.err.endswith("\n"):
        yield Fault("not one line", f"{_name(d.step)}: stderr has no last line end: {_generic(d.err[-80:])}")
    if d.code == 0 and lines:
        yield Fault("noise", f"{_name(d.step)}: {_generic(lines[0])}")
    if d.code == REFUSAL and not (len(lines) == 1 and lines[0].startswith("error: ") and lines[0].isprintable()):
        yield Fault("not one line", f"{_name(d.step)}: {len(lines)} lines: {_generic(' / '.join(lines[:3]))}")
    if d.code == _USAGE and not (lines and lines[0].startswith("usage: ")):
        yield Fault("not one line", f"{_name(d.step)}: exit 2 without usage: {_generic(' / '.join(lines[:3]))}")
    if d.code != 0 and d.made:
        yield Fault("left behind", f"{_name(d.step)}: {_generic(', '.join(d.made))}")


def _of_twins(a: Done, b: Done) -> Iterator[Fault]:
    """Two executors on the same texts. Where one refuses what the other answers, that is another sort."""
    if not any(list(_of_one(d)) for d in (a, b)) and (a.code, a.out) != (b.code, b.out):
        refused = next((d for d in (a, b) if d.code == REFUSAL), None)
        if refused is None:
            yield Fault("difference", f"{_name(b.step)}: another answer than {_name(a.step)}")
        elif not refused.step.may_refuse:
            yield Fault("one refuses", f"{_name(refused.step)}: {_generic(refused.err)}")


def unlike(forked: Sequence[Done], real: Sequence[Done]) -> tuple[Fault, ...]:
    """Where a real command ended otherwise than the forked one: what was learnt from forks would not hold."""
    pairs = [(a, b) for a, b in zip(forked, real) if (a.code, a.err) != (b.code, b.err) and not any(map(_crashed, (a, b)))]
    return tuple(Fault("fork unlike command", f"{_name(a.step)}: {a.code}, {b.code}: {_generic(a.err + ' / ' + b.err)}") for a, b in pairs[:1])


def _name(step: Step) -> str:
    told = [a for a in step.arguments if a in ("--history", "--map", "fast", "reference")]
    return " ".join([step.command, *([step.arguments[0]] if step.command == RUNTIME else []), *told])


def _last_words(err: str) -> str:
    """The last line, and the last of our own frames above it (or, of a crash's dump, the first)."""
    ours = ((path.split("/")[-2:], name) for path, name in _FRAME.findall(err) if "site-packages" not in path and "/lib/" not in path)
    frames = [f"{'/'.join(ends)}:{name}" for ends, name in ours if ends[0] != "fuzz"]
    where = (frames[0] if "Fatal Python error" in err else frames[-1]) if frames else ""
    lines = [line for line in err.strip().split("\n") if line.strip()]
    fatal = next((line for line in lines if "Fatal Python error" in line), lines[-1] if lines else "")
    return f"{where}: {_generic(fatal)}"


def _generic(text: str) -> str:
    """Without what varies from case to case: numbers, quoted names, paths."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "'..'", text[:2000])
    text = re.sub(r"\S*/\S*", "PATH", text)
    text = re.sub(r"-?\d[\d,.]*", "N", text)
    return "".join(c if c.isprintable() else "?" for c in text)[:160]
