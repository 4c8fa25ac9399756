"""Whether what was trained is what the program computes: torch's integer mode beside the fast simulator on a task's dev set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tritspike.models.data import Corpus, pack
from tritspike.models.export import answer_of
from tritspike.models.flow import Flow
from tritspike.models.load import load
from tritspike.models.nets import outcome
from tritspike.models.nets.language import Head
from tritspike.models.nets.packing import Batch
from tritspike.models.nets.texts import Verdict
from tritspike.models.spiking_bert import SpikingEncoder
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.batches import at_length, run
from tritspike.runtime.host.program import Program, Result
from tritspike.runtime.host.text import Encoder, Tokens
from tritspike.runtime.network.outcome import Ask, Outcome
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.network.sequences import Sequences
from tritspike.runtime.tasks import dataset, labelled
from tritspike.runtime.tasks.sampling import file_start, file_windows

_BATCH = 16


@dataclass(frozen=True)
class Equality:
    """How many sentences agree, by `==`, on all of the last layer's spikes and on all logits. unit: what is counted, of a stream tokens."""

    sentences: int
    spikes_equal: int
    logits_equal: int
    unit: str = "sentences"

    @property
    def all_equal(self) -> bool:
        """Every sentence on both."""
        return self.sentences == self.spikes_equal == self.logits_equal

    def __str__(self) -> str:
        return f"last-layer spikes equal on {self.spikes_equal} of {self.sentences} {self.unit}, logits on {self.logits_equal} of {self.sentences}"


@torch.no_grad()
def compare(checkpoint: Path, program_path: Path, data: str, limit: int | None = None) -> Equality:
    """Count agreement over the dev set of the program's task; for a language model over whole windows of a text file, 64 where no limit is given.

    Of a language model through which tokens flow over the first `limit` tokens of a text file, as one text.
    """
    program, student = program_file.load(program_path), load(checkpoint)
    if program.flows:
        return _flowing(student, program, Path(data), limit)
    encoder = Encoder(program)
    tokens = file_windows(encoder, Path(data), limit) if program.each else _dev_set(encoder, data, limit)
    order = sorted(range(len(tokens)), key=lambda n: len(tokens[n][0]))
    spikes = logits = 0
    for at in range(0, len(order), _BATCH):
        chosen = [tokens[n] for n in order[at : at + _BATCH]]
        length = len(chosen[-1][0])
        short = at_length(program, length)
        expected = run(short, encoder.rows(chosen, length), DEFAULT, ask=Ask(record=[short.last.name]))
        found = _agreement(student, short, _corpus(chosen), expected)
        spikes, logits = spikes + found[0], logits + found[1]
    return Equality(len(tokens), spikes, logits)


def _flowing(student: Flow, program: Program, data: Path, limit: int | None) -> Equality:
    encoder = Encoder(program)
    if program.each:
        tokens = file_start(encoder, data, limit)
        return _streamed(student, program, encoder, tokens)
    tokens = _dev_set(encoder, str(data), limit)
    found = [_sequences(student, program, encoder, tokens[at : at + _BATCH]) for at in range(0, len(tokens), _BATCH)]
    return Equality(len(tokens), sum(spikes for spikes, _ in found), sum(logits for _, logits in found))


def _streamed(student: Flow, program: Program, encoder: Encoder, tokens: list[Tokens]) -> Equality:
    rows = encoder.rows(tokens)
    expected = run(program, rows, DEFAULT, ask=Ask(record=[program.last.name]))
    _, ours = outcome(student, torch.tensor([tokens[0][0]]))
    logits = _head(student).of_counts(torch.from_numpy(ours.read[program.probe.name]))
    spikes = _same_spikes(program, rows, ours, expected)
    return Equality(len(spikes), int(spikes.sum()), int((logits.numpy() == expected.logits).all(1).sum()), "tokens")


def _sequences(student: Flow, program: Program, encoder: Encoder, tokens: list[Tokens]) -> tuple[int, int]:
    """(sequences with equal last-layer spikes, with equal logits)."""
    rows = encoder.rows(tokens)
    expected = run(program, rows, DEFAULT, ask=Ask(record=[program.last.name]))
    _, ours = outcome(student, pack(_corpus(tokens), range(len(tokens))))
    ends = np.cumsum(expected.lengths)
    bias = _verdict(student).integer_bias(program.steps).detach().long().numpy()
    logits = ours.read[program.probe.name][ends - 1] + expected.lengths[:, None] * bias
    spikes = np.logical_and.reduceat(_same_spikes(program, rows, ours, expected), ends - expected.lengths)
    return int(spikes.sum()), int((logits == expected.logits).all(1).sum())


def _same_spikes(program: Program, rows: Rows | Sequences, ours: Outcome, expected: Result) -> np.ndarray:
    """(tokens,): whether the last layer's spikes are those."""
    assert ours.spikes is not None and expected.spikes is not None and isinstance(rows, Sequences)
    found: np.ndarray = (ours.spikes[program.last.name] == expected.spikes[program.last.name][rows.real]).all((1, 2))
    return found


def _head(student: Flow) -> Head:
    assert isinstance(student.answer, Head)
    return student.answer


def _verdict(student: Flow) -> Verdict:
    assert isinstance(student.answer, Verdict)
    return student.answer


def _dev_set(encoder: Encoder, data: str, limit: int | None) -> list[Tokens]:
    host = encoder.program.host
    examples = dataset.read(*labelled.of_program(host.task, host.labels, data, "the program"), "dev", limit)
    return encoder.tokens([e.text for e in examples])


def _corpus(tokens: list[tuple[list[int], list[int]]]) -> Corpus:
    starts = np.cumsum([0, *(len(ids) for ids, _ in tokens)])
    return Corpus(np.concatenate([ids for ids, _ in tokens]), np.concatenate([s for _, s in tokens]), starts)


def _agreement(student: SpikingEncoder, program: Program, corpus: Corpus, expected: Result) -> tuple[int, int]:
    """(sentences with equal last-layer spikes, with equal logits) in one batch."""
    batch = pack(corpus, range(len(corpus)))
    last = student.encoded(batch)
    theirs = _last_layer(program, expected, batch)
    wrong = np.unique(batch.sentence.numpy()[(last.tensor.float().numpy().swapaxes(0, 1) != theirs).any((1, 2))])
    same = (answer_of(student).exact(last).numpy() == expected.logits).all(1)
    rows = batch.sentence.numpy() if program.each else np.arange(len(corpus))
    return len(corpus) - len(wrong), len(corpus) - len(np.unique(rows[~same]))


def _last_layer(program: Program, expected: Result, batch: Batch) -> np.ndarray:
    """(tokens, T, hidden) of the population that the readout hears."""
    assert expected.spikes is not None
    spikes = expected.spikes[program.last.name]
    grid = spikes.reshape(*spikes.shape[:2], program.positions, -1)
    return np.asarray(grid[batch.sentence.numpy(), :, batch.positions.numpy()])
