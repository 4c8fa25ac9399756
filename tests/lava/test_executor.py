"""Stock Lava's runtime, small programs: the executor, and a program as one process inside a user's own network."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint

from tritspike.compiler.lower import lower
from tritspike.runtime.host import batches, language
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.language import Sampler, Sampling
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.lava import executor
from tritspike.runtime.lava.plan import plan
from tritspike.runtime.program import COINCIDENCE, RELAY, SOURCE
from tritspike.runtime.simulator import fast, reference


def _samples(program, count=3, longest=12):
    encoder = Encoder(program)
    return encoder.samples(encoder.tokens(random_checkpoint.texts(0, count, longest)))


@pytest.mark.parametrize("changes", [{}, {"steps": 1, "weights": "binary"}, {"causal": True, "steps": 3, "layers": 3}])
def test_the_runtime_gives_the_reference_s_spikes_and_logits(tmp_path, changes):
    program = lower(random_checkpoint.write(tmp_path / "c", 11, **changes), "loihi2")
    samples = _samples(program)
    before = set(Path("/dev/shm").iterdir())
    start = time.perf_counter()
    got, clock = executor.clocked(program, samples, record=True, limit=120)
    require_equal(program, reference.run(program, samples, record=True), got, ("reference", "lava"))
    assert len(clock) == len(samples) and start < clock[0] and (np.diff(clock) > 0).all() and clock[-1] < time.perf_counter()
    assert set(Path("/dev/shm").iterdir()) <= before


def test_texts_go_to_the_shortest_program_and_answers_do_not_change(checkpoint):
    encoder = Encoder(lower(checkpoint, "loihi2"))
    texts = random_checkpoint.texts(4, 6, 12)
    seen = []
    on_lava = batches.answer(encoder, texts, "lava", step=seen.append).logits
    assert len(seen) == 2 and sum(seen) == 6  # lengths up to 8, and up to 12
    assert (on_lava == batches.answer(encoder, texts, "fast").logits).all()
    assert (on_lava == fast.run(encoder.program, encoder.samples(encoder.tokens(texts))).logits).all()


def test_depth_does_not_cost_processes(tmp_path):
    """Populations fuse by parameters: twice the layers, the same neuron processes."""
    shallow, deep = (plan(lower(random_checkpoint.write(tmp_path / str(n), 3, layers=n), "kapoho-point")) for n in (2, 4))
    assert len(deep.groups) == len(shallow.groups) <= 10
    assert deep.processes(recorded=True) < 60
    for role in (COINCIDENCE, RELAY):
        assert sum(g.key.role == role for g in deep.groups) == 1
    assert {g.name for g in deep.groups if g.key.role == SOURCE} == {"x", "pad"}


def test_a_program_is_one_process_with_ports_in_a_user_s_own_network(checkpoint, tmp_path):
    program = lower(checkpoint, "loihi2")
    samples = _samples(program, 2)
    program_file.save(program, tmp_path / "p.tsp")
    np.savez(tmp_path / "in.npz", x=samples.source("x").reshape(-1, 192), pad=samples.source("pad").reshape(-1, 12))
    (tmp_path / "user.py").write_text(textwrap.dedent(_USER))
    done = subprocess.run([sys.executable, str(tmp_path / "user.py"), str(tmp_path)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    expected = fast.run(program, samples, record=True)
    last = program.by_name["layer.1.output"]
    got = np.load(tmp_path / "out.npy").T[last.latency : last.latency + 8].reshape(2, 4, -1)
    assert (np.packbits(got.astype(bool), axis=-1) == expected.spikes[last.name]).all()


_USER = """
    import sys
    from pathlib import Path
    import numpy as np
    from tritspike.runtime.host import file as program_file
    from tritspike.runtime.lava.network import to_lava
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    folder = Path(sys.argv[1])
    program, data = program_file.load(folder / "p.tsp"), np.load(folder / "in.npz")
    steps = len(data["x"]) + program.depth
    network, sink = to_lava(program), Sink(shape=(192,), buffer=steps)
    for port, name in ((network.x, "x"), (network.pad, "pad")):
        stream = np.concatenate([data[name], np.zeros((program.depth, data[name].shape[1]))]).T.astype(np.int32)
        Source(data=stream).s_out.connect(port)
    network.s_out.connect(sink.a_in)
    network.run(condition=RunSteps(steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True))
    np.save(folder / "out.npy", sink.data.get())
    network.stop()
"""


@pytest.mark.parametrize("head", ["host", "chip"])
def test_a_language_model_gives_every_spike_and_answer(tmp_path, head):
    """Without a readout the last layer's spikes are recorded and counted; on the chip the head's membranes are read."""
    program = lower(random_checkpoint.write(tmp_path / "c", 4, readout="each", window=2, max_length=6), "loihi2", head=head)
    samples = Encoder(program).samples(random_checkpoint.tokens(2, 3, 6))
    expected = reference.run(program, samples, record=True)
    require_equal(program, expected, executor.run(program, samples, record=True), ("reference", "lava"))
    assert (executor.run(program, samples).logits == expected.logits).all()


def test_a_text_is_continued_on_lava_as_on_fast(tmp_path):
    program = lower(random_checkpoint.write(tmp_path / "c", 4, readout="each", window=2, max_length=3, logit_scale=0.002), "loihi2")
    found = []
    for name in ("fast", "lava"):
        predict, sampler = language.predictor(Encoder(program), name, 120), Sampler(program, Sampling(temperature=1.0, seed=2))
        found.append(list(language.generate(predict, [5, 6], 3, sampler)))
    assert found[0] == found[1] and len(found[0]) == 3
