"""What a long run says where stderr is no terminal: a plain line every half a minute, and one before each part that takes long."""

from __future__ import annotations

import pytest
import torch

from tritspike.models import progress
from tritspike.models.data import training_part
from tritspike.models.progress import Watched
from tritspike.runtime.tasks.labelled import task_named


@pytest.fixture()
def clock(monkeypatch):
    """10 s a look."""
    seconds = iter(range(0, 100_000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(seconds)))


def test_a_line_every_half_a_minute(clock, capsys):
    watched = Watched(range(4, 12), "float phase", (32, "texts"), first=4)
    for step in watched:
        watched.loss = torch.tensor(step / 8)
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [
        "float phase: step 6 of 12, loss 0.6250, 2 texts/s, 1 min 30 s left",
        "float phase: step 9 of 12, loss 1.0000, 3 texts/s, 36 s left",
    ]


def test_a_loop_without_a_loss_and_one_that_has_just_begun():
    watched = Watched(range(1000), "soft labels", (64, "texts"))
    assert watched.line(0, 30) == "soft labels: step 0 of 1,000, 0 texts/s, ? left"
    assert watched.line(10, 80) == "soft labels: step 10 of 1,000, 8 texts/s, 2 h 12 min left"


def test_a_loss_is_looked_at_only_for_a_line(capsys):
    class Waits:
        def __float__(self):
            raise AssertionError("waited for")

    watched = Watched(range(50), "teacher", (1, "tokens"))
    for _ in watched:
        watched.loss = Waits()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "asked, said",
    [
        (1000, "sst2: 600 training examples, 75 held out to judge by (of 1000 asked for: at most one in 8 is)"),
        (20, "sst2: 600 training examples, 20 held out to judge by"),
    ],
)
def test_how_many_are_held_out_is_said(asked, said, task_data, capsys):
    _, held = training_part(task_named("sst2"), str(task_data), asked)
    assert capsys.readouterr().err.splitlines()[-1].startswith(said) and f", {len(held)} held" in said
