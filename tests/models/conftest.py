"""What small models learn from."""

from __future__ import annotations

import numpy as np
import pytest
import random_checkpoint
import torch

from tritspike.models.teacher import Teacher

ARTICLE = " \n = {name} = \n \n {text} \n \n = = Part = = \n \n More of {name} . \n"


@pytest.fixture(scope="session")
def wiki(tmp_path_factory):
    """WikiText's three files over a few words, in which the next word is easily guessed."""
    folder, rng = tmp_path_factory.mktemp("wiki"), np.random.default_rng(0)
    for split, count in (("train", 60), ("valid", 8), ("test", 8)):
        texts = [" ".join(["one two three four", "five six seven"][k] for k in rng.integers(0, 2, 12)) for _ in range(count)]
        (folder / f"wiki.{split}.tokens").write_text("".join(ARTICLE.format(name=f"Item {n}", text=t) for n, t in enumerate(texts)))
    return folder


@pytest.fixture(scope="session")
def task_data(tmp_path_factory):
    """SST-2's layout over made-up words: a text is positive where it holds more of w0..w9 than of w10..w19."""
    root, rng = tmp_path_factory.mktemp("glue"), np.random.default_rng(0)
    (root / "SST-2").mkdir()
    for name, count in (("train", 600), ("dev", 80)):
        rows = []
        for _ in range(count):
            words = rng.integers(0, 20, rng.integers(8, 11))
            rows.append(" ".join(f"w{w}" for w in words) + f"\t{int((words < 10).sum() * 2 > len(words))}")
        (root / "SST-2" / f"{name}.tsv").write_text("sentence\tlabel\n" + "\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="session")
def teacher():
    """A tiny randomly initialised BERT of two layers, as any `transformers` encoder may serve."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    size = len(random_checkpoint.WORDS)
    config = BertConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, num_labels=2, attn_implementation="eager"
    )
    return Teacher(BertForSequenceClassification(config).eval(), random_checkpoint.small_tokenizer())
