"""Every streaming model that ships: its card's figures are its program's, and executors agree on real text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import runtime_main as main
from shipped import STREAMS

from tritspike.compiler.lower import lower
from tritspike.models.equality import compare
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import executor
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.host.trained import model_of
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tasks.sampling import file_start

LANGUAGE = [f for f in STREAMS if f.name.startswith("lm-")]
_BYTES = 16 * 2**20
_TOKENS = 60  # that the reference plays


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Where each is lowered to, once."""
    folder, made = tmp_path_factory.mktemp("streams"), {}

    def program(of: Path) -> Path:
        if of not in made:
            made[of] = folder / f"{of.name}.tsp"
            program_file.save(lower(of, "loihi2"), made[of])
        return made[of]

    return program


def test_some_ship():
    assert LANGUAGE


@pytest.mark.parametrize("folder", STREAMS, ids=lambda f: f.name)
def test_it_is_small_and_named_for_what_it_is(folder):
    assert sum(f.stat().st_size for f in folder.iterdir()) <= _BYTES
    model, task = model_of(folder), json.loads((folder / "config.json").read_text())["task"]
    name = f"{task}-stream-{model['weights']}"
    assert folder.name in (name, f"{name}-{model['steps']}", f"{name}-chip")


@pytest.mark.parametrize("folder", LANGUAGE, ids=lambda f: f.name)
def test_the_card_s_perplexity_is_what_the_program_has(folder, programs, wikitext_dir, tmp_path):
    data = str(wikitext_dir / "wiki.test.tokens")
    assert main(["perplexity", str(programs(folder)), "--data", data, "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert {name: report[name] for name in ("per_token", "per_word", "bits_per_byte")} == json.loads((folder / "card.json").read_text())["test"]


@pytest.mark.parametrize("folder", LANGUAGE, ids=lambda f: f.name)
def test_torch_and_executors_agree_on_real_text(folder, programs, wikitext_dir):
    """Torch's integers and fast on every token; reference and fast on every population at every step; fast in chunks."""
    found = compare(folder, programs(folder), str(wikitext_dir / "wiki.test.tokens"), 400)
    assert found.all_equal and found.sentences == 400
    program = program_file.load(programs(folder))
    rows = Encoder(program).rows(file_start(Encoder(program), wikitext_dir / "wiki.test.tokens", _TOKENS))
    ask = Ask(record=True)
    ours, theirs = (executor(name).prepare(program.scheduled, How()).run(rows, ask) for name in ("fast", "reference"))
    assert ours.spikes.keys() == theirs.spikes.keys()
    assert all(np.array_equal(ours.spikes[name], theirs.spikes[name]) for name in theirs.spikes)
    assert all(np.array_equal(ours.read[name], theirs.read[name]) for name in theirs.read)


def test_classifiers_say_on_dev_what_their_cards_do(programs, glue_dir, tmp_path):
    for folder in (f for f in STREAMS if f not in LANGUAGE):
        card, task = json.loads((folder / "card.json").read_text()), folder.name.split("-")[0]
        assert main(["glue", str(programs(folder)), "--task", task, "--data", str(glue_dir), "--json", str(tmp_path / "r.json")]) == 0
        report = json.loads((tmp_path / "r.json").read_text())
        assert {name: report[name] for name in card["dev"]} == card["dev"]
        found = compare(folder, programs(folder), str(glue_dir))
        assert found.all_equal and found.sentences > 0
