"""A lowered QONNX file beside an evaluation of it, and what a file is refused for."""

from __future__ import annotations

import numpy as np
import pytest

from tritspike.compiler.errors import CompileError
from tritspike.compiler.frontend.qonnx.lowering import build, evaluate
from tritspike.compiler.lower import lower_network
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import arrays


def compared(found, samples=500, executors=("fast", "reference"), seed=0, wide=1.5) -> int:
    """The head's integers and the logits; how many different integers there were."""
    x = np.random.default_rng(seed).uniform(-wide, wide, (samples, *found.graph.shape[1:])).astype(np.float32)
    program, last = lower_network(found.network, found.timing), found.products[-1]
    theirs = evaluate(found.graph, x, last.op.gives)
    for executor in executors:
        ours = arrays.run(program, found.encode(x), executor, How()).read["head"]
        assert (found.sums(ours) * last.unit * last.gain == theirs.reshape(len(x), -1)).all() and (
            found.logits(ours) == evaluate(found.graph, x)
        ).all()
    return len(np.unique(theirs))


def refusal(path, error=CompileError) -> str:
    with pytest.raises(error) as found:
        build(path)
    return str(found.value)
