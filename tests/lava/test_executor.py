"""Stock Lava's runtime, small programs: the executor, and a program as one process inside a user's own network."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
import random_network
from agreement import found

from tritspike.compiler.lower import lower
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.lava import executor
from tritspike.runtime.executors.lava.plan import plan
from tritspike.runtime.host import batches, language
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.language import Sampler, Sampling
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tables import COINCIDENCE, RELAY, kind

ALL = Ask(record=True)


def _rows(program, count=3, longest=12):
    encoder = Encoder(program)
    return encoder.rows(encoder.tokens(random_checkpoint.texts(0, count, longest)))


@pytest.mark.parametrize("changes", [{}, {"steps": 1, "weights": "binary"}, {"causal": True, "steps": 3, "layers": 3}])
def test_the_runtime_gives_the_reference_s_spikes_and_logits(tmp_path, changes, capsys):
    program = lower(random_checkpoint.write(tmp_path / "c", 11, **changes), "loihi2")
    rows = _rows(program)
    before = set(Path("/dev/shm").iterdir())
    start = time.perf_counter()
    got, clock = executor.clocked(program.scheduled, rows, record=True, limit=120)
    require_equal(program, found("reference", program, rows), program.result(rows, got), ("reference", "lava"))
    said = f"lava: {len(rows)} windows of {program.steps} steps, {program.neurons():,} neurons; at most 120 s\n"
    assert capsys.readouterr().err == said, "what takes a minute says so"
    assert len(clock) == len(rows) and start < clock[0] and (np.diff(clock) > 0).all() and clock[-1] < time.perf_counter()
    assert set(Path("/dev/shm").iterdir()) <= before


def test_texts_go_to_the_shortest_program_and_answers_do_not_change(checkpoint):
    encoder = Encoder(lower(checkpoint, "loihi2"))
    texts = random_checkpoint.texts(4, 6, 12)
    seen = []
    on_lava = batches.answer(encoder, texts, "lava", step=seen.append).logits
    assert len(seen) == 2 and sum(seen) == 6  # lengths up to 8, and up to 12
    assert (on_lava == batches.answer(encoder, texts, "fast").logits).all()
    assert (on_lava == found("fast", encoder.program, encoder.rows(encoder.tokens(texts))).logits).all()


def test_depth_does_not_cost_processes(tmp_path):
    """Populations fuse by parameters: twice the layers, the same neuron processes."""
    shallow, deep = (lower(random_checkpoint.write(tmp_path / str(n), 3, layers=n), "kapoho-point").scheduled for n in (2, 4))
    before, after = plan(shallow), plan(deep)
    assert len(after.groups) == len(before.groups) <= 10
    assert after.processes(n for n, group in enumerate(after.groups) if group.registers) < 60
    kinds = {p.name: kind(deep, p) for p in deep.network.populations}
    assert len(after.homes(name for name, what in kinds.items() if what in (COINCIDENCE, RELAY))) == 1
    assert {name for name, parts in after.parts.items() if after.groups[parts[0].group].registers is None} == {"x", "mask"}


def test_a_program_is_one_process_with_ports_in_a_user_s_own_network(checkpoint, tmp_path):
    program = lower(checkpoint, "loihi2")
    rows = _rows(program, 2)
    program_file.save(program, tmp_path / "p.tsp")
    np.savez(tmp_path / "in.npz", **{port.name: _played(program, rows, port) for port in program.network.ports})
    (tmp_path / "user.py").write_text(textwrap.dedent(_USER))
    done = subprocess.run([sys.executable, str(tmp_path / "user.py"), str(tmp_path)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    expected, done = found("fast", program, rows), np.load(tmp_path / "out.npz")
    for name, spikes in (("layer.1.output", done["last"]), ("layer.0.hidden", done["other"])):
        latency = program.scheduled.latency[name]
        assert (spikes.T[latency : latency + 8].reshape(2, 4, -1) == expected.spikes[name]).all()
    assert (done["membranes"] == expected.read[-1]).all()


def _played(program, rows, port):
    return rows.played(port.plays, program.network.by_name[port.population].grid).reshape(program.steps * len(rows), -1)


_USER = """
    import sys
    from pathlib import Path
    import numpy as np
    from tritspike.runtime.host import file as program_file
    from tritspike.runtime.executors.lava.embedded import to_lava
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    folder = Path(sys.argv[1])
    program, data = program_file.load(folder / "p.tsp"), np.load(folder / "in.npz")
    steps = len(data["x"]) + program.scheduled.depth

    def run(network, neurons):
        sink = Sink(shape=(neurons,), buffer=steps)
        for port, name in ((network.x, "x"), (network.mask, "mask")):
            stream = np.zeros((port.shape[0], steps), np.int32)
            stream[:, : len(data[name])] = data[name].T
            Source(data=stream).s_out.connect(port)
        network.s_out.connect(sink.a_in)
        network.run(condition=RunSteps(steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True))
        found = sink.data.get(), network.readout.get()
        network.stop()
        return found

    last, membranes = run(to_lava(program), 192)
    other, _ = run(to_lava(program.scheduled, speaks="layer.0.hidden"), 288)
    np.savez(folder / "out.npz", last=last, membranes=membranes, other=other)
"""


def test_what_cannot_be_one_process_is_refused():
    from tritspike.runtime.executors.lava.embedded import to_lava

    program = random_network.drawn(19)[0]
    spread = random_network.varied(program, 19)
    (name, *_) = (name for name, parts in plan(spread).parts.items() if len(parts) > 1)
    with pytest.raises(InputError, match=rf"^{name}: \d+ Lava processes of neurons \(hint: a population on the chip whose neurons share"):
        to_lava(spread, speaks=name)
    with pytest.raises(InputError, match=r"^x0: 1 Lava processes of neurons"):
        to_lava(program, speaks="x0")
    named = replace(program, network=replace(program.network, ports=tuple(replace(port, name="run") for port in program.network.ports[:1])))
    with pytest.raises(InputError, match=r"^run: a name that a Lava process has already"):
        to_lava(named)


@pytest.mark.parametrize("head", ["host", "chip"])
def test_a_language_model_gives_every_spike_and_answer(tmp_path, head):
    """Without a readout the last layer's spikes are recorded and counted; on the chip the head's membranes are read."""
    program = lower(random_checkpoint.write(tmp_path / "c", 4, readout="each", window=2, max_length=6), "loihi2", head=head)
    rows = Encoder(program).rows(random_checkpoint.tokens(2, 3, 6))
    expected = found("reference", program, rows)
    require_equal(program, expected, batches.run(program, rows, "lava", ask=ALL), ("reference", "lava"))
    assert (batches.run(program, rows, "lava").logits == expected.logits).all()


def test_a_text_is_continued_on_lava_as_on_fast(tmp_path):
    program = lower(random_checkpoint.write(tmp_path / "c", 4, readout="each", window=2, max_length=3, logit_scale=0.002), "loihi2")
    written = []
    for name in ("fast", "lava"):
        predict, sampler = language.predictor(Encoder(program), name, How(limit=120)), Sampler(program, Sampling(temperature=1.0, seed=2))
        written.append(list(language.generate(predict, [5, 6], 3, sampler)))
    assert written[0] == written[1] and len(written[0]) == 3
