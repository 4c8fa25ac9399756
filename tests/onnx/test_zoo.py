"""Every checkpoint that ships: in onnxruntime every spike and every logit is `fast`'s."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from tritspike.compiler.lower import lower
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import batches
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tasks.sampling import random_tokens

ZOO = Path(__file__).resolve().parents[2] / "models" / "zoo"
FOLDERS = sorted(ZOO.iterdir())
_TEXTS = 3


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_every_spike_and_logit_is_fast_s(folder):
    for length in (8, 24):
        program = lower(folder, "hala-point", length=length)
        encoder = Encoder(program)
        rows = encoder.rows(random_tokens(encoder, _TEXTS, length), length)
        expected, found = (batches.run(program, rows, name, How(threads=1), Ask(record=True)) for name in ("fast", "onnx"))
        assert require_equal(program, expected, found, ("fast", "onnx")) > 100_000
        assert (expected.logits == found.logits).all() and expected.logits.any()
        assert any(spikes.any() for spikes in found.spikes.values())
