"""A chip as numbers: TOML in, frozen record out. Every number carries its unit and where it comes from, or says "assumed"."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hw_profiles.errors import ProfileError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class HardwareProfile:
    """Totals and register widths of one board. Widths in bits; `*_bits` of signed registers count the magnitude only."""

    name: str
    chips: int
    cores_per_chip: int
    neurons_per_core: int
    synapses_per_chip: int
    weight_bits: int
    weight_exponent_max: int
    vth_bits: int
    bias_mantissa_bits: int
    bias_exponent_max: int
    decay_bits: int

    @property
    def neurons(self) -> int:
        """Neurons on the whole board."""
        return self.chips * self.cores_per_chip * self.neurons_per_core

    @property
    def synapses(self) -> int:
        """Synapses on the whole board."""
        return self.chips * self.synapses_per_chip


def known() -> list[str]:
    """Names of the profiles that ship."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(name: str) -> HardwareProfile:
    """A shipped profile by name, or any by path to a .toml file. Raises `ProfileError`."""
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if not path.is_file():
        raise ProfileError(f"profile {name!r} is unknown", f"one of {', '.join(known())}, or the path of a .toml file")
    try:
        raw = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: not a TOML file: {error}") from None
    return _profile(raw, path)


def _profile(raw: dict[str, Any], path: Path) -> HardwareProfile:
    wanted = [f.name for f in fields(HardwareProfile)]
    for key in raw:
        if key not in wanted:
            raise ProfileError(f"{path}: unknown key {key!r}", f"known keys: {', '.join(wanted)}")
    for key in wanted:
        if key not in raw:
            raise ProfileError(f"{path}: missing key {key!r}")
    if not isinstance(raw["name"], str):
        raise ProfileError(f"{path}: name is {raw['name']!r}, must be a string")
    return HardwareProfile(raw["name"], **{key: _number(raw[key], key, path) for key in wanted[1:]})


def _number(entry: Any, key: str, path: Path) -> int:
    if not isinstance(entry, dict) or set(entry) != {"value", "unit", "source"}:
        raise ProfileError(f'{path}: {key} must be a table of value, unit and source (or source = "assumed")')
    if type(entry["value"]) is not int or entry["value"] < 1:
        raise ProfileError(f"{path}: {key} is {entry['value']!r}, must be a whole number above 0")
    return int(entry["value"])
