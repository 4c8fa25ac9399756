"""The benchmark beside stock Lava: steps by the child's own clock, processor time of all of its processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest
import random_checkpoint
from agreement import found
from command import ROOT

from tritspike.compiler.lower import lower
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.host.text import Encoder


@pytest.fixture()
def beside_lava(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import beside_lava

    return beside_lava


def test_a_step_is_what_lies_between_two_answers_over_t(beside_lava, monkeypatch, checkpoint):
    """Start-up, before the first answer, is in neither figure, however long."""
    program = lower(checkpoint, "loihi2")
    rows = Encoder(program).rows(random_checkpoint.tokens(0, 3, 12))
    clock = time.perf_counter() + 1000 + np.array([0.0, 0.4, 1.0])
    monkeypatch.setattr(beside_lava.lava, "clocked", lambda program, rows: (literal.run(program, rows), clock))
    monkeypatch.setattr(beside_lava.Watch, "between", lambda self, start, end: 1.6 if (start, end) == (clock[0], clock[-1]) else None)
    logits, steps, cpu = beside_lava.on_lava(program, rows)
    assert (logits == found("fast", program, rows).logits).all()
    assert steps == pytest.approx([100, 150]) and cpu == pytest.approx(1000 * 1.6 / (2 * 4))


def test_processor_time_is_read_between_two_seconds(beside_lava):
    watch = beside_lava.Watch()
    watch.seen = [(10.0, 1.0), (11.0, 3.0), (12.0, 3.5)]
    assert watch.between(10.5, 12.0) == pytest.approx(1.5)


def test_processor_time_is_that_of_children_s_children_too(beside_lava):
    spin = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}])"
    child = subprocess.Popen([sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child.stdout.readline()  # the grandchild has used what it should
    used = beside_lava.descendants_cpu(os.getpid())
    child.communicate("\n")
    assert used >= 0.3
