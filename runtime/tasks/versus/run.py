"""Running a side: a program, and what can be lowered to one, here on the fast simulator; whatever needs torch in a child process,
`python -m models.predict`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tritspike.runtime.children import children, run_module
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.fast import facts
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.batches import Answers
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.host.told import told_warnings
from tritspike.runtime.network.network import Network, Population
from tritspike.runtime.network.neuron import numbers
from tritspike.runtime.network.rows import PADDING
from tritspike.runtime.tables import LIF, READOUT, kind
from tritspike.runtime.tasks import operations
from tritspike.runtime.tasks.spike_rates import spike_counts
from tritspike.runtime.tasks.versus import side as side_file
from tritspike.runtime.tasks.versus.side import Side
from tritspike.runtime.tasks.versus.sources import CHECKPOINT, PROGRAM, Asked, digest, files_of, kind_of

_MODULE = "tritspike.models.predict"


def run(source: Path, asked: Asked, lower: Callable[[Path], Program] | None = None) -> Side:
    """Answer every example, by a source that is `sources.require_answerable`. lower: the program of a checkpoint's folder; where nothing
    lowers one, torch's integers answer as its program would, and no events are counted."""
    kind = kind_of(source)
    if kind == PROGRAM or (kind == CHECKPOINT and lower is not None):
        return run_program(source, asked, program_file.load if kind == PROGRAM or lower is None else lower)
    return run_child(source, asked)


def run_program(source: Path, asked: Asked, load: Callable[[Path], Program] = program_file.load) -> Side:
    """On the fast simulator, every spike and synaptic event counted."""
    files = tuple(digest(path) for path in files_of(source))
    encoder = Encoder(load(source))
    program = encoder.program
    with told_warnings():
        answers = batches.answer(encoder, [e.text for e in asked.examples], DEFAULT, How(count=True))
    assert answers.activity is not None
    spikes, apart = spike_counts(program, answers.activity, answers.lengths)
    return Side(
        source=str(source),
        kind=kind_of(source),
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
    with children("tritspike-compare-") as kept:
        out = kept.folder / "side.safetensors"
        options = ["--task", asked.task.word, "--data", asked.data, "--split", asked.split, "--out", str(out)]
        options += [] if asked.limit is None else ["--limit", str(asked.limit)]
        run_module(kept, source, _MODULE, [str(source), *options])
        return side_file.load(out)
