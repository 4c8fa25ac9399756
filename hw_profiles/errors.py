"""The one exception family: each message is one line that says where, what was found against what is allowed, and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

_LONGEST = 2000  # characters: a name from a hostile file may have millions
_MOST = 8  # findings in one message; the rest are counted


class TritspikeError(Exception):
    """Something the user can act on. `str()` is one printable line, whatever a file put into it; a command prints it and exits with 1."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(printable(message if hint is None else f"{message} (hint: {hint})"))


class ProfileError(TritspikeError):
    """A hardware profile that is unknown, unreadable or says something we do not know."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be: in which part, what it is called, what it holds, what it may hold."""

    where: str
    what: str
    found: object
    allowed: object

    def __str__(self) -> str:
        return f"{self.where}: {self.what} is {_short(self.found)}, allowed {self.allowed}"


def listed(findings: Iterable[Finding]) -> str:
    """All of them in one line; of very many the first ones, and how many more there are."""
    found = iter(findings)
    shown = [str(f) for f in islice(found, _MOST)]
    more = sum(1 for _ in found)
    return "; ".join([*shown, *([f"and {more} more"] if more else [])])


def printable(text: str) -> str:
    """One line that any terminal takes: control characters, line ends and lone surrogates as escapes, cut where it is very long."""
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:80] + " ..."


# What parsers, numpy and our own constructors raise on content that nobody foresaw; RuntimeError is there for RecursionError.
_UNFORESEEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError)


@contextmanager
def decoding(where: object, what: str, kind: type[TritspikeError]) -> Iterator[None]:
    """Whatever content can raise while it is decoded becomes `kind`, in one line: the one place that turns foreign exceptions into ours."""
    try:
        yield
    except TritspikeError:
        raise
    except KeyError as error:
        raise kind(f"{where}: not a whole {what}: it has no {error}") from None
    except RecursionError:
        raise kind(f"{where}: not a whole {what}: it is nested too deeply") from None
    except MemoryError:
        raise kind(f"{where}: not a whole {what}: it asks for more memory than there is") from None
    except _UNFORESEEN as error:
        raise kind(f"{where}: not a whole {what}: {str(error) or type(error).__name__}") from None
