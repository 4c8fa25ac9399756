"""The checkpoint that ships, on real sentences: the card's figure is the program's, and every executor computes it."""

from __future__ import annotations

import json

import pytest
from command import runtime_main as main
from shipped import ZOO

from tritspike.compiler.lower import lower
from tritspike.models.equality import compare
from tritspike.runtime.host import file as program_file

CHECKPOINT = ZOO / "sst2-one-chip"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("shipped") / "sst2.tsp"
    program_file.save(lower(CHECKPOINT, "loihi2"), path)
    return path


def test_the_card_s_dev_accuracy_is_what_glue_prints(program, glue_dir, tmp_path, capsys):
    card = json.loads((CHECKPOINT / "card.json").read_text())
    assert main(["glue", str(program), "--task", "sst2", "--data", str(glue_dir), "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["examples"] == len(report["predictions"]) == 872
    assert report["accuracy"] == card["dev"]["accuracy"] >= 0.82
    assert f"accuracy {report['accuracy']:.6f} on 872 examples" in capsys.readouterr().out


def test_torch_integer_mode_is_fast_on_every_dev_sentence(program, glue_dir):
    found = compare(CHECKPOINT, program, str(glue_dir))
    assert (found.sentences, found.spikes_equal, found.logits_equal) == (872, 872, 872)


def test_reference_fast_and_lava_agree_on_64_real_sentences(program, glue_dir, capsys):
    """Every population, coincidence neurons and relays too, at every step of each sentence's window."""
    assert main(["verify", str(program), "--data", str(glue_dir), "--limit", "64", "--executor", "fast,lava"]) == 0
    assert capsys.readouterr().out.startswith("equal: reference == fast == lava on 64 samples")


def test_lava_scores_as_fast_does(program, glue_dir, tmp_path):
    """A few sentences here; the benchmark does all 872."""
    reports = []
    for executor in ("fast", "lava"):
        out = tmp_path / f"{executor}.json"
        main(["glue", str(program), "--task", "sst2", "--data", str(glue_dir), "--limit", "24", "--executor", executor, "--json", str(out)])
        reports.append(json.loads(out.read_text()))
    assert reports[0]["logits"] == reports[1]["logits"] and reports[0]["predictions"] == reports[1]["predictions"]
