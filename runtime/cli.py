"""How every command ends: bad input gives one line on stderr and exit 1, a closed pipe, Ctrl-C or SIGTERM no traceback."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from rich.console import Console

from hw_profiles.errors import TritspikeError

_WIDTH = 150


def console() -> Console:
    """Plain output (a text's own brackets are no markup), wide enough for our tables where the terminal does not say how wide it is."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _WIDTH)


def run_command(main: Callable[[list[str]], int | None]) -> None:
    """Run `main(argv)` and exit with its code; `TritspikeError`, or an error of the operating system, becomes one line and exit 1."""
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        sys.exit(main(sys.argv[1:]) or 0)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)  # 128 + SIGINT, as shells report it
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (TritspikeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Leave every block on the way out, so that it clears up, instead of dying where we are."""
    sys.exit(128 + number)
