"""What runs that make teachers are made of; without torch, for whoever only asks what there is to set."""

from __future__ import annotations

from dataclasses import dataclass, field

from tritspike.models.options import BATCH, COUNT, RATE, SEED
from tritspike.runtime.option_values import real, whole


@dataclass(frozen=True)
class FineTuning:
    """Of a teacher on labelled texts; the whole of it goes into the card. data: None where an own task's lie beside its file."""

    base: str
    task: str
    data: str | None
    out: str
    epochs: float = 1.0
    rates: tuple[float, ...] = (5e-5,)
    batch: int = 32
    max_length: int = 64
    checks: int = 4
    held_out: int = 1000
    seed: int = 0
    apart: bool = False  # the two texts of a pair are embedded apart and compared (`compared.py`)
    dev: bool = True  # False leaves dev unscored: a search must not look at it


FINE_TUNING_NUMBERS = {
    "epochs": real(0.001, 1e6),
    "batch": BATCH,
    "max_length": whole(2, 4096),
    "checks": COUNT,
    "held_out": COUNT,
    "seed": SEED,
}


@dataclass(frozen=True)
class GptTraining:
    """Of a GPT-2 on WikiText; the whole of it goes into the card."""

    data: str
    out: str
    unlabelled: list[str] = field(default_factory=list)
    lines: int = 50_000  # of the unlabelled files
    share: float = 0.5  # of a batch's texts that come from WikiText
    vocabulary: int = 8000
    hidden: int = 256
    layers: int = 4
    heads: int = 4
    length: int = 128
    steps: int = 20_000
    batch: int = 16
    rate: float = 6e-4
    warm_up: int = 200
    dropout: float = 0.1
    check_every: int = 1000
    seed: int = 0


GPT_NUMBERS = {
    "lines": whole(0, 1_000_000_000),
    "share": real(0, 1),
    "vocabulary": whole(257, 1 << 20),  # every byte, and what begins a text
    "hidden": whole(1, 1 << 14),
    "layers": whole(1, 256),
    "heads": whole(1, 256),
    "length": whole(2, 4096),
    "steps": COUNT,
    "batch": BATCH,
    "rate": RATE,
    "warm_up": COUNT,
    "dropout": real(0, 0.99),
    "check_every": COUNT,
    "seed": SEED,
}
