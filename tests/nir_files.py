"""NIR files written here, so that tests need neither the nir package nor anybody's files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

DT = 1e-3


def write(path: Path, nodes: dict[str, dict], edges: list[tuple[str, str]]) -> Path:
    """Nodes by name as dictionaries of their fields; an inner graph has `nodes` and `edges` among them."""
    with h5py.File(path, "w") as file:
        file["version"] = "1.0.8"
        graph(file.create_group("node"), nodes, edges)
    return path


def graph(group: h5py.Group, nodes: dict[str, dict], edges: list[tuple[str, str]]) -> None:
    group["type"] = "NIRGraph"
    group.create_dataset("edges", data=np.array(edges, dtype=object).reshape(-1, 2), dtype=h5py.string_dtype())
    below = group.create_group("nodes")
    for name, fields in nodes.items():
        made = below.create_group(name)
        if "nodes" in fields:
            graph(made, fields["nodes"], fields["edges"])
            continue
        for field, value in fields.items():
            if isinstance(value, dict):
                inner = made.create_group(field)
                for key, one in value.items():
                    inner[key] = one
            else:
                made[field] = value


def chain(*names: str) -> list[tuple[str, str]]:
    return list(pairwise(names))


def end(kind: str, *shape: int) -> dict:
    return {"type": kind, "shape": np.array(shape)}


def linear(weight, bias=None) -> dict:
    found = {"type": "Linear" if bias is None else "Affine", "weight": np.asarray(weight, np.float32)}
    return found if bias is None else found | {"bias": np.asarray(bias, np.float32)}


def conv(weight, bias=None, **more) -> dict:
    weight = np.asarray(weight, np.float32)
    kind = f"Conv{weight.ndim - 2}d"
    plain = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": np.zeros(len(weight)) if bias is None else bias}
    return {"type": kind, "weight": weight} | plain | more


def pool(kind: str, size: int) -> dict:
    return {"type": kind, "kernel_size": np.array([size, size]), "stride": np.array([size, size]), "padding": np.array([0, 0])}


def delay(seconds, n: int) -> dict:
    return {"type": "Delay", "delay": np.broadcast_to(seconds, (n,)).astype(float)}


def threshold(value, n: int) -> dict:
    return {"type": "Threshold", "threshold": np.broadcast_to(value, (n,)).astype(float)}


def cell(kind: str, n: int | tuple[int, ...], **given) -> dict:
    """With tau = dt, of which nothing is left in a step, unless others are given: r brings a weight of 1 to a membrane of 1."""
    shape = (n,) if isinstance(n, int) else n
    fields = {"I": ("r",), "IF": ("r", "v_threshold")}.get(kind) or (
        (
            "r",
            "v_leak",
            *(("tau_mem", "tau_syn", "w_in") if kind.startswith("Cuba") else ("tau",)),
            *(("v_threshold",) if kind.endswith("IF") else ()),
        )
    )
    usual = {"r": 1 / DT if kind in ("I", "IF") else 1.0, "v_threshold": 1.0, "v_leak": 0.0, "tau": DT, "tau_mem": DT, "tau_syn": DT, "w_in": 1.0}
    wanted = {name: usual[name] for name in fields} | given
    return {"type": kind} | {name: np.broadcast_to(value, shape).astype(float) for name, value in wanted.items()}
