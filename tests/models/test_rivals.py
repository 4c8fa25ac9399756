"""The benchmark's rivals are what they are called: the same network in onnxruntime, and in int8."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from command import ROOT

pytest.importorskip("onnxruntime", reason="the benchmark's rivals need the extra named bench")
pytest.importorskip("onnxscript", reason="the benchmark's rivals need the extra named bench")

SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 50}
TOKENS = [([7, 3, 9, 2, 5], [0] * 5), ([4, 8, 6], [0] * 3), ([1] * 9, [0] * 9)]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """(berts, model, ids and mask, path of float32, path of int8)"""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(ROOT / "benchmarks")
    import berts

    torch.manual_seed(0)
    model = berts.random_bert(**SIZES)
    float32 = berts.exported(model, tmp_path_factory.mktemp("onnx"))
    yield berts, model, berts.padded(TOKENS), float32, berts.quantised(float32)
    patch.undo()


def outputs(found, path):
    berts, _, (ids, mask), *_ = found
    return berts.session(path).run(None, {"ids": ids, "mask": mask})[0]


def test_onnxruntime_runs_the_network_that_torch_runs(found):
    """Of floats, so close and not equal: an export that read the mask as the tokens differed by more than the values."""
    _, model, (ids, mask), float32, _ = found
    with torch.no_grad():
        expected = model(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    assert np.abs(outputs(found, float32) - expected).max() < 1e-3 < np.abs(expected).mean()


def test_every_product_by_a_weight_is_int8(found):
    berts, _, _, float32, int8 = found
    assert berts.products(float32) == {"float weight": 12, "int8 weight": 0, "activations": 4}
    assert berts.products(int8) == {"float weight": 0, "int8 weight": 12, "activations": 4}


def test_int8_answers_are_near_float32_s(found):
    *_, float32, int8 = found
    exact, rounded = outputs(found, float32).ravel(), outputs(found, int8).ravel()
    assert np.abs(exact - rounded).max() > 0 and np.corrcoef(exact, rounded)[0, 1] > 0.99
