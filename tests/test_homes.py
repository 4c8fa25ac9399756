"""Where one thing lives: over the syntax trees, who may name a wiring class, compare an executor's name, or know a register's limit."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from test_structure import FILES, tree

from tritspike.runtime.executors.table import EXECUTORS
from tritspike.runtime.network.wiring import Dense, Join, Sparse

WIRINGS = {kind.__name__ for kind in (Dense, Join, Sparse)}
OURS = "tritspike.runtime.network.wiring"
NAMED = (
    "runtime/network/wiring/",  # where they are defined
    "runtime/network/terms.py",  # written,
    "runtime/network/writing.py",  # stored
    "runtime/network/reading.py",
    "runtime/host/version2.py",
    "models/nets/fill.py",
    "runtime/executors/fast/",  # and matched by rules
)
TABLE = "runtime/executors/table.py"
ARITH = "runtime/arith.py"
NUMBERS = {4095, (1 << 17) - 1, 1 << 17, (1 << 23) - 1}
ALSO = {  # named, pinned copies, and numbers that only look like limits
    (4095, "runtime/executors/lava/plan.py"),  # the most that 12 bits of a decay hold, which is Lava's
    (4095, "runtime/simulator/timelines.py"),
    (4095, "runtime/simulator/kernels.py"),  # a truncation's mask, in compiled code
}


def _names_wirings(file: str) -> bool:
    imported = [node for node in ast.walk(tree(file)) if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OURS)]
    return any(alias.name in WIRINGS for node in imported for alias in node.names)


def test_wiring_classes_are_named_only_where_they_are_defined_stored_and_matched():
    found = [file for file in FILES if _names_wirings(file)]
    assert [file for file in found if not file.startswith(NAMED)] == []
    assert all(any(file.startswith(place) for file in found) for place in NAMED), "a place that names none"


def _compared(source: ast.Module) -> Iterator[str]:
    """Texts that code compares something with, looks an executor up by, or matches."""
    for node in ast.walk(source):
        sides: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        if isinstance(node, ast.Subscript) and "EXECUTORS" in ast.unparse(node.value):
            sides = [node.slice]
        if isinstance(node, ast.MatchValue):
            sides = [node.value]
        for side in sides:
            yield from (part.value for part in ast.walk(side) if isinstance(part, ast.Constant) and isinstance(part.value, str))


@pytest.mark.parametrize("file", [file for file in FILES if file != TABLE])
def test_no_executor_s_name_is_compared(file):
    assert not set(_compared(tree(file))) & EXECUTORS.keys()


def test_names_are_seen_however_they_are_compared():
    source = 'if name == "fast": EXECUTORS["lava"]\nif name in ("reference", "onnx", other): pass\nmatch name:\n    case "partitioned": pass\n'
    assert set(_compared(ast.parse(source))) == EXECUTORS.keys()


def _value(node: ast.expr) -> int | None:
    """Of a whole number, or a difference or shift of two."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.LShift | ast.Sub):
        return None
    left, right = _value(node.left), _value(node.right)
    if left is None or right is None or not 0 <= right < 64:
        return None
    return left << right if isinstance(node.op, ast.LShift) else left - right


def test_a_register_s_limit_is_written_once():
    found = {(_value(node), file) for file in FILES for node in ast.walk(tree(file)) if isinstance(node, ast.expr)}
    assert {(number, file) for number, file in found if number in NUMBERS and file != ARITH} - ALSO == set()
    assert {number for number, file in found if file == ARITH} >= NUMBERS
