"""The script of a bundle (`runtime/bundle.py`): check that nothing was altered, run, compare. `python run.py [--board [--adapter-steps N]]`.

Nothing of the bundle's folder is imported before the check, and afterwards its package only.
"""

import sys

if __name__ == "__main__":
    # Python puts the script's folder first: a json.py that somebody laid there would be imported instead of Python's own, and run
    _folder = __file__.rpartition("/")[0]
    sys.path[:] = [entry for entry in sys.path if entry.rstrip("/") not in ("", ".", _folder)]

import argparse
import hashlib
import json
import os
from importlib.machinery import PathFinder
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ("tritspike",)
MANIFEST = "MANIFEST.json"
_CODE = (".py", ".pyc", ".so", ".pyd", ".zip")


class Carried:
    """An import hook that finds the package that came in the bundle, and nothing else in its folder."""

    @staticmethod
    def find_spec(name, path=None, target=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205
        """Where a package is; None for any other name."""
        return PathFinder.find_spec(name, [str(HERE)]) if name in PACKAGES else None


def altered() -> "str | None":
    """The first file that is missing, added or not what the manifest says; None where all is as it was packed."""
    manifest = json.loads((HERE / MANIFEST).read_text())
    for name, digest in sorted(manifest.items()):
        path = HERE / name
        if (path.is_absolute() and HERE not in path.parents) or ".." in path.parts:
            return f"{MANIFEST}: names {name!r}, which is outside"
        if not path.is_file():
            return f"{name}: missing"
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            return f"{name}: altered"
    return next((f"{name}: not part of the bundle" for name in sorted(importable()) if name not in manifest), None)


def importable() -> "list[str]":
    """What is in the packages; and beside them what Python, or a process that it starts, could take for a module."""
    inside = [p for package in PACKAGES for p in (HERE / package).rglob("*") if not p.is_dir() or p.is_symlink()]
    beside = [p for p in HERE.iterdir() if p.suffix in _CODE or any(p.glob("__init__.*"))]
    return [p.relative_to(HERE).as_posix() for p in [*inside, *beside] if p.name not in PACKAGES]


def main(argv: list[str]) -> int:
    """0 where all spikes are equal, 1 with one line where not or where the bundle was altered."""
    parser = argparse.ArgumentParser(description="Run a carried program and compare its spikes.")
    parser.add_argument("--board", action="store_true", help="on a board with Intel's extension, instead of Lava's CPU simulator")
    parser.add_argument("--adapter-steps", type=int, default=1, help="steps that a host-chip adapter takes (default: 1)")
    o = parser.parse_args(argv)
    try:
        found = altered()
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        found = f"{MANIFEST}: unreadable: {error}"
    if found:
        print(f"error: {found} (hint: unpack the bundle again, into an empty folder)", file=sys.stderr)
        return 1
    return run(o.board, o.adapter_steps)


def run(board: bool, adapter_steps: int) -> int:
    """Run and compare, with the package that came in the bundle."""
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # for processes that are started: what they wrote would be no part of the bundle
    sys.meta_path.insert(0, Carried)
    from tritspike.hw_profiles.errors import TritspikeError

    try:
        print(_on_board(adapter_steps) if board else _on_cpu(), flush=True)
    except TritspikeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _on_cpu() -> str:
    from tritspike.runtime.executors.lava import executor
    from tritspike.runtime.host import compare

    program, rows, expected = _load()
    got = program.result(rows, executor.run(program.scheduled, rows, record=True))
    cells = compare.require_equal(program, expected, got, ("expected", "lava"))
    return f"equal: Lava's CPU simulator gives the expected spikes on {len(rows)} samples, {cells:,} (neuron, step) cells"


def _on_board(adapter_steps: int) -> str:
    from tritspike.runtime.executors.lava import TIME_LIMIT, on_board

    program, rows, expected = _load()
    got = on_board.run(program, rows, adapter_steps, TIME_LIMIT)
    cells = on_board.require_equal(program, expected, got, ("expected", "board"))
    return f"equal: the board gives the expected spikes on {len(rows)} samples, {cells:,} (neuron, step) cells of the last layer"


def _load():  # type: ignore[no-untyped-def]  # noqa: ANN202
    """(program, rows, expected result)."""
    import numpy as np

    from tritspike.runtime.files import read_tensors
    from tritspike.runtime.host import file as program_file
    from tritspike.runtime.host.program import TOKENS, Result
    from tritspike.runtime.network.rows import Rows

    program = program_file.load(HERE / "program.tsp")
    inputs, _ = read_tensors(HERE / "samples.safetensors")
    arrays, _ = read_tensors(HERE / "expected.safetensors")
    read = arrays.pop("read")
    named = {name.removeprefix("spikes."): bits for name, bits in arrays.items()}
    spikes = {name: np.unpackbits(bits, axis=-1, count=program.network.by_name[name].size).astype(np.bool_) for name, bits in named.items()}
    return program, Rows({TOKENS: inputs[TOKENS]}, inputs["lengths"], program.positions), Result(program, inputs["lengths"], read, spikes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
