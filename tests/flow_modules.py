"""Small models through which tokens flow, in integers."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from tritspike.models.flow import Flow
from tritspike.models.fold import recalibrated
from tritspike.models.sizes import FlowConfig

SIZES = {"vocabulary": 40, "hidden": 20, "layers": 2, "ffn": 24, "rank": 8}
SMALL = SIZES | {"traces": 12, "memory": (1, 6, 60), "recall": (3, 20), "key": 3, "value": 4}


def folded(scale=90, **changes) -> Flow:
    torch.manual_seed(0)
    model, ids = Flow(FlowConfig(**SMALL | changes)), torch.randint(40, (4, 30))
    with recalibrated(model):
        for _ in range(2):
            model(ids)
    for name, parameter in model.named_parameters():
        if name.endswith("norm.bias"):
            parameter.data.uniform_(-0.6, 0.6)
    model.fold(scale)
    return model.eval()


def tokenizer() -> Tokenizer:
    """Words w0, w1 ... for them."""
    found = Tokenizer(models.WordLevel({f"w{n}": n for n in range(SMALL["vocabulary"])}, unk_token="w0"))
    found.pre_tokenizer = pre_tokenizers.Whitespace()
    return found
