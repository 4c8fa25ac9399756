"""The float teacher: any `transformers` sequence classifier, read from a folder or a hub name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from tritspike.hw_profiles.errors import TritspikeError
from tritspike.hw_profiles.reading import reason, require_regular
from tritspike.models.data import Corpus, length_sorted_batches, pack
from tritspike.models.nets.packing import Batch
from tritspike.models.progress import Watched
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import make_folder, write_atomic
from tritspike.runtime.host.tokenizer import text_of, tokenizer_from

_COMPARED = "ComparedForSequenceClassification"  # of compared.py, which is imported when it is needed: transformers takes seconds

Some = TypeVar("Some", bound="Teacher")


@dataclass(frozen=True, eq=False)
class Teacher:
    """A sequence classifier and the tokenizer that feeds it. `tokenizer` is the fast tokenizer's own JSON-backed object."""

    model: Any
    tokenizer: Tokenizer

    @property
    def apart(self) -> bool:
        """Whether it reads the texts of a pair one by one."""
        return type(self.model).__name__ == _COMPARED

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        found: torch.device = next(self.model.parameters()).device
        return found

    def on(self: Some, device: torch.device) -> Some:
        """To compute there."""
        self.model.to(device)
        return self

    def halved(self) -> torch.autocast:
        """Its products in bfloat16: on a CPU two or three times as fast as in float32; the weights stay float32."""
        return torch.autocast(self.device.type, torch.bfloat16)

    def outputs(self, batch: Batch, states: bool = False) -> Any:
        """`transformers` output for a packed batch; with `states`, every layer's hidden states and attention maps."""
        batch = batch.to(self.device)
        return self.model(
            batch.grid(batch.ids),
            attention_mask=batch.mask(),
            token_type_ids=batch.grid(batch.segments),
            output_hidden_states=states,
            output_attentions=states,
        )

    @torch.no_grad()
    def start_classifier(self, corpus: Corpus, labels: Tensor, size: int = 64) -> None:
        """Of a teacher that reads pairs apart: a linear probe of what it makes of them before it is fine-tuned."""
        self.model.eval()
        features = torch.empty(len(corpus), self.model.classifier.in_features)
        for rows in Watched(length_sorted_batches(corpus, size), "embedding", (size, "texts")):
            batch = pack(corpus, rows).to(self.device)
            features[rows] = self.model.features(batch.grid(batch.ids), batch.mask(), batch.grid(batch.segments).bool()).cpu()
        self.model.start_classifier(features, labels)

    @torch.no_grad()
    def logits(self, corpus: Corpus, label: str = "teacher", size: int = 64) -> np.ndarray:
        """(texts, classes) float32 logits of a whole corpus, telling how far it is."""
        self.model.eval()
        out = np.zeros((len(corpus), self.model.config.num_labels), np.float32)
        for rows in Watched(length_sorted_batches(corpus, size), label, (size, "texts")):
            out[rows] = self.outputs(pack(corpus, rows)).logits.float().cpu().numpy()
        return out

    def save(self, folder: Path) -> None:
        """Weights as safetensors, config, tokenizer.json: what `load_teacher` reads. Each file is whole whenever it is there."""
        make_folder(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".saving.") as made:
            self.model.save_pretrained(made)
            for path in sorted(Path(made).iterdir()):
                os.replace(path, folder / path.name)
        self.tokenizer.no_truncation()
        write_atomic(folder / "tokenizer.json", self.tokenizer.to_str(pretty=True).encode())


@dataclass(frozen=True, eq=False)
class CausalTeacher(Teacher):
    """A causal language model. Its answer at a position is what it expects next; of a vocabulary padded beyond the tokenizer's, no more."""

    def outputs(self, batch: Batch, states: bool = False) -> Any:
        """`transformers` output for a packed batch; with `states`, every layer's hidden states and attention maps."""
        batch = batch.to(self.device)
        return self.model(batch.grid(batch.ids), attention_mask=batch.mask(), output_hidden_states=states, output_attentions=states)

    def token_logits(self, out: Any, batch: Batch) -> Tensor:
        """(tokens, vocabulary) float32 of what `outputs` gave."""
        return out.logits[..., : self.tokenizer.get_vocab_size()].flatten(0, 1)[batch.to(self.device).place].float()


def load_causal_teacher(source: str) -> CausalTeacher:
    """A causal language model (GPT-2, OPT, Llama, ...) from a folder or hub name. Raises `FileError`."""
    from transformers import AutoModelForCausalLM

    _require_regular_files(Path(source))
    with _told(source, "a causal language model"):
        model, own = _eager(AutoModelForCausalLM, source), Path(source) / "tokenizer.json"
        # a tokenizer.json by itself is ours, and says all; transformers would build the usual one for the kind of model
        alone = own.exists() and not own.with_name("tokenizer_config.json").exists()
        return CausalTeacher(model, tokenizer_from(text_of(own), str(own)).library if alone else _tokenizer(source))


def load_teacher(source: str, labels: int | None = None, apart: bool = False) -> Teacher:
    """From a folder or hub name. `labels` sets the size of a fresh classifier (1: regression), which with `apart`, or where the source itself
    does, reads the texts of a pair apart (`compared.py`). Raises `FileError`."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from tritspike.models.compared import ComparedForSequenceClassification

    _require_regular_files(Path(source))
    with _told(source, "a sequence classifier"):
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, **({} if labels is None else {"num_labels": labels}))
        apart = apart or _COMPARED in (config.architectures or ())
        kind = ComparedForSequenceClassification if apart else AutoModelForSequenceClassification
        # a checkpoint of another task has another classifier: a fresh one takes its place
        return Teacher(_eager(kind, source, config=config, ignore_mismatched_sizes=labels is not None), _tokenizer(source))


def _eager(kind: Any, source: str, **extra: Any) -> Any:
    """With eager attention: the only kind that hands out attention maps, which distillation reads. Nothing is unpickled or run."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return kind.from_pretrained(source, attn_implementation="eager", use_safetensors=True, trust_remote_code=False, **extra).eval()


def _tokenizer(source: str) -> Tokenizer:
    from transformers import AutoTokenizer

    own = Path(source) / "tokenizer.json"
    if own.is_file():
        tokenizer_from(text_of(own), str(own))  # is it sound? transformers would hand it to the library as it is
    return AutoTokenizer.from_pretrained(source, trust_remote_code=False).backend_tokenizer


def _require_regular_files(folder: Path) -> None:
    """`FileError` where one is a FIFO or a device: transformers would wait for it."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            if not path.is_dir():
                require_regular(path.stat().st_mode)
        except OSError as error:
            raise FileError(f"{path}: {reason(error)}") from None


@contextmanager
def _told(source: str, what: str) -> Iterator[None]:
    try:
        yield
    except TritspikeError:
        raise
    except Exception as error:  # of transformers and what it calls: there is no list of what a config can make it raise
        if isinstance(error, RuntimeError) and "mismatched" in str(error):
            raise FileError(f"{source}: its weights are not of the sizes that {what} of its config has", "fine-tune it again") from None
        raise FileError(f"{source}: not {what} that transformers reads: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
