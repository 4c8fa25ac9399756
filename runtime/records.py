"""Frozen records of numbers, names and each other as JSON values; and what is wrong with JSON that somebody hands over as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from tritspike.hw_profiles.errors import Finding

Record = TypeVar("Record")
_LARGEST = 1e60  # so that sums and products of figures stay finite
_LONGEST = 300  # characters of a name or sentence


def to_json(value: Any) -> Any:
    """A record as an object of its fields."""
    if is_dataclass(value):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    return {name: to_json(inner) for name, inner in value.items()} if isinstance(value, dict) else value


def from_json(value: Any, form: type[Record]) -> Record:
    """Of what has no `findings`."""
    return _read(value, form)


def findings(value: Any, form: Any, root: str, at: tuple[str, ...] = ()) -> Iterator[Finding]:
    """What of JSON is no such record. Fields are strings, whole numbers of 0 or more, finite numbers, records, any of them by name, or None too.

    root: what the whole is called; at: the fields that lead here.
    """
    where = ": ".join(at) or root
    if _may_be_none(form):
        yield from () if value is None else findings(value, get_args(form)[0], root, at)
    elif _is_record(form) or get_origin(form) is dict:
        yield from _entries(value, form, root, at)
    elif form is str:
        if not (isinstance(value, str) and len(value) <= _LONGEST and value.isprintable()):
            yield Finding(root, where, value, f"up to {_LONGEST} printable characters")
    elif not (type(value) in (int, form) and (0 if form is int else -_LARGEST) <= value <= _LARGEST):  # NaN is neither
        yield Finding(root, where, value, "a whole number of 0 or more" if form is int else "a finite number")


def _entries(value: Any, form: Any, root: str, at: tuple[str, ...]) -> Iterator[Finding]:
    hints, where = _hints(form), ": ".join(at) or root
    if not isinstance(value, dict) or (hints and hints.keys() != value.keys()):
        yield Finding(root, where, list(value) if isinstance(value, dict) else value, f"entries {', '.join(hints) or 'by name'}")
        return
    for name, inner in value.items():
        yield from findings(name, str, root, (f"a name in {where}",))
        yield from findings(inner, hints[name] if hints else get_args(form)[1], root, (*at, name))


def _read(value: Any, form: Any) -> Any:
    if _may_be_none(form):
        return None if value is None else _read(value, get_args(form)[0])
    if _is_record(form):
        return form(**{name: _read(value[name], inner) for name, inner in _hints(form).items()})
    return {name: _read(inner, get_args(form)[1]) for name, inner in value.items()} if get_origin(form) is dict else value


def _may_be_none(form: Any) -> bool:
    return isinstance(form, UnionType)


def _is_record(form: Any) -> bool:
    return is_dataclass(form)


@lru_cache(maxsize=64)
def _hints(form: Any) -> dict[str, Any]:
    """Fields of a record; none of what holds any by name."""
    return get_type_hints(form) if _is_record(form) else {}
