"""Checkpoints of version 3: what was trained, whatever its network is, before it is compiled for anything. A folder of four files.

    model.safetensors   the network as `runtime/network/file.py` seals it, without latencies and with the delays of its synapses; its timing;
                        and what the host does, as a program file holds it (`stored.py`)
    tokenizer.json      a Hugging Face `tokenizers` file
    config.json         "format", "version", "task" and "model": for whoever looks, and for training that goes on from here
    card.json           how it was trained

Version 2 (`runtime/checkpoint.py`) knew one family of networks by the names of its tensors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tritspike.hw_profiles.errors import listed
from tritspike.runtime.checkpoint import FORMAT
from tritspike.runtime.errors import CheckpointError, FileError
from tritspike.runtime.files import Arrays, read_json, write_atomic
from tritspike.runtime.host import stored
from tritspike.runtime.host.program import Host, Program
from tritspike.runtime.host.soundness import host_findings
from tritspike.runtime.host.tokenizer import text_of, tokenizer_from
from tritspike.runtime.network import file as network_file
from tritspike.runtime.network.network import Network, Scheduled, Timing
from tritspike.runtime.network.reading import FIELDS, Reader, require_fields
from tritspike.runtime.network.soundness import network_findings, timing_findings
from tritspike.runtime.network.writing import Writer

VERSION = 3
MODEL, TOKENIZER, CONFIG, CARD = "model.safetensors", "tokenizer.json", "config.json", "card.json"


@dataclass(frozen=True, eq=False, kw_only=True)
class Trained:
    """A network that is not scheduled yet, when its windows come, and what the host does."""

    network: Network
    timing: Timing
    host: Host


def claims(folder: Path) -> bool:
    """Whether a folder says that it is one."""
    try:
        found = read_json(folder / CONFIG)
    except FileError:
        return False
    return found.get("version") == VERSION


def save(trained: Trained, folder: Path, model: dict[str, Any], card: dict[str, Any]) -> None:
    """Each file atomically, config.json last: it says that all are there. Raises `CheckpointError` for what is not sound, with nothing written."""
    _require_sound(trained, folder)
    writer, host = Writer(), trained.host
    front = {name: getattr(host.front, name) for name in stored.FRONT_SCALARS} | {"tokenizer": ""}
    body = writer.network(trained.network, trained.timing) | {"host": stored.scalars(host) | {"front": front}}
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / MODEL, network_file.sealed({"format": FORMAT, "version": VERSION, **body}, writer.arrays | stored.arrays(host)))
    write_atomic(folder / TOKENIZER, host.front.tokenizer.encode())
    write_atomic(folder / CARD, _json(card))
    write_atomic(folder / CONFIG, _json({"format": FORMAT, "version": VERSION, "task": host.task, "model": model}))


def load(folder: Path) -> Trained:
    """Read and check. Raises `FileError` for files that are missing or damaged, `CheckpointError` for what is not sound."""
    found = network_file.opened(folder / MODEL, "checkpoint", {(FORMAT, VERSION): _read}, {})
    text = text_of(folder / TOKENIZER)
    tokenizer_from(text, f"{folder}/{TOKENIZER}").require_usable(len(found.host.front.token), CheckpointError)
    trained = replace(found, host=replace(found.host, front=replace(found.host.front, tokenizer=text)))
    _require_sound(trained, folder)
    return trained


def model_of(folder: Path) -> dict[str, Any]:
    """What config.json says of the model. Raises `FileError`."""
    found = read_json(folder / CONFIG).get("model")
    if not isinstance(found, dict):
        raise FileError(f"{folder / CONFIG}: model is {str(found)[:40]}", "an object, as training writes it")
    return found


def _read(body: dict[str, Any], arrays: Arrays) -> Trained:
    require_fields(body, "format", "version", *FIELDS, "host")
    tables, others = stored.parted(arrays)
    reader = Reader(others)
    network, timing = reader.network(body)
    host = stored.read(body["host"], tables)
    reader.require_all_used()
    return Trained(network=network, timing=timing, host=host)


def _require_sound(trained: Trained, folder: Path) -> None:
    """Its network, its timing, and its host beside them."""
    found = [*network_findings(trained.network), *timing_findings(trained.timing)]
    if not found:
        still = Scheduled(network=trained.network, timing=trained.timing, latency={p.name: 0 for p in trained.network.populations})
        found = list(host_findings(Program(scheduled=still, host=trained.host, profile="none")))
    if found:
        raise CheckpointError(f"{folder}: not a sound checkpoint: {listed(tuple(found))}")


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()
