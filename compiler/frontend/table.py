"""What can be lowered to a program of texts: one function a kind of source, one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tritspike.compiler.frontend import checkpoint, encoder
from tritspike.runtime.host.program import Host
from tritspike.runtime.network.network import Network, Timing


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """A network as it is written, when its windows come, and what the host does."""

    network: Network
    timing: Timing
    host: Host


@dataclass(frozen=True)
class Frontend:
    """name: of the kind. read: a path to what `build` takes. build: (that, length, head) to a network: `lower` says what these are."""

    name: str
    claims: Callable[[Path], bool]
    read: Callable[[Path], checkpoint.Checkpoint]
    build: Callable[[checkpoint.Checkpoint, int | None, str], Source]


def _of_checkpoint(read: checkpoint.Checkpoint, length: int | None, head: str) -> Source:
    network = encoder.network(read, length, head)
    return Source(network=network, timing=encoder.timing(read), host=encoder.host(read, head))


FRONTENDS: tuple[Frontend, ...] = (
    Frontend("checkpoint", lambda path: True, checkpoint.read_checkpoint, _of_checkpoint),  # last: what no other knows is refused as a checkpoint
)


def source(given: checkpoint.Checkpoint | str | Path, length: int | None = None, head: str = encoder.HEADS[0]) -> Source:
    """Raises `CheckpointError` or `FileError` for what cannot be read, `CompileError` for a length that it cannot have."""
    if isinstance(given, checkpoint.Checkpoint):
        return _of_checkpoint(given, length, head)
    path = Path(given)
    frontend = next(f for f in FRONTENDS if f.claims(path))
    return frontend.build(frontend.read(path), length, head)
