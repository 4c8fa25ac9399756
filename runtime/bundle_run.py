"""The script of a bundle (`runtime/bundle.py`): check that nothing was altered, run, compare. `python run.py [--board [--adapter-steps N]]`."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def altered() -> str | None:
    """The first file that is missing, added to the packages or not what the manifest says; None where all is as it was packed."""
    manifest = json.loads((HERE / "MANIFEST.json").read_text())
    for name, digest in sorted(manifest.items()):
        path = HERE / name
        if not path.is_file():
            return f"{name}: missing"
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            return f"{name}: altered"
    extra = [p.relative_to(HERE).as_posix() for folder in ("runtime", "hw_profiles") for p in (HERE / folder).rglob("*.py")]
    return next((f"{name}: not part of the bundle" for name in sorted(extra) if name not in manifest), None)


def main(argv: list[str]) -> int:
    """0 where all spikes are equal, 1 with one line where not or where the bundle was altered."""
    parser = argparse.ArgumentParser(description="Run a carried program and compare its spikes.")
    parser.add_argument("--board", action="store_true", help="on a board with Intel's extension, instead of Lava's CPU simulator")
    parser.add_argument("--adapter-steps", type=int, default=1, help="steps that a host-chip adapter takes (default: 1)")
    o = parser.parse_args(argv)
    try:
        found = altered()
    except (OSError, ValueError, AttributeError) as error:
        found = f"MANIFEST.json: unreadable: {error}"
    if found:
        print(f"error: {found} (hint: unpack the bundle again)", file=sys.stderr)
        return 1
    return run(o.board, o.adapter_steps)


def run(board: bool, adapter_steps: int) -> int:
    """Run and compare, with the packages that came in the bundle."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(HERE))
    from hw_profiles.errors import TritspikeError

    try:
        print(_on_board(adapter_steps) if board else _on_cpu(), flush=True)
    except TritspikeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _on_cpu() -> str:
    from runtime import compare
    from runtime.lava import executor

    program, samples, expected = _load()
    cells = compare.require_equal(program, expected, executor.run(program, samples, record=True), ("expected", "lava"))
    return f"equal: Lava's CPU simulator gives the expected spikes on {len(samples)} samples, {cells:,} (neuron, step) cells"


def _on_board(adapter_steps: int) -> str:
    from runtime.lava import TIME_LIMIT, on_board

    program, samples, expected = _load()
    got = on_board.run(program, samples, adapter_steps, TIME_LIMIT)
    cells = on_board.require_equal(program, expected, got, ("expected", "board"))
    return f"equal: the board gives the expected spikes on {len(samples)} samples, {cells:,} (neuron, step) cells of the last layer"


def _load():  # type: ignore[no-untyped-def]  # noqa: ANN202
    """(program, samples, expected result)."""
    import numpy as np

    from runtime import program_file
    from runtime.files import read_tensors
    from runtime.program import Result, Samples

    program = program_file.load(HERE / "program.tsp")
    inputs, _ = read_tensors(HERE / "samples.safetensors")
    x = np.unpackbits(inputs["x"], axis=-1, count=program.size(program.by_name["x"])).astype(np.bool_)
    x = x.reshape(*x.shape[:2], program.dims.positions, program.dims.hidden)
    arrays, _ = read_tensors(HERE / "expected.safetensors")
    read = arrays.pop("read")
    expected = Result(program, inputs["lengths"], read, {name.removeprefix("spikes."): bits for name, bits in arrays.items()})
    return program, Samples.of(x, inputs["lengths"]), expected


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
