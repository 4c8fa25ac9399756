"""The ordered table of passes, and the runner that owns their contract: what each requires holds before it, and what it makes is sound."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from tritspike.compiler.errors import CompileError, VerifyError
from tritspike.compiler.passes.assign_latencies import AssignLatencies
from tritspike.compiler.passes.base import STEPS, WHOLE, Lowering, Pass
from tritspike.compiler.passes.check_capacity import CheckCapacity
from tritspike.compiler.passes.fold_registers import FoldRegisters
from tritspike.compiler.passes.insert_relays import InsertRelays
from tritspike.compiler.passes.prove_ranges import ProveRanges
from tritspike.compiler.passes.quantize import Quantize
from tritspike.compiler.passes.silence_padding import SilencePadding
from tritspike.compiler.printer import show
from tritspike.hw_profiles.errors import Finding, listed
from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.files import make_folder, write_atomic
from tritspike.runtime.network import forms, soundness
from tritspike.runtime.network.network import Network, Timing

DEFAULT: tuple[Pass, ...] = (
    FoldRegisters(),
    SilencePadding(),
    AssignLatencies(),
    InsertRelays(),
    ProveRanges(),
    CheckCapacity(),  # last: relays are a large share of the neurons
)
OWN = tuple(step for step in DEFAULT if not step.on_profile and not isinstance(step, SilencePadding))  # of networks that know no texts, and no board
PASSES: dict[str, Pass] = {step.name: step for step in (Quantize(), *DEFAULT)}
_DIGITS = 9  # of an option
_WORD = re.compile(r"([a-z-]+)(?:\{([^{}]*)\})?")  # a name, and options in braces


def named(words: str) -> tuple[Pass, ...]:
    """Passes in the order in which they run, as "quantize{bits=4},fold-registers". Raises `CompileError` for what is not in the table."""
    if not isinstance(words, str):
        raise CompileError(f"passes are {words!r}", 'their names with commas, as "quantize{bits=4},fold-registers"')
    found = re.split(r",(?![^{}]*\})", words)
    return tuple(_named(word.strip()) for word in found if word.strip())


def _named(word: str) -> Pass:
    said = _WORD.fullmatch(word)
    if said is None or said[1] not in PASSES:
        raise CompileError(f"pass {word!r} is unknown", f"some of {', '.join(PASSES)}")
    step = PASSES[said[1]]
    return replace(step, **dict(_option(step, option.strip()) for option in (said[2] or "").split(",") if option.strip()))


def _option(step: Pass, option: str) -> tuple[str, int]:
    name, _, value = option.partition("=")
    allowed = [f.name for f in fields(step)]
    if name not in allowed or not value.isdecimal() or len(value) > _DIGITS:
        raise CompileError(f"{step.name}: option {option!r}", f"{' or '.join(f'{n}=N' for n in allowed)}" if allowed else "it has no options")
    return name, int(value)


def run(
    network: Network, timing: Timing, profile: HardwareProfile | None = None, passes: Sequence[Pass] = DEFAULT, dump: Path | None = None
) -> Lowering:
    """Apply `passes` in order. dump: a folder that gets the printed network after each. Raises `CompileError` and what the passes raise."""
    return go_on(Lowering(network=network, timing=timing), profile, passes, dump, dumped(passes))


def go_on(given: Lowering, profile: HardwareProfile | None, passes: Sequence[Pass], dump: Path | None = None, names: Sequence[str] = ()) -> Lowering:
    """The same from where some passes have been. names: of the files in `dump`, one before the first pass unless some have been."""
    files = list(names[len(names) - len(passes) :])
    if not given.holds:
        if any(WHOLE in step.ensures for step in passes):  # floats are no sound network yet
            _require_none(tuple(forms.findings(given.network, floats=True)), CompileError, "before the first pass")
        else:
            _require_sound(given, "before the first pass")
        _require_heard(given.network)
        _dump(given, dump, names[0] if names else "")
    for step, name in zip(passes, files or [""] * len(passes)):
        given = _applied(given, step, profile)
        _dump(given, dump, name)
    return given


def _applied(given: Lowering, step: Pass, profile: HardwareProfile | None) -> Lowering:
    if missing := [what for what in step.requires if what not in given.holds]:
        before = [other.name for other in DEFAULT if set(other.ensures) & set(missing)]
        raise CompileError(f"{step.name}: requires that {' and that '.join(missing)}", f"{', '.join(before)} before it")
    found = step.apply(given, profile)
    found = replace(found, holds=given.holds | set(step.ensures))
    _require_sound(found, f"after {step.name}")
    return found


def _require_heard(network: Network) -> None:
    """A port that nothing hears is played for nothing, and was meant for something. Raises `CompileError`."""
    used = {s.source for s in network.synapses} | {probe.population for probe in network.probes}
    found = [Finding(port.name, "populations that hear it", 0, "at least one, or a probe") for port in network.ports if port.population not in used]
    if found:
        raise CompileError(listed(found), "hear it, or leave the input out")


def _require_sound(given: Lowering, when: str) -> None:
    """Raises `CompileError` for what somebody wrote, `VerifyError` for what a pass made of it."""
    found = tuple(soundness.findings(given.scheduled()) if STEPS in given.holds else soundness.network_findings(given.network))
    _require_none(found, VerifyError if given.holds else CompileError, when, _rounding(given.network) if found else None)


def _require_none(found: tuple[Finding, ...], error: type[CompileError], when: str, hint: str | None = None) -> None:
    if found:
        raise error(f"{when}: {listed(found)}", hint)


def _rounding(network: Network) -> str | None:
    """What helps where fractions alone are wrong."""
    fractions = any(forms.findings(network)) and not any(forms.findings(network, floats=True))
    return "quantize{bits=8} before the other passes rounds them" if fractions else None


def dumped(passes: Sequence[Pass]) -> list[str]:
    """Names of the files in a dump's folder. They are written as it goes: what a refused lowering was, up to its refusal."""
    return [f"{number:02}-{name}.txt" for number, name in enumerate(["frontend", *(step.name for step in passes)])]


def _dump(given: Lowering, folder: Path | None, name: str) -> None:
    if folder is not None and name:
        make_folder(folder)
        write_atomic(folder / name, show(given).encode())
