"""A board as numbers: TOML in, frozen record out. Every number carries its unit and where it comes from, or says "assumed"."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tritspike.hw_profiles.errors import ProfileError, decoding
from tritspike.hw_profiles.reading import read_regular, reason

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FOLDER = Path(__file__).parent
AUTO = "auto"  # in place of a name: the smallest board that fits
_KINDS = ("chip", "board", "made-up")
_MAY_BE_ZERO = ("sample_reset", "bias_bytes", "index_bits_min")
MOST_CORES = 1 << 20  # on a board, and router tiles: seven times Hala Point's 140,544; tables hold a row for each
_MOST = 1 << 31  # of anything else that is counted in a core or a chip: products with `MOST_CORES` stay below 2^53, exact in float64
_MOST_BITS = 64  # of a register, a word or an index: the host computes in int64
_MOST_COST = 1e9  # pJ, ns or hops of one event: a millijoule, a second
_SHORTEST = 0.001  # ns of a step: figures divide by it
_LONGEST = 100  # characters of a name
_SHOWN = 8  # faults in one message; the rest are counted


@dataclass(frozen=True)
class HardwareProfile:
    """Limits, widths and costs of one board: chips_x by chips_y chips, each tiles_x by tiles_y router tiles of `cores_per_tile` cores.

    Widths in bits; `*_bits` of signed registers count the magnitude only. `state_bytes` and `bias_bytes` are what a neuron takes from
    `core_memory_bytes`, which it shares with the synapses; those alone may take `synapse_memory_bytes`. A list of synapses is stored in
    words of `word_bits`, with a header of `header_bits` for each `synapses_per_header`. Input and output axons are table slots; one that
    carries a channel number (a population axon) takes `population_axon_slots` on the output side. `sample_reset` is 1 where the chip
    resets membranes periodically and 0 where the host would have to. `*_pj` and `*_ns` are for one event; a hop between chips weighs
    `chip_hop_weight` hops between tiles when traffic is minimised. `chip_static_w`: watts that each chip draws whatever it computes.
    """

    name: str
    kind: str
    chips: int
    chips_x: int
    chips_y: int
    cores_per_chip: int
    tiles_x: int
    tiles_y: int
    cores_per_tile: int
    neurons_per_core: int
    state_bytes: int
    bias_bytes: int
    core_memory_bytes: int
    synapse_memory_bytes: int
    word_bits: int
    header_bits: int
    synapses_per_header: int
    index_bits_min: int
    input_axons_per_core: int
    output_axons_per_core: int
    population_axon_slots: int
    configurations_per_core: int
    sample_reset: int
    synapses_per_chip: int
    weight_bits: int
    weight_exponent_max: int
    vth_bits: int
    bias_mantissa_bits: int
    bias_exponent_max: int
    decay_bits: int
    chip_hop_weight: float
    synapse_pj: float
    active_update_pj: float
    idle_update_pj: float
    spike_pj: float
    hop_x_pj: float
    hop_y_pj: float
    chip_hop_pj: float
    synapse_ns: float
    active_update_ns: float
    idle_update_ns: float
    spike_ns: float
    hop_x_ns: float
    hop_y_ns: float
    chip_hop_ns: float
    barrier_ns: float
    chip_static_w: float

    @property
    def cores(self) -> int:
        """Cores on the whole board."""
        return self.chips * self.cores_per_chip

    @property
    def neurons(self) -> int:
        """Neurons on the whole board."""
        return self.cores * self.neurons_per_core

    @property
    def synapses(self) -> int:
        """Synapses on the whole board."""
        return self.chips * self.synapses_per_chip

    @property
    def static_w(self) -> float:
        """Watts that the board's chips draw whatever they compute; all are powered, used or not. Its host, links and fans are not in it."""
        return self.chips * self.chip_static_w


def known() -> list[str]:
    """Names of the profiles that ship."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def boards(resets: bool = True) -> list[HardwareProfile]:
    """The shipped profiles of real hardware that resets samples by itself, smallest first: what `auto` chooses from. False: the others."""
    real = [p for p in map(load, known()) if p.kind != "made-up" and bool(p.sample_reset) is resets]
    return sorted(real, key=lambda p: p.neurons)


def load(name: str) -> HardwareProfile:
    """A shipped profile by name, or any by path to a .toml file. Raises `ProfileError`."""
    if not isinstance(name, str):
        raise ProfileError(f"profile is {name!r}", f"one of {', '.join(known())}, or the path of a .toml file")
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if not _is_there(path):
        raise ProfileError(f"profile {name!r} is unknown", f"one of {', '.join(known())}, or the path of a .toml file")
    with decoding(path, "profile", ProfileError):
        return _profile(_entries(path), path)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no system takes
        return False


def _entries(path: Path) -> dict[str, Any]:
    """The file's entries over those of the shipped profile that it names as `like`."""
    raw = _toml(path)
    if "like" not in raw:
        return raw
    like = raw.pop("like")
    others = [name for name in known() if name != path.stem]
    if like not in others:
        raise ProfileError(f"{path}: like is {like!r}, must be one of {', '.join(others)}")
    return _entries(_FOLDER / f"{like}.toml") | raw


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_regular(path).decode())
    except OSError as error:
        raise ProfileError(f"{path}: {reason(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: not a TOML file: {error}") from None
    except (RecursionError, ValueError, OverflowError):
        raise ProfileError(f"{path}: not a TOML file that can be read: nested too deeply, or a number of too many digits") from None


def _profile(raw: dict[str, Any], path: Path) -> HardwareProfile:
    """All that is wrong with it in one message."""
    wanted = {f.name: str(f.type) for f in fields(HardwareProfile)}
    unknown = [key for key in raw if key not in wanted]
    found = [f"unknown key {key!r}" for key in unknown] + [f"missing key {key!r}" for key in wanted if key not in raw]
    found += [text for key, kind in wanted.items() if key in raw for text in _complaints(raw[key], key, kind)]
    if not found:
        profile = HardwareProfile(**{key: _plain(raw[key], kind) for key, kind in wanted.items()})
        found = list(_contradictions(profile))
        if not found:
            return profile
    raise ProfileError(f"{path}: {_joined(found)}", f"known keys: {', '.join(wanted)}" if unknown else None)


def _joined(found: list[str]) -> str:
    more = len(found) - _SHOWN
    return "; ".join([*found[:_SHOWN], *([f"and {more} more"] if more > 0 else [])])


def _plain(entry: Any, kind: str) -> Any:
    return entry if kind == "str" else float(entry["value"]) if kind == "float" else entry["value"]


def _complaints(entry: Any, key: str, kind: str) -> Iterator[str]:
    if kind == "str":
        if not isinstance(entry, str):
            yield f"{key} is {_short(entry)}, must be a string"
        elif not (entry.isprintable() and 0 < len(entry) <= _LONGEST):
            yield f"{key} is {_short(entry)}, must be 1 to {_LONGEST} printable characters"
    elif not isinstance(entry, dict) or set(entry) != {"value", "unit", "source"}:
        yield f'{key} must be a table of value, unit and source (or source = "assumed")'
    else:
        for part in ("unit", "source"):
            if not isinstance(entry[part], str) or not entry[part].strip():
                yield f"{key}: {part} is {_short(entry[part])}, must say something"
        yield from _number_complaints(entry["value"], key, kind)


def _number_complaints(value: Any, key: str, kind: str) -> Iterator[str]:
    if kind == "float":
        if type(value) not in (int, float) or not 0 <= value < float("inf"):
            yield f"{key} is {_short(value)}, must be a number of 0 or more"
        elif value > _MOST_COST:
            yield f"{key} is {_short(value)}, allowed up to {_MOST_COST:.0f}"
        return
    low, high = int(key not in _MAY_BE_ZERO), _highest(key)
    if type(value) is not int or value < low:
        yield f"{key} is {_short(value)}, must be a whole number {'of 0 or more' if low == 0 else 'above 0'}"
    elif value > high:
        yield f"{key} is {_short(value)}, allowed up to {high}"


def _highest(key: str) -> int:
    """Bounds on what tables are made of, and on what sums are made of."""
    if key.endswith("_bits") or key == "index_bits_min" or key.endswith("exponent_max"):
        return _MOST_BITS
    return MOST_CORES if key.startswith(("chips", "cores", "tiles")) else _MOST


def _short(value: Any) -> str:
    """As Python writes it, cut; a number of more digits than it writes is told by their count."""
    try:
        text = repr(value)
    except ValueError:
        text = "a number of very many digits"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."


def _contradictions(p: HardwareProfile) -> Iterator[str]:
    if p.kind not in _KINDS:
        yield f"kind is {p.kind!r}, must be one of {', '.join(_KINDS)}"
    if p.chips_x * p.chips_y != p.chips:
        yield f"chips is {p.chips}, but chips_x * chips_y is {p.chips_x} * {p.chips_y}"
    slots = p.tiles_x * p.tiles_y * p.cores_per_tile
    tiles = p.tiles_x * p.tiles_y
    sizes = ("chips * cores_per_chip", p.cores), ("chips * tiles_x * tiles_y", p.chips * tiles), ("tiles_x * tiles_y * cores_per_tile", slots)
    for what, found in sizes:
        if found > MOST_CORES:
            yield f"{what} is {found}, allowed up to {MOST_CORES}"
    if p.cores_per_chip > slots:
        yield f"cores_per_chip is {p.cores_per_chip}, but tiles_x * tiles_y * cores_per_tile is {slots}"
    if p.synapse_memory_bytes > p.core_memory_bytes:
        yield f"synapse_memory_bytes is {p.synapse_memory_bytes}, but core_memory_bytes, of which it is a part, is {p.core_memory_bytes}"
    if p.neurons_per_core * p.state_bytes > p.core_memory_bytes:
        yield f"neurons_per_core * state_bytes is {p.neurons_per_core * p.state_bytes}, but core_memory_bytes is {p.core_memory_bytes}"
    if p.word_bits <= p.header_bits:
        yield f"header_bits is {p.header_bits}, but word_bits is {p.word_bits}: a word would hold no synapse"
    if max(p.barrier_ns, min(p.active_update_ns, p.idle_update_ns)) < _SHORTEST:
        yield f"barrier_ns is {p.barrier_ns}, and neuron updates take no time either: a step must take {_SHORTEST} ns at least"
    if p.sample_reset > 1:
        yield f"sample_reset is {p.sample_reset}, must be 0 or 1"
