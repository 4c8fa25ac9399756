"""Where work is spread to, as `--cluster` says it: processes of this machine, or a scheduler that runs already."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from tritspike.runtime.errors import ClusterError, InputError

LOCAL = "local"
_PORTS = 1, (1 << 16) - 1
_WAY_OUT = f"{LOCAL}, or HOST:PORT of a scheduler, such as 10.0.0.5:8786"


@dataclass(frozen=True)
class Scheduler:
    """One that somebody has started."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place(word: str) -> Scheduler | None:
    """None for processes of this machine. Raises `InputError` for what is no address."""
    if word == LOCAL:
        return None
    host, _, port = word.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or "/" in host:
        raise InputError(f"--cluster {word:.60}: no address", _WAY_OUT)
    if not (port.isascii() and port.isdecimal() and _PORTS[0] <= int(port[:6]) <= _PORTS[1]):
        raise InputError(f"--cluster {word:.60}: port {port!r:.20}, allowed {_PORTS[0]}..{_PORTS[1]}", _WAY_OUT)
    return Scheduler(host, int(port))


def require_listening(scheduler: Scheduler, seconds: float) -> None:
    """`ClusterError` where nothing takes a connection: it says whether the host is unknown, refuses, or is silent."""
    try:
        with socket.create_connection((scheduler.host, scheduler.port), seconds):
            pass
    except (socket.gaierror, UnicodeError):
        raise ClusterError(f"--cluster {scheduler}: no host of the name {scheduler.host} is known", _WAY_OUT) from None
    except ConnectionRefusedError:
        raise ClusterError(f"--cluster {scheduler}: nothing listens there", "dask scheduler starts one") from None
    except TimeoutError:
        raise ClusterError(f"--cluster {scheduler}: no answer in {seconds:g} s") from None
    except OSError as error:
        raise ClusterError(f"--cluster {scheduler}: {error.strerror or error}") from None
