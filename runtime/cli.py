"""How every command begins and ends: bad input gives one line on stderr and exit 1, a pipe that ends, Ctrl-C or a signal to end no traceback.

Nothing heavy is imported here, so that `starting` runs before what takes long to import.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from tritspike.hw_profiles.errors import TritspikeError, printable
from tritspike.runtime import install, streams
from tritspike.runtime.host.told import show, told_warnings

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 150
EXTRAS = {  # by what they bring
    "torch": "train",
    "transformers": "train",
    "datasets": "hub",
    "huggingface_hub": "hub",
    "asteval": "lava",
    "h5py": "nir",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "bokeh": "report",
    "distributed": "cluster",
}
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def console(stderr: bool = False) -> Console:
    """Plain output (a text's own brackets are no markup), wide enough for our tables where the terminal does not say how wide it is."""
    from tritspike.runtime.consoles import Plain

    return Plain(stderr, None if (sys.stderr if stderr else sys.stdout).isatty() else _WIDTH)


def starting() -> None:
    """The first call of a command, before its imports: Ctrl-C ends it with the one line that it has later, and so do warnings.

    Ctrl-C as an exception would run through half-imported modules of others.
    """
    warnings.showwarning = show
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where the shell hands it down as ignored
        signal.signal(signal.SIGINT, _end)


def _end(*_signal: Any) -> None:
    with suppress(OSError):
        os.write(2, b"interrupted\n")
    os._exit(_INTERRUPTED)


def run_command(main: Callable[[list[str]], int | None]) -> None:
    """Run `main(argv)` and exit with its code; `TritspikeError`, or an error of the operating system, becomes one line and exit 1."""
    streams.prepare()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminate)
    started = signal.getsignal(signal.SIGINT) is _end
    if started:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = _flushed(_code(main))
    if started:
        signal.signal(signal.SIGINT, _end)  # while the interpreter tidies up
    sys.exit(code)


def _code(main: Callable[[list[str]], int | None]) -> Any:
    try:
        with told_warnings():
            return main(sys.argv[1:]) or 0
    except SystemExit as end:  # argparse
        return end.code
    except KeyboardInterrupt:
        streams.say("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        streams.to_nobody(sys.stdout)
        return 0
    except MemoryError:
        streams.say("error: there is not enough memory (hint: --memory and --threads bound what fast holds, --length what a program needs)")
        return 1
    except ModuleNotFoundError as error:
        name = (error.name or "").split(".")[0]
        if name in ("", "tritspike"):
            raise
        streams.say(f"error: this needs {name}, which is not installed (hint: {install.command(EXTRAS.get(name))})")
        return 1
    except (TritspikeError, OSError) as error:
        streams.say(f"error: {printable(str(error))}")
        return 1


def _terminate(number: int, frame: FrameType | None) -> None:
    """Leave every block on the way out, so that it clears up, instead of dying where we are."""
    sys.exit(128 + number)


def _flushed(code: Any) -> Any:
    """The code, when all that was printed is out; a disk that is full for it is an error, a pipe that has ended is none."""
    try:
        sys.stdout.flush()
    except OSError as error:
        streams.to_nobody(sys.stdout)
        if not code and not isinstance(error, BrokenPipeError):
            streams.say(f"error: stdout: {error.strerror}")
            return 1
    return code
