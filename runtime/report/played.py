"""What is run for a page: a text or arrays through all layers, spike by spike, and counts of all texts there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import arith
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import DEFAULT, executor
from tritspike.runtime.host import array_files, batches
from tritspike.runtime.host.arrays import ArrayProgram, inputs
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder, Text, Tokens
from tritspike.runtime.network import grid as grids
from tritspike.runtime.network.grid import Index
from tritspike.runtime.network.network import Network, Population, Scheduled
from tritspike.runtime.network.neuron import numbers
from tritspike.runtime.network.outcome import Activity, Ask, Bools
from tritspike.runtime.network.rows import PADDING
from tritspike.runtime.network.sequences import TIMED
from tritspike.runtime.report.records import Band, Raster
from tritspike.runtime.tables import HOST, LIF, kind
from tritspike.runtime.tasks import dataset, labelled, random_arrays
from tritspike.runtime.tasks.evaluation import Evaluation, evaluate
from tritspike.runtime.tasks.labelled import Example, Task
from tritspike.runtime.tasks.sampling import file_start, file_windows

MOST_COLUMNS = 128  # tokens, or steps of arrays, that are drawn
_MOST_ROWS, _MOST_BANDS = 48, 40  # of a population; populations
_OURS: dict[int | None, Text] = {  # read where no text is given, by how many texts the task takes
    1: "a warm and funny film, though it takes its time",
    2: ("The company opened its third factory in Spain last year.", "The company has a factory in Spain."),
    None: "The game was released in Japan in 2011 . It was the third title of the series",
}
_ARRAY_SAMPLES = 4  # random ones, where no arrays are given


@dataclass(frozen=True, eq=False)
class Given:
    """What the user named: a text (or a pair), data to count on, and how many examples of it. split: of a task's files.

    where: the program, in messages.
    """

    text: Text | None = None
    data: str | None = None
    split: str = "dev"
    limit: int | None = None
    where: Path | str = "the program"


@dataclass(frozen=True, eq=False)
class Played:
    """raster: of one text. activity: counts of all texts, `lengths` tokens each (of arrays: none); source: which they are, in words.

    scored: the task's metrics, where the texts have labels.
    """

    raster: Raster
    activity: Activity
    lengths: NDArray[np.int64]
    source: str
    scored: Evaluation | None = None


def of_texts(program: Program, given: Given) -> Played:
    """Raises `DataError`, and `InputError` for texts that are not of the program's kind."""
    encoder = Encoder(program)
    task, examples = _examples(program, given)
    tokens, own = _drawn_tokens(encoder, given, examples)
    raster = _text_raster(encoder, tokens, own)
    if examples:
        scored = evaluate(encoder, task, examples, DEFAULT, How(count=True))
        activity, lengths = scored.answers.activity, scored.answers.lengths
        source = f"{len(examples):,} examples of {program.host.task}'s {given.split} set"
    else:
        scored, (activity, lengths) = None, _counted(encoder, _file_tokens(encoder, given) or [tokens])
        source = f"{int(lengths.sum()):,} tokens of {Path(given.data).name}" if given.data is not None else "the text that is drawn"
    assert activity is not None, "it was asked for"
    return Played(raster, activity, lengths, source, scored)


def of_arrays(program: ArrayProgram, given: Given) -> Played:
    """Raises `FileError`, `InputError`."""
    if given.text is not None:
        raise InputError("--text: this program knows no texts", "--data X.npy, (samples, steps, ...) of 0 and 1")
    found = (
        random_arrays.random(program.scheduled, _ARRAY_SAMPLES, 0) if given.data is None else array_files.read(Path(given.data), program.scheduled)
    )
    found = {name: array[: given.limit] for name, array in found.items()}
    samples = len(next(iter(found.values())))
    one, all_of_them = inputs(program.scheduled, {name: array[:1] for name, array in found.items()}), inputs(program.scheduled, found)
    engine, shown = executor(DEFAULT).prepare(program.scheduled, How()), _shown(program)
    spikes = engine.run(one, Ask(record=[p.name for p in shown])).spikes
    activity = engine.run(all_of_them, Ask(count=True)).activity
    assert spikes is not None and activity is not None, "they were asked for"
    source = f"{samples} samples of " + ("random spikes" if given.data is None else Path(given.data).name)
    return Played(_array_raster(program, shown, spikes, source), activity, np.zeros(0, np.int64), source)


def _examples(program: Program, given: Given) -> tuple[Task, list[Example]]:
    """(the program's task, its examples where `given` has any)."""
    host = program.host
    if given.data is None or program.each:
        return labelled.of_labels(host.task, host.labels), []
    task, data = labelled.of_program(host.task, host.labels, given.data, given.where)
    return task, dataset.read(task, data, given.split, given.limit)


def _counted(encoder: Encoder, tokens: list[Tokens]) -> tuple[Activity | None, NDArray[np.int64]]:
    """Counts at the compiled length, and the tokens of each text."""
    found = batches.run(encoder.program, encoder.rows(tokens), DEFAULT, ask=Ask(count=True))
    return found.activity, found.lengths


def _file_tokens(encoder: Encoder, given: Given) -> list[Tokens]:
    """Of a language model's text file."""
    if given.data is None:
        return []
    return (file_start if encoder.program.flows else file_windows)(encoder, Path(given.data), given.limit)


def _drawn_tokens(encoder: Encoder, given: Given, examples: list[Example]) -> tuple[Tokens, str]:
    """(the first tokens of the text that is drawn, which text it is in words)."""
    program = encoder.program
    if given.text is None and given.data is not None and program.each:
        (ids, segments), own = _file_tokens(encoder, given)[0], f"the beginning of {Path(given.data).name}"
    else:
        text = given.text if given.text is not None else examples[0].text if examples else _OURS[labelled.texts_of(program.host.task)]
        own = "the text that was asked for" if given.text is not None else "the first example" if examples else "a text of ours, for none was given"
        ((ids, segments),) = encoder.tokens([text])
    return (ids[:MOST_COLUMNS], segments[:MOST_COLUMNS]), own + (f", its first {MOST_COLUMNS} tokens" if len(ids) > MOST_COLUMNS else "")


def _text_raster(encoder: Encoder, tokens: Tokens, own: str) -> Raster:
    """On the program cut to the text's length, which changes no spike."""
    whole, length = encoder.program, len(tokens[0])
    program = whole if whole.flows else batches.at_length(whole, length)
    shown = _shown(program)
    rows = encoder.rows([tokens]) if whole.flows else encoder.rows([tokens], length)
    found = batches.run(program, rows, DEFAULT, ask=Ask(record=[p.name for p in shown])).spikes
    assert found is not None, "it was asked for"
    place = (lambda p, s: s[:length].transpose(1, 2, 0)) if whole.flows else _by_position  # a slot is filled up with padding
    bands = tuple(_band(program.scheduled, p, program.scheduled.latency[p.name], place(p, found[p.name])) for p in shown)
    words = tuple(_piece(encoder, n) for n in tokens[0])
    period = program.scheduled.timing.period
    sentence = f"{own[0].upper()}{own[1:]}. {_columns('token')} {period} steps" + (" that each token takes" if whole.flows else "")
    return Raster(f"{sentence}; a population sees them as many steps later as it lies behind the host.", words, period, bands)


def _columns(name: str) -> str:
    return f"A column is a {name}, a row a neuron; it stands out the more, the more often it spikes in the"


def _piece(encoder: Encoder, number: int) -> str:
    """A token as it is called in the vocabulary, or as it reads."""
    text = encoder.tokenizer.decode([number], skip_special_tokens=False)
    return text.strip() or repr(text or encoder.tokenizer.names.get(number, number))


def _array_raster(program: ArrayProgram, shown: list[Population], spikes: dict[str, Bools], source: str) -> Raster:
    """Of the first sample: a column a step, each population as late as it is."""
    latency = program.scheduled.latency
    deepest = max((latency[p.name] for p in shown), default=0)
    bands = []
    for p in shown:
        steps = spikes[p.name].reshape(-1, p.size).T
        late = np.pad(steps, ((0, 0), (latency[p.name], deepest - latency[p.name])))[:, :MOST_COLUMNS]
        bands.append(_band(program.scheduled, p, 0, late[None]))
    columns = tuple(str(n + 1) for n in range(bands[0].spikes.shape[2])) if bands else ()
    return Raster(f"The first sample of {source}. A column is a step, a row a neuron, marked where it spikes.", columns, 1, tuple(bands))


def _shown(program: Program | ArrayProgram) -> list[Population]:
    """What the host plays and neurons with a rule of their own, in the order in which spikes reach them."""
    told = told_by_timing(program.network)
    own = [p for p in program.network.populations if p.name not in told and kind(program.scheduled, p) in (HOST, LIF)]
    return sorted(own, key=lambda p: program.scheduled.latency[p.name])[:_MOST_BANDS]


def told_by_timing(network: Network) -> set[str]:
    """Populations that a host plays whatever is read: they say where padding is, or which steps a token has."""
    return {port.population for port in network.ports if port.plays in (PADDING, *TIMED)}


def _by_position(p: Population, spikes: Bools) -> Bools:
    """(1, steps, neurons) of one text -> (steps, rows, positions); cells that no neuron has, as of causal pairs, are silent."""
    at, extents = grids.coordinates(p.grid), grids.extents(p.grid)
    growing = next((side.name for side in grids.sides(p.grid) if side.grows), None)
    column = at[growing] if growing else np.zeros(p.size, np.int64)
    row, rows = _rest(at, {name: size for name, size in extents.items() if name != growing}, p.size)
    out = np.zeros((spikes.shape[1], rows, extents[growing] if growing else 1), np.bool_)
    out[:, row, column] = spikes[0]
    return out


def _rest(at: grids.Coordinates, extents: dict[str, int], neurons: int) -> tuple[Index, int]:
    """(a number for each neuron by its other coordinates, how many numbers there are)."""
    row, rows = np.zeros(neurons, np.int64), 1
    for name, size in extents.items():
        row, rows = row * size + at[name], rows * size
    return row, rows


def _band(program: Scheduled, p: Population, latency: int, spikes: Bools) -> Band:
    """spikes: (frames, rows, columns) of all neurons."""
    rows = spikes.shape[1]
    some = np.unique(np.linspace(0, rows - 1, min(rows, _MOST_ROWS)).astype(int))
    return Band(p.name, p.size, latency, spikes[:, some], tuple(int(n) for n in spikes.sum((1, 2))), _lasting(program, p))


def _lasting(program: Scheduled, p: Population) -> str:
    """For how many tokens its currents last, where neurons differ in that: the memory of a stream."""
    kept = np.unique(numbers(p.neuron.keep_u)) if p.neuron is not None else np.zeros(0)
    if len(kept) < 2 or not 0 < kept.min() <= kept.max() < arith.KEEP_ALL:
        return ""
    shortest, longest = (-1 / np.log(keep / arith.KEEP_ALL) / program.timing.period for keep in (kept.min(), kept.max()))
    return f"which remember for {shortest:.0f} (first) to {longest:.0f} (last) tokens"
