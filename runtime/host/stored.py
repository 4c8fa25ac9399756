"""What a program file holds of the host, in any version."""

from __future__ import annotations

from typing import Any

import numpy as np

from tritspike.runtime.files import Arrays
from tritspike.runtime.host.program import FrontEnd, Host
from tritspike.runtime.network.reading import require_fields

FRONT_ARRAYS = ("token", "position", "segment", "projection", "bias")
FRONT_SCALARS = ("shift", "keep", "vth", "tokenizer")
HOST_SCALARS = ("first_position_only", "task", "labels", "logit_scale", "weights")
NAMES = frozenset((*(f"front.{name}" for name in FRONT_ARRAYS), "class_bias", "head"))


def arrays(host: Host) -> Arrays:
    """By the names that a file gives them."""
    tables: Arrays = {f"front.{name}": np.ascontiguousarray(getattr(host.front, name)) for name in FRONT_ARRAYS} | {"class_bias": host.class_bias}
    return tables if host.head is None else tables | {"head": np.ascontiguousarray(host.head)}


def scalars(host: Host) -> dict[str, Any]:
    """All but the front end's."""
    return {name: getattr(host, name) for name in HOST_SCALARS} | {"labels": list(host.labels)}


def parted(found: Arrays) -> tuple[Arrays, Arrays]:
    """(the host's arrays, all others)."""
    ours = {name: array for name, array in found.items() if name in NAMES}
    return ours, {name: array for name, array in found.items() if name not in NAMES}


def read(raw: dict[str, Any], tables: Arrays) -> Host:
    """Of version 3. Raises `KeyError` or `ValueError` for what is missing or unknown."""
    require_fields(raw, "front", *HOST_SCALARS)
    require_fields(raw["front"], *FRONT_SCALARS)
    return built(raw, raw["front"], tables)


def built(raw: dict[str, Any], front: dict[str, Any], tables: Arrays) -> Host:
    """As a file says it: `soundness.py` judges it. Raises `KeyError` for what is missing."""
    found = {name: raw[name] for name in HOST_SCALARS}
    if isinstance(found["labels"], list):
        found["labels"] = tuple(found["labels"])
    read: dict[str, Any] = {name: tables[f"front.{name}"] for name in FRONT_ARRAYS} | {name: front[name] for name in FRONT_SCALARS}
    return Host(front=FrontEnd(**read), class_bias=tables["class_bias"], head=tables.get("head"), **found)
