"""What can be lowered to a program of texts: one function a kind of source, one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tritspike.compiler.frontend import trained
from tritspike.runtime.host import checkpoint, encoder
from tritspike.runtime.host.trained import Trained, claims, load


@dataclass(frozen=True)
class Frontend:
    """name: of the kind. claims: whether a path is one. build: (a path, length, head) to a network: `lower` says what these are."""

    name: str
    claims: Callable[[Path], bool]
    build: Callable[[Path, int | None, str], Trained]


def _of_checkpoint(read: checkpoint.Checkpoint, length: int | None, head: str) -> Trained:
    trained.require_length(length, read.config.max_length)
    return encoder.trained(read, length, head)


def _of_trained(path: Path, length: int | None, head: str) -> Trained:
    read = load(path)
    network, host = trained.network(read, length), read.host
    network, host = trained.on_chip(network, host) if head == "chip" else (network, host)
    return Trained(network=network, timing=read.timing, host=host)


FRONTENDS: tuple[Frontend, ...] = (
    Frontend("trained", claims, _of_trained),
    Frontend("checkpoint", lambda path: True, lambda path, *how: _of_checkpoint(checkpoint.read_checkpoint(path), *how)),  # last: what no other
    # knows is refused as a checkpoint
)


def source(given: checkpoint.Checkpoint | str | Path, length: int | None = None, head: str = encoder.HEADS[0]) -> Trained:
    """Raises `CheckpointError` or `FileError` for what cannot be read, `CompileError` for a length that it cannot have."""
    if isinstance(given, checkpoint.Checkpoint):
        return _of_checkpoint(given, length, head)
    path = Path(given)
    return next(f for f in FRONTENDS if f.claims(path)).build(path, length, head)
