"""What there is to set in a student's recipe beside its sizes (`sizes.py`); without torch, for whoever only asks whether it is sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from tritspike.models.nets.values import Spikes
    from tritspike.models.spiking_bert import SpikingEncoder

_TABLES, _HEADS = ("none", "words", "context", "both", "bigrams"), ("share", "bigrams")


@dataclass(frozen=True)
class Start:
    """`embedding`: the teacher's word table, what its last layer makes of each word alone ("context"), both side by side, of a language model
    the left side of a bigram model's factors ("bigrams", `bigrams.py`), or nothing of it.
    head: of a language model; how often each token occurs ("share"), or what a bigram model says of each token's spikes ("bigrams").
    skip, loud: weight of each skip in thresholds, and what the norms beside them begin to scale by; 1.4 and 0.25 begin with layers that pass on
    what they hear.
    score, context: first synaptic weights in thresholds; a neuron needs more than 1/weight coincidences in a step to fire at once.
    learned: False keeps these two. One number serves a layer's every score and sums are whole numbers, so a learned one settles on an
    edge (just above 1/2: two coincidences fire), where each step of the optimiser may switch all scores between two behaviours.
    position: amplitude of the position table's waves, beside token rows of variance 1; they make the same word elsewhere a little unlike itself.
    alike: key weights start as copies of the query's, so that every position begins by attending to what resembles it.
    steady: latent weights of the first layer's attention begin so many times larger. Their codes are the same, but as every step of Adam
    is as long, they change so much more slowly: what `alike` and `crossed` set up outlives the steps in which the rest learns to use it.
    crossed: for pairs; the first half of the heads begins by asking from the first text to the second alone, the other half back, and some
    channels say where they found something.
    loosened: of a run that starts from an earlier one, the divisor of all latent weights: with the same codes they change so much more
    quickly. Above 1 it also ends `steady` for what attention brings back, its questions alone stay slow. A third of the codes of a
    ternary student are 0, and become +-1 at random in the binary one that starts from it: it has much to unlearn."""

    embedding: str = "words"
    head: str = "share"
    score: float = 0.5
    context: float = 0.5
    learned: bool = True
    position: float = 0.5
    skip: float = 0.8
    loud: float = 1.0
    alike: bool = False
    crossed: bool = False
    steady: float = 1.0
    loosened: float = 1.0

    def __post_init__(self) -> None:
        if self.embedding not in _TABLES:
            raise TypeError(f"start.embedding is one of {', '.join(_TABLES)}, not {self.embedding}")
        if self.head not in _HEADS:
            raise TypeError(f"start.head is one of {', '.join(_HEADS)}, not {self.head}")
        if not self.loosened >= 1:
            raise TypeError(f"start.loosened is at least 1, not {self.loosened}")


@dataclass(frozen=True, kw_only=True)
class SpikePrice:
    """What spikes cost in training. `rate` weighs what the mean spike rate has above `rate_target`; `operations` what the share of synapses that
    are reached in a step has above `operations_target`: a spike counts as much as the row of weights that it sets off, zeros too."""

    rate: float = 0.0
    rate_target: float = 0.14
    operations: float = 0.0
    operations_target: float = 0.14

    def price(self, student: SpikingEncoder, seen: dict[str, Spikes]) -> Tensor:
        """Of what it fired; a term of weight 0 is not computed."""
        from tritspike.models.distil import priced  # and with it torch

        return priced(self, student, seen)


@dataclass(frozen=True, kw_only=True)
class LossWeights(SpikePrice):
    """Weight of each term; a term of weight 0 is not computed. `states_every`: hidden and attention terms on every n-th step only,
    since the teacher must then be run (its logits are cached, its hidden states are gigabytes)."""

    logits: float = 1.0
    labels: float = 0.2
    hidden: float = 0.0
    attention: float = 0.0
    temperature: float = 2.0
    states_every: int = 4


@dataclass(frozen=True, kw_only=True)
class SpadWeights(SpikePrice):
    """Weight of each term; a term of weight 0 is not computed, and without any of the first four the teacher is not run. `rate_mix`: g."""

    embedding: float = 0.2
    attention: float = 0.1
    features: float = 0.1
    logits: float = 0.3
    labels: float = 0.3
    temperature: float = 2.0
    rate_mix: float = 0.5

    @property
    def teacher(self) -> bool:
        """Whether any term asks the teacher."""
        return self.embedding + self.attention + self.features + self.logits > 0


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. Rates fall linearly to zero after a short warm-up."""

    float_steps: int = 8000
    integer_steps: int = 2000
    batch: int = 32
    rate: float = 1e-3
    integer_rate: float = 2e-4
    warm_up: int = 200
    task_share: float = 0.4  # of a batch's texts, from the task's own training set; the rest is unlabelled text
    unlabelled: int = 150_000  # sentences of the unlabelled files, or pairs made of them
    augmented: int = 0  # edited copies of the task's own training sentences, or pairs made of them
    parts: float = 0.0  # of made pairs, a text with an edited part of itself behind it
    probes: int = 3000  # of the unlabelled and augmented texts, never trained on: the distance to the teacher is measured there
    held_out: int = 1000
    check_every: int = 500
    calibration_batches: int = 60
    seed: int = 0
    crop: int = 64  # of a stream: tokens that are read at once, and
    run: int = 32  # crops after which it goes on elsewhere
