"""Running a side: a program here, on the fast simulator; whatever needs torch in a child process, `python -m models.predict`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tritspike.runtime import install
from tritspike.runtime.errors import SourceError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.batches import Answers
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.host.told import told_warnings
from tritspike.runtime.kept import keep
from tritspike.runtime.network.network import Network, Population
from tritspike.runtime.network.neuron import numbers
from tritspike.runtime.network.rows import PADDING
from tritspike.runtime.tables import LIF, READOUT, kind
from tritspike.runtime.tasks import operations
from tritspike.runtime.tasks.spike_rates import spike_counts
from tritspike.runtime.tasks.versus import side as side_file
from tritspike.runtime.tasks.versus.side import Side
from tritspike.runtime.tasks.versus.sources import PROGRAM, Asked, digest, files_of, kind_of

_ROOT = Path(__file__).absolute().parents[3]  # where `tritspike` is
_MODULE = "tritspike.models.predict"


def run(source: Path, asked: Asked) -> Side:
    """Answer every example, by a source that is `sources.require_answerable`."""
    return run_program(source, asked) if kind_of(source) == PROGRAM else run_child(source, asked)


def run_program(source: Path, asked: Asked) -> Side:
    """On the fast simulator, every spike and synaptic event counted."""
    files = tuple(digest(path) for path in files_of(source))
    encoder = Encoder(program_file.load(source))
    program = encoder.program
    with told_warnings():
        answers = batches.answer(encoder, [e.text for e in asked.examples], DEFAULT, How(count=True))
    assert answers.activity is not None
    spikes, apart = spike_counts(program, answers.activity, answers.lengths)
    return Side(
        source=str(source),
        kind=PROGRAM,
        files=files,
        parameters=parameters(program),
        guesses=program.guesses(answers.logits, answers.lengths),
        logits=answers.logits,
        tokens=answers.lengths,
        spikes=spikes,
        apart=apart,
        operations=operations.program_operations(program, answers.activity),
        same_size=_same_size(program, answers),
    )


def _same_size(program: Program, answers: Answers) -> operations.Operations | None:
    """Of a float model of its widths; None where its axes do not tell them."""
    rival = operations.same_size(program)
    return None if rival is None else operations.float_operations(rival, answers.lengths.tolist())


def parameters(program: Program) -> int:
    """Learned numbers, as the checkpoint has them: tables, codes, gains, biases, one weight a score, context or skip, and the logits' scale."""
    front, network = program.host.front, program.network
    total = sum(a.size for a in (front.token, front.position, front.segment, front.projection, front.bias, program.host.class_bias)) + 1
    learned = [p for p in network.populations if kind(program.scheduled, p) in (LIF, READOUT)]  # not a mask's, a relay's or a coincidence's
    return total + sum(_learned(program, p) for p in learned)


def _learned(program: Program, p: Population) -> int:
    """Biases, codes, and a gain a neuron, however many matrices it hears; a pooled readout has none."""
    assert p.neuron is not None
    masks = {port.population for port in program.network.ports if port.plays == PADDING}
    held = [s.wiring.learned for s in program.network.inputs(p.name) if _repeated(program.network, s.source) not in masks]
    gains = max((gains for _, gains in held), default=0) if p is not program.answering or program.each else 0
    return sum(codes for codes, _ in held) + gains + (0 if p.neuron.bias is None else numbers(p.neuron.bias.mantissa).size)


def _repeated(network: Network, name: str) -> str:
    """The population whose spikes these are, through however many relays."""
    heard = facts.repeats(network, network.by_name[name])
    return name if heard is None else _repeated(network, heard)


def run_child(source: Path, asked: Asked) -> Side:
    """Raises `SourceError` with the child's own line."""
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with keep("tritspike-compare-", os.environ | {"PYTHONPATH": path}, SourceError) as kept:
        out = kept.folder / "side.safetensors"
        options = ["--task", asked.task.word, "--data", asked.data, "--split", asked.split, "--out", str(out)]
        options += [] if asked.limit is None else ["--limit", str(asked.limit)]
        code = kept.run([sys.executable, "-m", _MODULE, str(source), *options])
        if code:
            raise _failure(source, code, kept.last_line() or "nothing on stderr")
        return side_file.load(out)


def _failure(source: Path, code: int, last: str) -> SourceError:
    if last.startswith("error: "):
        return SourceError(last.removeprefix("error: "))
    if "No module named" in last:
        return SourceError(f"{source}: needs torch to run, which is not here: {last}", f"{install.command('train')}, or compile it and give the .tsp")
    return SourceError(f"{source}: {_MODULE} ended with {code}: {last}")
