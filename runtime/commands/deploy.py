"""`deploy`: is everything there, run on the board and compare, or pack what a machine with a board needs."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.hw_profiles.profile import load as load_profile
from tritspike.runtime import bundle, outputs
from tritspike.runtime.commands.arguments import opened, program_argument, sample_arguments, time_limit
from tritspike.runtime.errors import InputError, MismatchError
from tritspike.runtime.executors.lava import on_board
from tritspike.runtime.executors.lava.board import preflight
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host.batches import at_length
from tritspike.runtime.host.batches import run as run_texts
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.option_values import whole
from tritspike.runtime.outputs import BUNDLE, Output
from tritspike.runtime.tasks.sampling import chosen_tokens

NOT_READY = 3  # exit code where something that a run needs is missing


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("--profile", required=True, help="the board: name of a shipped profile, or a .toml file")
    command.add_argument("--dry-run", action="store_true", help="say what is present and missing, run nothing")
    command.add_argument(
        "--bundle",
        type=Path,
        metavar="OUT.zip",
        help="pack program, samples, expected spikes and a script that runs them elsewhere",
    )
    command.add_argument("--adapter-steps", type=whole(0, 1000), default=1, help="steps that a host-chip adapter takes: one or two (default: 1)")
    sample_arguments(command)
    time_limit(command)


def run(o: argparse.Namespace, out: Console) -> int:
    """0: ran and equal (with --bundle: packed; with --dry-run: all is present). 1: a spike differs. 3: something is missing; the list says what."""
    outputs.require([Output(o.bundle, BUNDLE)], [Path(o.program), *outputs.profile_files(o.profile), *([Path(o.data)] if o.data else [])])
    encoder, profile = Encoder(opened(o)), load_profile(o.profile)
    _require_texts(encoder.program, o.program)
    _require_room(encoder.program, profile)
    findings = preflight(profile)
    for f in findings:
        out.print(str(f), soft_wrap=True)
    if o.bundle is not None:
        _pack(o, _samples(o, encoder), profile, out)
        return 0
    if not all(f.present for f in findings):
        return NOT_READY
    return 0 if o.dry_run else _run(o, *_samples(o, encoder), out)


def _require_room(program: Program, profile: HardwareProfile) -> None:
    if program.neurons() > profile.neurons:
        needed = f"{profile.name}: {program.neurons()} neurons needed, {profile.neurons} available"
        raise InputError(needed, "deploy to a larger profile, or lower the checkpoint with a smaller --length")


def _require_texts(program: Program, where: str) -> None:
    """What is played into a board, and read, are windows of texts."""
    if program.flows:
        raise InputError(f"{where}: tokens flow through it, a board is given texts at once", "verify --executor lava runs it on Lava")


def _samples(o: argparse.Namespace, encoder: Encoder) -> tuple[Program, Rows]:
    """The chosen texts, on the program cut to the longest of them."""
    tokens = chosen_tokens(encoder, o)
    length = max(len(ids) for ids, _ in tokens)
    rows = encoder.rows(tokens, length)
    assert isinstance(rows, Rows)
    return at_length(encoder.program, length), rows


def _pack(o: argparse.Namespace, chosen: tuple[Program, Rows], profile: HardwareProfile, out: Console) -> None:
    program, rows = chosen
    files = bundle.write(program, rows, profile.name, o.bundle)
    out.print(f"{o.bundle}: {len(files)} files, {len(rows)} samples of {program.positions} tokens; unpack it and see README.txt", soft_wrap=True)


def _run(o: argparse.Namespace, program: Program, rows: Rows, out: Console) -> int:
    expected = run_texts(program, rows, DEFAULT, ask=Ask(record=[program.last.name]))
    try:
        got = on_board.run(program, rows, o.adapter_steps, o.time_limit)
        cells = on_board.require_equal(program, expected, got, (DEFAULT, "board"))
    except MismatchError as error:
        out.print(f"differs: {error}", soft_wrap=True)
        return 1
    out.print(f"equal: {DEFAULT} == board on {len(rows)} samples, {cells:,} (neuron, step) cells of the last layer", soft_wrap=True)
    return 0
