"""A teacher that reads the two texts of a pair apart and aligns them word by word (after BERTScore, arXiv 1904.09675).

    S      = cosines of the encoder's last states of the first text with those of the second
    logits = W sqrt(d) [mean over the second text of max over the first of S, the same the other way round, cos] + b

cos is that of the two texts' mean states. W and b begin as a linear probe of the pretrained encoder, so that fine-tuning starts from what
it already says (arXiv 2202.10054). An encoder that was trained to embed sentences knows more this way than when both texts are put before
it at once, which it never saw; and three numbers generalise from a few thousand pairs where hundreds of products and differences do not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from torch import Tensor, nn
from transformers import AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from tritspike.runtime.errors import InputError

_FEATURES = 3


class ComparedForSequenceClassification(PreTrainedModel):
    """Any `transformers` encoder below, one linear layer above. Loads from such an encoder, or from what `save_pretrained` wrote."""

    base_model_prefix = "base"

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__(config)
        self.base = AutoModel.from_config(config)
        self.classifier = nn.Linear(_FEATURES, config.num_labels or 1)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor, output_hidden_states: bool = False, output_attentions: bool = False
    ) -> SequenceClassifierOutput:
        """input_ids, attention_mask, token_type_ids: (pairs, longest), the second text of type 1. States are those of single texts alone."""
        second = token_type_ids.bool() & attention_mask.bool()
        if output_hidden_states or output_attentions:
            return self._states(input_ids, attention_mask, second, output_hidden_states=output_hidden_states, output_attentions=output_attentions)
        return SequenceClassifierOutput(logits=self.classifier(self.features(input_ids, attention_mask, second)))

    def features(self, input_ids: Tensor, attention_mask: Tensor, second: Tensor) -> Tensor:
        """(pairs, 3): what the classifier reads. second: where the second texts are."""
        first = attention_mask.bool() & ~second
        ids, mask = second_texts(input_ids, first, second)
        u, v = self._states_of(input_ids, first.long()), self._states_of(ids, mask)
        return torch.stack([*alignment(u, first, v, mask.bool()), _cosine(u, v)], -1) * math.sqrt(u.shape[-1])

    @torch.no_grad()
    def start_classifier(self, features: Tensor, labels: Tensor) -> None:
        """A ridge or logistic regression of `labels` (class numbers, or numbers where there is one output), its penalty by cross-validation."""
        if self.config.num_labels == 1:
            model = RidgeCV(np.logspace(-3, 3, 13)).fit(features, labels)
        else:
            search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": np.logspace(-3, 1, 9)}, scoring="neg_log_loss")
            model = search.fit(features, labels).best_estimator_
        weight, bias = torch.from_numpy(np.atleast_2d(model.coef_)).float(), torch.from_numpy(np.atleast_1d(model.intercept_)).float()
        two = len(weight) == 1 and self.config.num_labels == 2  # one row says how far the second class is ahead
        self.classifier.weight.copy_(torch.cat([-weight, weight]) / 2 if two else weight)
        self.classifier.bias.copy_(torch.cat([-bias, bias]) / 2 if two else bias)

    def _states(self, ids: Tensor, mask: Tensor, second: Tensor, **wanted: bool) -> Any:
        if bool(second.any()):
            raise InputError("this teacher reads the texts of a pair apart: a pair has no states of its own", "loss.hidden=0 and loss.attention=0")
        return self.base(ids, attention_mask=mask, **wanted)

    def _states_of(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(texts, longest, d) float32, zero where the mask is."""
        return self.base(ids, attention_mask=mask).last_hidden_state.float() * mask[..., None]


def alignment(u: Tensor, first: Tensor, v: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """(pairs,) twice: how much of the second texts has its like in the first, and of the first in the second.
    u, v: (pairs, longest, d) states; first, second: (pairs, longest) where they hold a token."""
    with torch.autocast(u.device.type, enabled=False):  # bfloat16's third digit is where texts differ
        cosines = nn.functional.normalize(v, dim=-1) @ nn.functional.normalize(u, dim=-1).mT
    cosines = cosines.masked_fill(~(second[:, :, None] & first[:, None]), -1)
    return _mean(cosines.amax(2), second), _mean(cosines.amax(1), first)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).sum(1) / where.sum(1)


def _cosine(u: Tensor, v: Tensor) -> Tensor:
    return nn.functional.cosine_similarity(u.sum(1), v.sum(1), dim=-1)


def second_texts(ids: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """(ids, mask) of the second texts as texts of their own: each behind the token that the first one begins with."""
    begin, count = first.sum(1, keepdim=True), second.sum(1, keepdim=True)
    at = torch.arange(int(count.max()) + 1, device=ids.device)
    moved = ids.gather(1, (begin - 1 + at).clamp(0, ids.shape[1] - 1))
    moved[:, 0] = ids[:, 0]
    mask = (at <= count).long()
    return moved * mask, mask
