"""The commands on a program through which tokens flow: what they say of it, and what they refuse in one line."""

from __future__ import annotations

import re

import pytest
import torch
from command import lower_main, runtime_main
from flow_modules import SMALL, folded, tokenizer

from tritspike.compiler.lower import lower
from tritspike.hw_profiles.errors import TritspikeError
from tritspike.models.equality import compare
from tritspike.models.export import export
from tritspike.runtime.host import file as program_file
from tritspike.runtime.tables import few_lines, html

TEXT = " ".join(f"w{n * n % 37}" for n in range(50)) + "\n" + "w1 w2\n"
TAKES = "a token every 12 steps, 4 with input"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """(checkpoint, program, text)."""
    folder = tmp_path_factory.mktemp("lm")
    export(folded(), tokenizer(), "lm", folder / "ck", {})
    program_file.save(lower(folder / "ck", "loihi2"), folder / "p.tsp")
    (folder / "text").write_text(TEXT)
    return folder / "ck", folder / "p.tsp", folder / "text"


def said(capsys, main, *argv) -> str:
    assert main([str(a) for a in argv]) == 0
    return capsys.readouterr().out


def refused(*argv) -> str:
    with pytest.raises(TritspikeError) as error:
        runtime_main([str(a) for a in argv])
    return str(error.value)


def test_a_text_is_verified_as_one_sequence(written, capsys):
    _, program, text = written
    for options, tokens in (([], 52), (["--limit", 20], 20)):
        found = said(capsys, runtime_main, "verify", program, "--executor", "fast", "--data", text, *options)
        assert found.startswith(f"equal: reference == fast on 1 sample of {tokens} tokens, ")
    longer = re.match(r"equal: reference == fast on 8 samples of (\d+) tokens", said(capsys, runtime_main, "verify", program, "--executor", "fast"))
    assert longer and 8 < int(longer[1]) <= 8 * 16


def test_tables_say_that_tokens_flow(written, capsys):
    _, path, _ = written
    program = program_file.load(path)
    for found in (said(capsys, runtime_main, "inspect", path, "--plan", "--check"), few_lines(program), html(program)):
        assert TAKES in found and "1 tokens" not in found


def test_a_mapping_s_figures_are_a_token_s(written, capsys, tmp_path):
    folder, _, text = written
    assumed, measured = [said(capsys, lower_main, folder, "--out", tmp_path / "m.tsp", "--map", *rates) for rates in ([], ["--rates", text])]
    for found in (assumed, measured):
        assert TAKES in found and "loihi2, a stream: " in found and "a token, streamed" in found
        assert "sentence" not in found and "1 tokens" not in found
    shown = said(capsys, runtime_main, "inspect", tmp_path / "m.tsp", "--map")
    assert "measured on 2 texts of text" in shown
    options = ("--executor", "partitioned", "--map", tmp_path / "m.map", "--data", text, "--limit", 9)
    assert "reference == partitioned on 1 sample of 9 tokens" in said(capsys, runtime_main, "verify", tmp_path / "m.tsp", *options)


def test_what_needs_whole_texts_refuses_in_one_line(written, tmp_path):
    folder, program, text = written
    for more in (["--dry-run"], ["--bundle", tmp_path / "b.zip"]):
        found = refused("deploy", program, "--profile", "loihi2", *more)
        assert found == f"{program}: tokens flow through it, a board is given texts at once (hint: verify --executor lava runs it on Lava)"
    for source, how in ((folder, "trained"), (program, "compiled")):
        found = refused("compare", source, source, "--task", "sst2", "--data", tmp_path)
        assert found.startswith(f"{source}: {how} for lm, not for sst2")
    for command in (["generate", program, "w1"], ["perplexity", program, "--data", text]):
        found = refused(*command, "--executor", "lava", "--state", tmp_path / "state")
        assert found == "--state with --executor lava, which hands out no state (hint: --executor fast, onnx)"
    assert not list(tmp_path.iterdir())


def test_torch_and_the_program_are_held_together_token_by_token(written, tmp_path):
    folder, program, text = written
    found = compare(folder, program, str(text), 30)
    assert found.all_equal and str(found) == "last-layer spikes equal on 30 of 30 tokens, logits on 30 of 30"
    other = folded()
    with torch.no_grad():
        other.answer.bias[SMALL["vocabulary"] // 2] += 1
    export(other, tokenizer(), "lm", tmp_path, {})
    wrong = compare(tmp_path, program, str(text), 30)
    assert (wrong.spikes_equal, wrong.logits_equal) == (30, 0) and not wrong.all_equal
