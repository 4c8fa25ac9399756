"""What a sweep varies: every combination of some keys' values, each with the folder that it is trained in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from tritspike.runtime.errors import InputError

Settings = tuple[str, ...]  # "section.key=value", as `train --set` takes them
_AXIS = re.compile(r"(?P<key>\w+\.\w+)=(?P<values>.+)", re.ASCII)
_VALUE = re.compile(r"""(?:[^,\[\]'"]|\[[^\]]*\]|'[^']*'|"[^"]*")+""")  # commas inside a list or a string part nothing
_OTHERS = re.compile(r"[^\w.,=+-]", re.ASCII)
_LONGEST, _MOST = 100, 10_000
_WAY_OUT = "SECTION.KEY=VALUE,VALUE, such as model.hidden=256,384"


@dataclass(frozen=True)
class Axis:
    """A key of the recipe, and what it is set to."""

    key: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, word: str) -> Axis:
        """Raises `InputError`."""
        found = _AXIS.fullmatch(word)
        values = tuple(_VALUE.findall(found["values"])) if found else ()
        if found is None or ",".join(values) != found["values"]:
            raise InputError(f"--over {word}: not a key with its values", _WAY_OUT)
        if twice := [v for v in values if values.count(v) > 1]:
            raise InputError(f"--over {word}: {twice[0]} is there twice", "each value once")
        return cls(found["key"], values)

    def settings(self) -> Iterator[str]:
        """One a value."""
        return (f"{self.key}={value}" for value in self.values)


def combinations(words: Sequence[str]) -> list[Settings]:
    """Every combination, the last key's values fastest. Raises `InputError`."""
    axes = [Axis.of(word) for word in words]
    keys = [axis.key for axis in axes]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise InputError(f"--over names {twice[0]} twice", "all of its values in one")
    if (count := prod(len(axis.values) for axis in axes)) > _MOST:
        raise InputError(f"--over makes {count:,} combinations, allowed 1..{_MOST:,}")
    return list(product(*(axis.settings() for axis in axes)))


def folder_name(settings: Settings) -> str:
    """A name that any disk takes, and no other settings have."""
    said = ",".join(settings)
    plain = _OTHERS.sub("_", said)
    return plain if plain == said and len(said) <= _LONGEST else f"{plain[:_LONGEST]}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
