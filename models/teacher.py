"""The float teacher: any `transformers` sequence classifier, read from a folder or a hub name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from tokenizers import Tokenizer

from models.data import Batch, Corpus, length_sorted_batches, pack
from runtime.errors import FileError


@dataclass(frozen=True, eq=False)
class Teacher:
    """A sequence classifier and the tokenizer that feeds it. `tokenizer` is the fast tokenizer's own JSON-backed object."""

    model: Any
    tokenizer: Tokenizer

    def outputs(self, batch: Batch, states: bool = False) -> Any:
        """`transformers` output for a packed batch; with `states`, every layer's hidden states and attention maps."""
        return self.model(
            batch.grid(batch.ids),
            attention_mask=batch.mask(),
            token_type_ids=batch.grid(batch.segments),
            output_hidden_states=states,
            output_attentions=states,
        )

    @torch.no_grad()
    def logits(self, corpus: Corpus, label: str = "teacher", size: int = 64) -> np.ndarray:
        """(texts, classes) float32 logits of a whole corpus, with a progress bar."""
        self.model.eval()
        out = np.zeros((len(corpus), self.model.config.num_labels), np.float32)
        for rows in track(length_sorted_batches(corpus, size), description=label):
            out[rows] = self.outputs(pack(corpus, rows)).logits.float().numpy()
        return out

    def save(self, folder: Path) -> None:
        """Weights as safetensors, config, tokenizer.json: what `load_teacher` reads."""
        self.model.save_pretrained(folder)
        self.tokenizer.no_truncation()
        self.tokenizer.save(str(folder / "tokenizer.json"))


def load_teacher(source: str, labels: int | None = None) -> Teacher:
    """From a folder or hub name. `labels` sets the size of a fresh classifier (1: regression). Raises `FileError`."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    # a checkpoint of another task has another classifier: a fresh one takes its place
    extra = {} if labels is None else {"num_labels": labels, "ignore_mismatched_sizes": True}
    try:
        # eager attention: the only kind that hands out attention maps, which distillation reads
        model = AutoModelForSequenceClassification.from_pretrained(source, attn_implementation="eager", **extra)
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        raise FileError(f"{source}: not a sequence classifier that transformers reads: {_first_line(error)}") from None
    return Teacher(model.eval(), tokenizer.backend_tokenizer)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
