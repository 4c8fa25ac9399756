"""The bounded, ordered pool that batches go through."""

from __future__ import annotations

import signal
import sys
import threading
import time
from itertools import count, islice

import pytest
from command import interruptible

from tritspike.runtime.parallel import ordered_map


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_answers_come_in_order(threads):
    def late(n: int) -> int:
        time.sleep(0.002 * (n % 3))
        return n * n

    assert list(ordered_map(late, range(40), threads)) == [n * n for n in range(40)]
    assert list(ordered_map(late, [], threads)) == []


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_no_more_is_read_than_is_worked_on(threads):
    read = []

    def items():
        for n in count():
            read.append(n)
            yield n

    found = ordered_map(lambda n: n, items(), threads)
    assert list(islice(found, 10)) == list(range(10))
    assert len(read) <= 10 + threads + 1
    found.close()


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_ends_it_and_leaves_no_thread(threads):
    before, done = threading.active_count(), []

    def fail(n: int) -> int:
        done.append(n)
        if n == 4:
            raise ValueError("four")
        return n

    with pytest.raises(ValueError, match="four"):
        list(ordered_map(fail, range(1000), threads))
    assert threading.active_count() == before and len(done) < 20


# the command, saying after each batch that it is at work
LIVING = """
from tritspike.runtime import __main__ as command
from tritspike.runtime.host import batches
answered = batches.answered
def told(encoder, texts, name, how, step, *more):
    return answered(encoder, texts, name, how, lambda n: (step(n), print("working", flush=True)), *more)
batches.answered = told
command.entry()
"""


def test_ctrl_c_ends_a_run_with_one_line(tmp_path, checkpoint):
    """Many texts, one SIGINT when the first of them are done: 130, no traceback, no report, and a cache that is still whole."""
    from tritspike.compiler.lower import lower
    from tritspike.runtime.host import file as program_file

    program_file.save(lower(checkpoint, "loihi2"), tmp_path / "p.tsp")
    (tmp_path / "glue" / "SST-2").mkdir(parents=True)
    (tmp_path / "glue" / "SST-2" / "dev.tsv").write_text("sentence\tlabel\n" + "w1 w2 w3 w4 w5\t1\n" * 300_000)
    command = ["glue", str(tmp_path / "p.tsp"), "--task", "sst2", "--data", str(tmp_path / "glue"), "--json", str(tmp_path / "r")]
    running = interruptible([sys.executable, "-c", LIVING, *command])
    assert running.stdout.readline() == "working\n"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=600)
    assert (running.returncode, set(out.splitlines()) - {"working"}, err, (tmp_path / "r").exists()) == (130, set(), "interrupted\n", False)
