"""Every checkpoint that ships: in onnxruntime every spike and every logit is `fast`'s."""

from __future__ import annotations

import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from shipped import STREAMS, WINDOWED

from tritspike.compiler.lower import lower
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import batches
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tasks.sampling import random_tokens

_TEXTS = 3


@pytest.mark.parametrize("length", [8, 24])
@pytest.mark.parametrize("folder", WINDOWED + STREAMS, ids=lambda f: f.name)
def test_every_spike_and_logit_is_fast_s(folder, length):
    program = lower(folder, "hala-point", length=None if folder in STREAMS else length)
    encoder = Encoder(program)
    rows = encoder.rows(random_tokens(encoder, _TEXTS, length), length)
    expected, found = (batches.run(program, rows, name, How(threads=1), Ask(record=True)) for name in ("fast", "onnx"))
    assert require_equal(program, expected, found, ("fast", "onnx")) > 100_000
    assert (expected.logits == found.logits).all() and expected.logits.any()
    assert any(spikes.any() for spikes in found.spikes.values())
