"""The rows of docs/fast.md from benchmark results: of the clock where the machine was quiet, of processor time where others used it."""

from __future__ import annotations

import json

import pytest
from command import ROOT

LAVA = {"tokens": 8, "Lava, ms a step": 30.0, "Lava, processor ms a step": 40.0, "fast, ms a step": 0.01, "fast, processor ms a step": 0.016}
LAVA |= {"times": 3000.0, "times, processor": 2500.0}


@pytest.fixture()
def rows(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import rows

    return rows


@pytest.mark.parametrize(
    "load, kind, measured, beside",
    [
        (0.2, "", "3,000 times at 8 tokens", "Lava: 30 ms a step, of which a sentence takes 4; fast: 0.0100"),
        (9.0, " in processor time", "2,500 times at 8 tokens", "Lava: 40 ms a step, of which a sentence takes 4; fast: 0.0160"),
    ],
)
def test_a_busy_machine_is_timed_by_its_processors(load, kind, measured, beside, rows):
    expected = (f"same program, length and sentences on stock Lava, a step{kind}, start-up apart", measured, beside)
    assert rows.lava_row({"rows": [LAVA], "load before": load}) == expected


def test_synapses_a_second_are_counted_once_a_token_and_over_all_steps(rows):
    """By hand: 84.9 M synapses a token, 128 tokens, the sentence's milliseconds."""
    found = json.loads((ROOT / "benchmarks" / "results" / "fast.json").read_text())
    ours = found["bert-base"]["rows"][:2]
    for row in ours:
        once = 12 * (4 * 768**2 + 2 * 768 * 3072) * 128 / (1e-3 * row["ms a sentence"]) / 1e9
        assert row["once a token"] == pytest.approx(once) and row["G synapses/s, all steps"] == pytest.approx(4 * once)
    program, layers = rows.bert_base_rows(found["bert-base"] | {"load before": 0.2}, found)
    assert [f"at a spike rate of {row['spike rate']:.2f}" in program[1] for row in ours] == [True, True]
    assert "84.9 M synapses a token" in layers[0] and "counted once a token" in layers[1] and "over all T steps" in layers[1]
