"""The main job from end to end: `python -m compiler.demo CKPT`. Lower, look, classify on two executors, compare every spike, score."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.table import Table

from tritspike.compiler.lower import lower
from tritspike.runtime.cli import console, run_command
from tritspike.runtime.command_line import main as run_one
from tritspike.runtime.commands.table import COMMANDS
from tritspike.runtime.errors import ExecutorError
from tritspike.runtime.executors.lava import stock
from tritspike.runtime.executors.table import DEFAULT, ELSEWHERE, ORACLE
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.batches import at_length, run
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.program import Program, Result
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask

_REVIEWS = (
    "a warm , funny and beautifully acted film that stays with you",
    "the plot makes no sense and the jokes fall flat",
    "i laughed until it hurt",
    "an overlong , tedious mess",
    "the cast is wonderful and the script is sharp",
    "i wanted my money back after twenty minutes",
    "a small gem : honest , moving and full of life",
    "not even the stunning scenery can save this lifeless bore",
    "one of the best pictures of the year",
    "bad acting , bad writing , bad everything",
    "it is clever , it is tense and it never lets go",
    "a dull sequel nobody asked for",
)


def main(argv: list[str]) -> int:
    """The command; 1 where executors differ (as a `MismatchError`)."""
    checkpoint, out = Path(argv[0]), Path(argv[1]) if len(argv) > 1 else Path("out")
    out.mkdir(exist_ok=True)
    path = out / f"{checkpoint.name}.tsp"
    program_file.save(lower(checkpoint, "loihi2"), path)
    program = program_file.load(path)
    run_one(COMMANDS, "demo", ["inspect", str(path)])
    _both(program)
    if "GLUE_DIR" in os.environ:
        return run_one(COMMANDS, "demo", ["glue", str(path), "--task", program.host.task, "--data", os.environ["GLUE_DIR"]])
    console().print("set GLUE_DIR to a folder in the GLUE layout to score the dev set too")
    return 0


def _both(program: Program) -> None:
    """The reviews on the fast simulator and on stock Lava, side by side, and every spike compared; on the reference where Lava is not here."""
    beside = _beside()
    encoder = Encoder(program)
    tokens = encoder.tokens(_REVIEWS)
    length = max(len(ids) for ids, _ in tokens)
    short, rows = at_length(program, length), encoder.rows(tokens, length)
    console().print(f"classifying {len(rows)} reviews on {DEFAULT} and on {beside} ({short.neurons():,} neurons at {length} tokens) ...")
    ours, other = (run(short, rows, name, ask=Ask(record=True)) for name in (DEFAULT, beside))
    console().print(_answers(short, ours, other, beside))
    cells = require_equal(short, ours, other, (DEFAULT, beside))
    console().print(f"every spike equal: {DEFAULT} == {beside} in {len(short.network.populations)} populations, {cells:,} (neuron, step) cells")


def _beside() -> str:
    """The executor to compare with; tells what is missing where that is not Lava."""
    try:
        stock.require_here()
    except ExecutorError as error:
        console().print(f"missing: {error}; comparing with the {ORACLE} simulator instead", soft_wrap=True)
        return ORACLE
    return ELSEWHERE


def _answers(program: Program, fast: Result, other: Result, beside: str) -> Table:
    table = Table(title="12 reviews")
    for column in ("review", "fast", beside, "logits fast", f"logits {beside}"):
        table.add_column(column, justify="left" if column == "review" else "right")
    sides = [(found.logits, program.guesses(found.logits, found.lengths)) for found in (fast, other)]
    for n, text in enumerate(_REVIEWS):
        labels = (program.host.labels[int(guesses[n])] for _, guesses in sides)
        table.add_row(text, *labels, *(str(logits[n].tolist()) for logits, _ in sides))
    return table


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m compiler.demo CKPT [OUT_DIR]")
    run_command(main)
