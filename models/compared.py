"""A teacher that reads the two texts of a pair apart and compares what it made of them (after Sentence-BERT, arXiv 1908.10084).

    u, v   = mean over positions of the encoder's last states of each text, scaled to length sqrt(d)
    logits = W [u v, |u - v|, u, v, cos] + b                               u v by element

W and b begin as a linear probe of the pretrained embeddings, so that fine-tuning starts from what they already say (arXiv 2202.10054).
An encoder that was trained to embed sentences knows more this way than when both texts are put before it at once, which it never saw.
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

from runtime.errors import InputError


class ComparedForSequenceClassification(PreTrainedModel):
    """Any `transformers` encoder below, one linear layer above. Loads from such an encoder, or from what `save_pretrained` wrote."""

    base_model_prefix = "base"

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__(config)
        self.base = AutoModel.from_config(config)
        self.classifier = nn.Linear(4 * config.hidden_size + 1, config.num_labels or 1)
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
        """(pairs, 4 d + 1): what the classifier reads. second: where the second texts are."""
        first = attention_mask.bool() & ~second
        u = self._embedded(input_ids, first.long())
        v = self._embedded(*second_texts(input_ids, first, second))
        cosine = (u * v).sum(-1, keepdim=True) / math.sqrt(u.shape[-1])  # its weight then moves as the others together do
        return torch.cat([u * v, (u - v).abs(), u, v, cosine], -1)

    @torch.no_grad()
    def start_classifier(self, features: Tensor, labels: Tensor) -> None:
        """A ridge or logistic regression of `labels` (class numbers, or numbers where there is one output), its penalty by cross-validation.
        Features are not scaled: all but dead channels of the encoder (all-MiniLM-L6-v2 has three) have a variance near 1 already."""
        if self.config.num_labels == 1:
            model = RidgeCV(np.logspace(0, 6, 13)).fit(features, labels)
        else:
            search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": np.logspace(-5, -1, 9)}, scoring="neg_log_loss")
            model = search.fit(features, labels).best_estimator_
        weight, bias = torch.from_numpy(np.atleast_2d(model.coef_)).float(), torch.from_numpy(np.atleast_1d(model.intercept_)).float()
        two = len(weight) == 1 and self.config.num_labels == 2  # one row says how far the second class is ahead
        self.classifier.weight.copy_(torch.cat([-weight, weight]) / 2 if two else weight)
        self.classifier.bias.copy_(torch.cat([-bias, bias]) / 2 if two else bias)

    def _states(self, ids: Tensor, mask: Tensor, second: Tensor, **wanted: bool) -> Any:
        if bool(second.any()):
            raise InputError("this teacher reads the texts of a pair apart: a pair has no states of its own", "loss.hidden=0 and loss.attention=0")
        return self.base(ids, attention_mask=mask, **wanted)

    def _embedded(self, ids: Tensor, mask: Tensor) -> Tensor:
        states = self.base(ids, attention_mask=mask).last_hidden_state.float() * mask[..., None]
        return nn.functional.normalize(states.sum(1), dim=-1) * math.sqrt(states.shape[-1])


def second_texts(ids: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """(ids, mask) of the second texts as texts of their own: each behind the token that the first one begins with."""
    begin, count = first.sum(1, keepdim=True), second.sum(1, keepdim=True)
    at = torch.arange(int(count.max()) + 1)
    moved = ids.gather(1, (begin - 1 + at).clamp(0, ids.shape[1] - 1))
    moved[:, 0] = ids[:, 0]
    mask = (at <= count).long()
    return moved * mask, mask
