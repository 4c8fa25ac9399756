"""`python -m runtime deploy`: is everything there, run on the board and compare, or pack what a machine with a board needs."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from hw_profiles.profile import HardwareProfile
from hw_profiles.profile import load as load_profile
from runtime import bundle, outputs, program_file
from runtime.errors import InputError, MismatchError
from runtime.lava import on_board
from runtime.lava.board import Finding, preflight
from runtime.outputs import BUNDLE, Output
from runtime.program import Program, Samples
from runtime.sampling import chosen_tokens
from runtime.simulator import fast
from runtime.text import Encoder

NOT_READY = 3  # exit code where something that a run needs is missing


def deploy(o: argparse.Namespace, out: Console) -> int:
    """0: ran and equal (or all is present, with --dry-run). 1: a spike differs. 3: something is missing; the list says what."""
    outputs.require([Output(o.bundle, BUNDLE)], [o.program, *outputs.profile_files(o.profile), *([Path(o.data)] if o.data else [])])
    encoder, profile = Encoder(program_file.load(o.program)), load_profile(o.profile)
    _require_room(encoder.program, profile)
    findings = preflight(profile)
    for f in findings:
        out.print(_line(f), soft_wrap=True)
    if o.bundle is not None:
        _pack(o, _samples(o, encoder), profile, out)
    if not all(f.present for f in findings):
        return NOT_READY
    return 0 if o.dry_run else _run(o, *_samples(o, encoder), out)


def _line(f: Finding) -> str:
    return f"{'present' if f.present else 'missing'}  {f.what}: {f.detail}"


def _require_room(program: Program, profile: HardwareProfile) -> None:
    if program.neurons() > profile.neurons:
        needed = f"{profile.name}: {program.neurons()} neurons needed, {profile.neurons} available"
        raise InputError(needed, "deploy to a larger profile, or lower the checkpoint with a smaller --length")


def _samples(o: argparse.Namespace, encoder: Encoder) -> tuple[Program, Samples]:
    """The chosen texts, on the program cut to the longest of them."""
    tokens = chosen_tokens(encoder, o)
    length = max(len(ids) for ids, _ in tokens)
    return encoder.program.at_length(length), encoder.samples(tokens, length)


def _pack(o: argparse.Namespace, chosen: tuple[Program, Samples], profile: HardwareProfile, out: Console) -> None:
    program, samples = chosen
    files = bundle.write(program, samples, profile.name, o.bundle)
    out.print(
        f"{o.bundle}: {len(files)} files, {len(samples)} samples of {program.dims.positions} tokens; unpack it and see README.txt", soft_wrap=True
    )


def _run(o: argparse.Namespace, program: Program, samples: Samples, out: Console) -> int:
    expected = fast.run(program, samples, record=True)
    try:
        got = on_board.run(program, samples, o.adapter_steps, o.time_limit)
        cells = on_board.require_equal(program, expected, got, ("fast", "board"))
    except MismatchError as error:
        out.print(f"differs: {error}", soft_wrap=True)
        return 1
    out.print(f"equal: fast == board on {len(samples)} samples, {cells:,} (neuron, step) cells of the last layer", soft_wrap=True)
    return 0
