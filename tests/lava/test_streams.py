"""Streams on stock Lava: whole runs against torch, the reference and fast, and tokens that are fed as they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from command import ROOT
from flow_modules import SMALL, folded, tokenizer

from tritspike.compiler.lower import lower
from tritspike.models.export import export
from tritspike.models.load import load_flow
from tritspike.models.nets import outcome
from tritspike.runtime.errors import ExecutorError, InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.lava.feeding import Feeding
from tritspike.runtime.executors.table import EXECUTORS
from tritspike.runtime.host import batches, language
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.language import Sampler, Sampling
from tritspike.runtime.host.program import TOKENS
from tritspike.runtime.host.reading import Reading
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tasks.sampling import file_start

LIMIT = 120.0
SHIPPED = ROOT / "models/zoo/lm-stream-ternary"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("lm")
    export(folded(), tokenizer(), "lm", found, {})
    return found


@pytest.fixture()
def clean():
    """Nothing is left behind."""
    before = set(Path("/dev/shm").iterdir())
    yield
    assert set(Path("/dev/shm").iterdir()) <= before


def drawn(count: int) -> list[int]:
    return np.random.default_rng(5).integers(0, SMALL["vocabulary"], count).tolist()


def require_everywhere_alike(folder: Path, encoder: Encoder, ids: list[int], limit: float) -> int:
    """Cells that are alike on Lava: every population, every step, in one run; and what torch has of them."""
    program, how = encoder.program, How(limit=limit)
    rows = encoder.rows([(ids, [0] * len(ids))])
    expected, *others = (batches.run(program, rows, name, how, Ask(record=True)) for name in ("reference", "fast", "lava"))
    cells = {require_equal(program, expected, found, ("reference", name)) for found, name in zip(others, ("fast", "lava"))}
    _, ours = outcome(load_flow(folder), torch.tensor([ids]))
    assert len(ours.spikes) == 1 + 4 * load_flow(folder).config.layers
    assert all((spikes == expected.spikes[name]).all() for name, spikes in ours.spikes.items())
    assert (ours.read[program.probe.name] == expected.read).all() and expected.read.any()
    return cells.pop()


def test_every_step_of_one_run_is_torch_s_and_the_reference_s(folder, clean):
    program = lower(folder, "loihi2")
    cells = require_everywhere_alike(folder, Encoder(program), drawn(40), LIMIT)
    assert cells == 40 * program.scheduled.timing.period * sum(p.size for p in program.network.populations)


@pytest.mark.long
def test_a_shipped_size_on_real_text_in_one_run(wikitext_dir):
    """300 tokens of 12 steps: some four and a half minutes and 2.5 GB on two cores, of 2 layers and 320 neurons."""
    if not (SHIPPED / "config.json").exists():
        pytest.skip(f"{SHIPPED} is not there")
    encoder = Encoder(lower(SHIPPED, "loihi2"))
    ((ids, _),) = file_start(encoder, wikitext_dir / "wiki.test.tokens", 300)
    assert len(ids) == 300 and require_everywhere_alike(SHIPPED, encoder, ids, 1800.0)


@pytest.mark.parametrize("head", ["host", "chip"])
def test_what_is_fed_is_read_as_in_a_whole_run(folder, tmp_path, head, clean):
    """Counts, or membranes, which come a step later; token by token or several at once; and again from the first token."""
    if head == "chip":
        folder = tmp_path
        export(folded(period=13), tokenizer(), "lm", folder, {})
    program = lower(folder, "loihi2", head=head)
    ids = np.array(drawn(6))
    words = Encoder(program).words(ids, 0 * ids, 0 * ids)
    expected = EXECUTORS["fast"].prepare(program.scheduled, How()).open().add({TOKENS: words})[program.probe.name]
    session = EXECUTORS["lava"].prepare(program.scheduled, How(limit=LIMIT)).open()
    found = [session.add({TOKENS: words[a:b]})[program.probe.name] for a, b in ((0, 1), (1, 1), (1, 4), (4, 6))]
    assert (np.concatenate(found) == expected).all() and expected.any() and session.length == 6
    if head == "host":
        session.restart()
        assert session.length == 0 and (session.add({TOKENS: words[:2]})[program.probe.name] == expected[:2]).all()
    session.close()


def test_a_text_is_written_while_one_run_goes_on(folder, clean):
    encoder, written = Encoder(lower(folder, "loihi2")), []
    for name in ("fast", "lava"):
        reading = Reading(encoder, name, How(limit=LIMIT))
        predict, sampler = language.StreamPredictor(encoder, reading), Sampler(encoder.program, Sampling(temperature=1.0, seed=2))
        written.append(list(language.generate(predict, [5, 6], 6, sampler)))
    assert written[0] == written[1] and len(written[0]) == 6
    assert isinstance(reading.session, Feeding) and reading.session.length == 7
    with pytest.raises(InputError, match=r"needs an executor whose sessions have a state \(hint: --executor fast, onnx\)"):
        reading.kept()
    reading.session.close()


def test_a_session_out_of_time_is_over(folder, clean):
    program = lower(folder, "loihi2")
    ids = np.array(drawn(1))
    words = {TOKENS: Encoder(program).words(ids, 0 * ids, 0 * ids)}
    with pytest.raises(ExecutorError, match=r"^Lava did not finish within 0\.3 s and was killed"):
        Feeding(program.scheduled, 0.3).add(words)


def test_what_cannot_be_fed_is_refused_before_lava_starts(folder, tmp_path):
    export(folded(period=4), tokenizer(), "lm", tmp_path, {})
    late = lower(tmp_path, "loihi2").scheduled
    with pytest.raises(InputError, match=r"^answer: a token's answer comes 12 steps after it, which has 4 \(hint: a period of 12\)"):
        Feeding(late)
    assert Reading(Encoder(lower(tmp_path, "loihi2")), "lava", How()).session is None  # read from the first token each time
    with pytest.raises(InputError, match="2 streams on Lava at once"):
        EXECUTORS["lava"].prepare(late, How()).open(2)
