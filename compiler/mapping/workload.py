"""What placement and cost assume of the texts: measured spike rates and token counts, or a rate for all that says it is assumed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tritspike.hw_profiles.reading import read_regular, reason
from tritspike.runtime.errors import DataError
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.tokenizer import Text
from tritspike.runtime.network.network import Inputs, Scheduled
from tritspike.runtime.network.outcome import Activity
from tritspike.runtime.rates import ASSUMED, Rates, counted, measured_rates, rates_of, uniform_rates
from tritspike.runtime.tasks import dataset, labelled

_TEXTS = 64  # as many as `verify` compares by default; rates settle well before


@dataclass(frozen=True)
class Workload:
    """rates: spikes and synaptic events. source: where they are from, in words. tokens: of each text that was measured, or assumed."""

    rates: Rates
    source: str
    tokens: tuple[int, ...] = ()


def assumed(program: Program) -> Workload:
    """One rate for every population, and texts as long as the program takes; of a stream without end, a token."""
    length = "" if program.longest is None else ", texts of full length"
    source = f"assumed: every neuron spikes in {ASSUMED:.0%} of steps{length} (measure with --rates)"
    return Workload(uniform_rates(program.scheduled), source, (program.longest or 1,))


def assumed_of(network: Scheduled) -> Workload:
    """The same of a network that knows no texts."""
    return Workload(uniform_rates(network), f"assumed: every neuron spikes in {ASSUMED:.0%} of steps")


def counted_on(network: Scheduled, inputs: Inputs) -> Workload:
    """What windows of such a network make of it."""
    return Workload(measured_rates(network, inputs), f"counted on {len(inputs)} windows")


def of_activity(program: Program, activity: Activity, tokens: Sequence[int], name: str) -> Workload:
    """What was counted on texts of so many tokens each. name: of where they are from."""
    return Workload(rates_of(program.scheduled, activity), f"measured on {len(tokens)} texts of {name}", tuple(tokens))


def measured(program: Program, path: Path) -> Workload:
    """Rates on the first texts of a GLUE folder's dev set (of the program's task) or of a file with one text a line (a pair: with a tab).

    Raises `DataError`."""
    texts, name = texts_of(program, path)
    activity, tokens = activity_of(program, texts[:_TEXTS])
    return of_activity(program, activity, tokens, name)


def activity_of(program: Program, texts: Sequence[Text]) -> tuple[Activity, list[int]]:
    """(what running them counted, tokens of each)."""
    from tritspike.runtime.host.text import Encoder

    encoder = Encoder(program)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # long texts are cut, here as everywhere
        tokens = encoder.tokens(texts)
    return counted(program.scheduled, encoder.rows(tokens)), [len(ids) for ids, _ in tokens]


def texts_of(program: Program, path: Path) -> tuple[list[Text], str]:
    """(texts, what they are called). Raises `DataError`."""
    if path.is_dir() or path.suffix == labelled.SUFFIX:
        host = program.host
        task, data = labelled.of_program(host.task, host.labels, str(path), "--rates")
        return [e.text for e in dataset.read(task, data, "dev", _TEXTS)], f"the dev set of {task.name}"
    try:
        lines = [line for line in read_regular(path).decode().splitlines() if line.strip()]
    except OSError as error:
        raise DataError(f"{path}: cannot be read as texts, one a line: {reason(error)}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read as texts, one a line: not UTF-8: {error.reason} at byte {error.start}") from None
    if not lines:
        raise DataError(f"{path}: holds no text")
    if labelled.texts_of(program.host.task) == 2:
        return [(first, second) if tab else first for first, tab, second in (line.partition("\t") for line in lines)], path.name
    return list(lines), path.name
