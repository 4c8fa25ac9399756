"""The baseline of language models: probabilities by hand and as a whole, and what the command reports."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import kneser_ney
from tritspike.models.streams import train_tokenizer, wikitext
from tritspike.runtime.errors import InputError


def after(model, *context):
    """(vocabulary,) probabilities of what follows."""
    return model.probabilities(np.array([[*context, w] for w in range(model.vocabulary)], np.int64))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_what_may_follow_sums_to_one(order):
    """Behind contexts seen whole, in part and not at all; token 11 was never seen, 12 is none."""
    rng = np.random.default_rng(0)
    ids = np.minimum(rng.geometric(0.25, 3000) - 1, 10).astype(np.int32)
    model, known = kneser_ney.fit(ids, 12, order), ids[50 : 50 + order - 1].tolist()
    for context in (known, [11, *known[1:]], [12, *known[1:]], [*known[:-1], 11], [11] * (order - 1), [10] * (order - 1)):
        found = after(model, *context)
        assert found.min() > 0 and abs(found.sum() - 1) < 1e-9
    assert not np.array_equal(kneser_ney.discounts(np.unique(ids[:-1] * 12 + ids[1:], return_counts=True)[1]), kneser_ney.FALLBACK)


def test_discounts_by_hand():
    """n1..n4 = 4, 2, 1, 1: Y = 4 / 8, D1 = 1 - 2/2 * 2/4, D2 = 2 - 3/2 * 1/2, D3+ = 3 - 4/2 * 1/1."""
    assert kneser_ney.discounts(np.array([1, 1, 1, 1, 2, 2, 3, 4, 9])).tolist() == [0.5, 1.25, 1.0]
    assert kneser_ney.discounts(np.array([1, 1, 2, 3])).tolist() == [0.5, 1.0, 1.5]


def test_pairs_by_hand():
    """01 and 10 twice, 02 and 21 once. Token 0 was seen three times, but behind one token only: it counts as much as token 2."""
    model = kneser_ney.fit(np.array([0, 1, 0, 1, 0, 2, 1], np.int32), 3, 2)
    single = np.array([0.5 / 4 + 0.5 / 3, 1 / 4 + 0.5 / 3, 0.5 / 4 + 0.5 / 3])
    assert after(model, 3) == pytest.approx(single, abs=1e-12)
    assert after(model, 0) == pytest.approx(np.array([0, 1 / 3, 0.5 / 3]) + 1.5 / 3 * single, abs=1e-12)


def test_triples_by_hand():
    """010, 101 and 012 once each, so that 1/2 is taken off every count and given to the order below."""
    model = kneser_ney.fit(np.array([0, 1, 0, 1, 2], np.int32), 4, 3)
    assert after(model, 0, 1) == pytest.approx(np.array([43, 7, 43, 3]) / 96, abs=1e-12)
    assert after(model, 2, 1) == pytest.approx(np.array([19, 7, 19, 3]) / 48, abs=1e-12)
    assert after(model, 1, 2) == pytest.approx(np.array([7, 7, 7, 3]) / 24, abs=1e-12)


def test_weights_of_a_mixture_are_the_likeliest():
    found = np.random.default_rng(0).uniform(0.01, 1, (2, 500)) * [[1.0], [0.9]]
    weights = kneser_ney.mixture_weights(found)
    likelihood = [np.log(w * found[0] + (1 - w) * found[1]).sum() for w in np.linspace(0, 1, 1001)]
    assert weights.sum() == pytest.approx(1) and weights[0] == pytest.approx(np.argmax(likelihood) / 1000, abs=2e-3)


def test_too_many_tokens_for_a_key_are_refused():
    with pytest.raises(InputError, match=r"^4 tokens of 60000 do not fit 64 bits \(hint: a lower --order\)$"):
        kneser_ney.fit(np.zeros(9, np.int32), 60000, 4)


def test_the_command_reports_all_models_and_names_the_lowest_on_validation(wiki, tmp_path, capsys):
    tokenizer = train_tokenizer(wikitext(wiki, "train"), 300)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "card.json").write_text(json.dumps({"options": {"lines": 3}}))
    (tmp_path / "r.txt").write_text("five six seven one\n" * 40)
    files = ["--teacher", tmp_path, "--data", wiki, "--unlabelled", tmp_path / "r.txt", "--json", tmp_path / "found.json"]
    kneser_ney.main([*map(str, files), "--split", "test"])
    found, text = json.loads((tmp_path / "found.json").read_text()), (wiki / "wiki.test.tokens").read_text()
    assert found["lines"] == 3 and found["train_tokens"]["both"] == found["train_tokens"]["wikitext"] + found["train_tokens"]["reviews"]
    valid = {name: figures["per_token"] for name, figures in found["valid"].items()}
    assert set(valid) == {"wikitext", "reviews", "both", "mixture"} and found["baseline"] == min(valid, key=valid.get)
    assert valid["mixture"] == pytest.approx(min(valid.values()), rel=1e-3)  # nearly all of it is WikiText's model
    tokens, words = len(tokenizer.encode(text).ids) - 1, len(text.split())
    for figures in found["test"].values():
        nats = np.log(figures["per_token"]) * tokens
        assert nats == pytest.approx(np.log(figures["per_word"]) * words)
        assert nats == pytest.approx(figures["bits_per_byte"] * np.log(2) * len(text.encode()))
    assert "| mixture (" in capsys.readouterr().out
