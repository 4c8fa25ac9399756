"""Every language model that ships: its card's perplexity is its program's, and all executors agree on real windows of WikiText."""

from __future__ import annotations

import json

import numpy as np
import pytest
from agreement import all_agree, found
from command import runtime_main as main
from shipped import WINDOWED

from tritspike.compiler.lower import lower
from tritspike.runtime.executors.fast.growing import Growing
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.host.program import TOKENS
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tasks.sampling import file_windows

FOLDERS = [folder for folder in WINDOWED if folder.name.startswith("lm-")]
_BYTES = 8 * 2**20
_LENGTH = 20  # tokens: Lava's classes run whole matrices of every pair's coincidences


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda f: f.name)
def folder(request):
    return request.param


def test_it_is_small_and_named_for_what_it_is(folder):
    assert sum(f.stat().st_size for f in folder.iterdir()) <= _BYTES
    config = json.loads((folder / "config.json").read_text())
    assert folder.name in (f"lm-{config['weights']}", f"lm-{config['weights']}-{config['steps']}") and config["steps"] in (2, 4)


def test_the_card_s_perplexity_is_what_the_program_has(folder, wikitext_dir, tmp_path):
    program = tmp_path / "p.tsp"
    program_file.save(lower(folder, "hala-point"), program)
    assert main(["perplexity", str(program), "--data", str(wikitext_dir / "wiki.test.tokens"), "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert {name: report[name] for name in ("per_token", "per_word", "bits_per_byte")} == json.loads((folder / "card.json").read_text())["test"]


def test_all_executors_agree_on_real_windows(folder, wikitext_dir):
    """Torch's integer mode, reference, fast, fast token by token, and Lava's classes: every population at every step."""
    program = lower(folder, "hala-point", length=_LENGTH)
    encoder = Encoder(program)
    tokens = file_windows(encoder, wikitext_dir / "wiki.test.tokens", 8)
    all_agree(folder, program, tokens)
    for ids, kinds in tokens:
        growing, rows = Growing(program.scheduled), encoder.rows([(ids, kinds)])
        for at in range(len(ids)):
            growing.add({TOKENS: encoder.words(np.array(ids[at : at + 1]), np.zeros(1, int), np.array([at]))})
        require_equal(program, found("reference", program, rows), program.result(rows, growing.outcome()), ("reference", "growing"))
