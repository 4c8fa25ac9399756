"""What placement and cost assume of the texts: measured spike rates and token counts, or a rate for all that says it is assumed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from tritspike.compiler.mapping.rates import ASSUMED, Rates, measured_rates, uniform_rates
from tritspike.hw_profiles.reading import read_regular, reason
from tritspike.runtime import glue
from tritspike.runtime.errors import DataError
from tritspike.runtime.host.text import Encoder, Text
from tritspike.runtime.program import Program

_TEXTS = 64  # as many as `verify` compares by default; rates settle well before


@dataclass(frozen=True)
class Workload:
    """rates: spikes and synaptic events. tokens: of each text that was measured. source: where both are from, in words."""

    rates: Rates
    tokens: tuple[int, ...]
    source: str


def assumed(program: Program) -> Workload:
    """One rate for every population, and texts as long as the program takes."""
    source = f"assumed: every neuron spikes in {ASSUMED:.0%} of steps, texts of full length (measure with --rates)"
    return Workload(uniform_rates(program), (program.dims.positions,), source)


def measured(program: Program, path: Path) -> Workload:
    """Rates on the first texts of a GLUE folder's dev set (of the program's task) or of a file with one text a line (a pair: with a tab).

    Raises `DataError`."""
    texts, name = _texts(program, path)
    encoder = Encoder(program)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # long texts are cut, here as everywhere
        tokens = encoder.tokens(texts[:_TEXTS])
    rates = measured_rates(program, encoder.samples(tokens))
    return Workload(rates, tuple(len(ids) for ids, _ in tokens), f"measured on {len(tokens)} texts of {name}")


def _texts(program: Program, path: Path) -> tuple[list[Text], str]:
    if path.is_dir():
        task = glue.task_named(program.host.task)
        return [e.text for e in glue.read(task, str(path), "dev", _TEXTS)], f"the dev set of {task.name}"
    try:
        lines = [line for line in read_regular(path).decode().splitlines() if line.strip()]
    except OSError as error:
        raise DataError(f"{path}: cannot be read as texts, one a line: {reason(error)}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read as texts, one a line: not UTF-8: {error.reason} at byte {error.start}") from None
    if not lines:
        raise DataError(f"{path}: holds no text")
    if glue.texts_of(program.host.task) == 2:
        return [(first, second) if tab else first for first, tab, second in (line.partition("\t") for line in lines)], path.name
    return list(lines), path.name
