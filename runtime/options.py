"""The command line of `python -m runtime`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from runtime import executors, glue
from runtime.errors import InputError
from runtime.lava import TIME_LIMIT
from runtime.option_values import real, whole
from runtime.simulator import fast
from runtime.versus import runs, statistics
from runtime.versus.command import WORSE

_MOST = 1_000_000_000  # texts, tokens: more than any run has
_MOST_HELD = 100_000  # texts that are held at once
_SEED = whole(0, (1 << 63) - 1)  # what SQLite keeps, and every generator takes
_YEAR = 31_536_000.0  # seconds


def parser(actions: dict[str, Callable[..., int]]) -> argparse.ArgumentParser:
    """The command line; `actions` by command name become `options.action`."""
    top = argparse.ArgumentParser(prog="python -m runtime", description="Run lowered programs, and compare models.")
    commands = top.add_subparsers(required=True, metavar="|".join(_COMMANDS))
    for name, (text, add_arguments) in _COMMANDS.items():
        command = commands.add_parser(name, help=text)
        command.set_defaults(action=actions[name])
        add_arguments(command)
    return top


def _program_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument("program", type=Path, help="a .tsp file that compiler/lower.py wrote")


def _text_arguments(command: argparse.ArgumentParser) -> None:
    _program_argument(command)
    command.add_argument("text", nargs="+", type=_unicode)
    command.add_argument("--pairs", action="store_true", help="the texts are pairs, for a program of such a task: first and second, first and second")
    _run_arguments(command)


def _unicode(text: str) -> str:
    """Its bytes as UTF-8 where the locale could not read them: a text is UTF-8 in any locale."""
    try:
        return os.fsencode(text).decode() if any("\udc80" <= c <= "\udcff" for c in text) else text
    except UnicodeError:
        raise InputError(f"text {text!r} is not UTF-8") from None


def _run_arguments(command: argparse.ArgumentParser) -> None:
    _engine_arguments(command)
    command.add_argument("--strict", action="store_true", help="refuse texts longer than the compiled length instead of cutting them")


def _engine_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--executor", choices=list(executors.EXECUTORS), default="fast")
    command.add_argument("--threads", type=whole(1, fast.MOST_THREADS), default=fast.cores(), help="of fast (default: all cores, here %(default)s)")
    command.add_argument(
        "--memory",
        type=whole(1, 1 << 24),
        default=fast.MEMORY >> 20,
        metavar="MIB",
        help="most spikes that fast holds at once (default: %(default)s)",
    )
    _time_limit(command)


def _time_limit(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--time-limit",
        type=real(0.001, _YEAR),
        default=TIME_LIMIT,
        metavar="SECONDS",
        help=f"give up on one run of Lava after this long (default: {TIME_LIMIT:g})",
    )


def _glue_arguments(command: argparse.ArgumentParser) -> None:
    _program_argument(command)
    _example_arguments(command, required=True)
    command.add_argument("--activity", action="store_true", help="count spikes and synaptic events of the whole chip, at the compiled length")
    _run_arguments(command)


def _example_arguments(command: argparse.ArgumentParser, required: bool) -> None:
    command.add_argument("--task", required=required, help=", ".join(glue.TASKS))
    command.add_argument("--data", required=required, help="folder in the GLUE layout, or 'hub'")
    command.add_argument("--split", choices=["dev", "train"], default="dev")
    command.add_argument("--limit", type=whole(1, _MOST))
    command.add_argument("--json", type=Path, metavar="OUT")


def _compare_arguments(command: argparse.ArgumentParser) -> None:
    for name in ("A", "B"):
        kinds = "a program (.tsp), a checkpoint folder, a float student (OUT/float.json of a training) or a teacher's folder"
        command.add_argument(name.lower(), nargs="?", type=Path, metavar=name, help=kinds)
    _example_arguments(command, required=False)
    command.add_argument(
        "--fail-below",
        type=real(-200, 200),  # a metric is in -1..1
        metavar="POINTS",
        help=f"exit with {WORSE} where B - A is below this, in points of the first metric; -1: a point worse at most",
    )
    command.add_argument("--resamples", type=whole(1, 1_000_000), default=statistics.RESAMPLES, help="of the bootstrap (default: %(default)s)")
    command.add_argument("--seed", type=_SEED, default=0, help="of the bootstrap (default: 0)")
    command.add_argument("--runs", type=Path, metavar="FILE", default=runs.DEFAULT, help="the history, an SQLite file (default: ./%(default)s)")
    command.add_argument("--history", action="store_true", help="print what was compared before (of --task, at most --limit), newest first")


def _verify_arguments(command: argparse.ArgumentParser) -> None:
    _program_argument(command)
    _sample_arguments(command)
    command.add_argument("--executor", default="lava", help="one or more of fast, lava, reference, with commas (default: lava)")
    command.add_argument("--against", default="reference", choices=list(executors.EXECUTORS))
    _time_limit(command)


def _deploy_arguments(command: argparse.ArgumentParser) -> None:
    _program_argument(command)
    command.add_argument("--profile", required=True, help="the board: name of a shipped profile, or a .toml file")
    command.add_argument("--dry-run", action="store_true", help="say what is present and missing, run nothing")
    command.add_argument(
        "--bundle", type=Path, metavar="OUT.zip", help="pack program, samples, expected spikes and a script that runs them elsewhere"
    )
    command.add_argument("--adapter-steps", type=whole(0, 1000), default=1, help="steps that a host-chip adapter takes: one or two (default: 1)")
    _sample_arguments(command)
    _time_limit(command)


def _sample_arguments(command: argparse.ArgumentParser) -> None:
    source = command.add_mutually_exclusive_group()
    source.add_argument("--data", help="GLUE folder: sentences of the program's own task; for a language model a text file")
    source.add_argument("--random", type=whole(1, _MOST_HELD), default=8, metavar="N", help="random token sequences (default: 8)")
    command.add_argument("--limit", type=whole(1, _MOST_HELD))
    command.add_argument("--seed", type=_SEED, default=0)


def _perplexity_arguments(command: argparse.ArgumentParser) -> None:
    _program_argument(command)
    command.add_argument("--data", type=Path, required=True, metavar="FILE", help="a UTF-8 text")
    command.add_argument("--stride", type=whole(1, _MOST), help="tokens between windows: smaller gives longer pasts (default: half the window)")
    command.add_argument("--json", type=Path, metavar="OUT")
    _engine_arguments(command)


def _generate_arguments(command: argparse.ArgumentParser) -> None:
    _program_argument(command)
    command.add_argument("prompt", type=_unicode)
    command.add_argument("--tokens", type=whole(1, _MOST), default=64, metavar="N", help="most that are added (default: %(default)s)")
    command.add_argument("--temperature", type=real(1e-6, 1e6, also=0), default=0.0, help="0 takes the likeliest token (default)")
    command.add_argument("--top-p", type=real(0, 1), default=1.0, help="sample among the likeliest tokens that share this much (default: 1)")
    command.add_argument("--seed", type=_SEED, default=0)
    command.add_argument("--executor", choices=list(executors.EXECUTORS), default="fast")
    command.add_argument("--strict", action="store_true", help="refuse a prompt longer than the window instead of forgetting its beginning")
    _time_limit(command)


BESIDE = Path()  # in place of a mapping's path: beside the program, by its name


def _inspect_arguments(command: argparse.ArgumentParser) -> None:
    _program_argument(command)
    command.add_argument(
        "--map", nargs="?", type=Path, const=BESIDE, metavar="FILE.map", help="the mapping too (default: beside the program, as lower.py writes it)"
    )


_COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "classify": ("label texts", _text_arguments),
    "glue": ("score a GLUE task", _glue_arguments),
    "perplexity": ("score a language model on a text", _perplexity_arguments),
    "generate": ("continue a text", _generate_arguments),
    "compare": ("hold two models against each other", _compare_arguments),
    "verify": ("compare executors spike by spike", _verify_arguments),
    "inspect": ("print the populations, and the mapping", _inspect_arguments),
    "deploy": ("run on a board, or pack for one", _deploy_arguments),
}
