"""A streaming model as a checkpoint, lowered, and back: the same integers everywhere."""

from __future__ import annotations

import json

import pytest
import torch
from flow_modules import SMALL, folded, tokenizer

from tritspike.compiler.lower import lower
from tritspike.models.export import export
from tritspike.models.load import load_flow
from tritspike.models.nets import first_difference, outcome, trace
from tritspike.runtime.errors import CheckpointError, FileError
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.batches import run
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.host.trained import load
from tritspike.runtime.network.writing import Writer


@pytest.fixture(scope="module", params=["traces", "both"])
def written(request, tmp_path_factory):
    model, folder = folded(mixer=request.param), tmp_path_factory.mktemp(request.param)
    export(model, tokenizer(), "lm", folder, {"seed": 0})
    return model, folder


@torch.no_grad()
def test_the_program_s_logits_are_torch_s(written, tmp_path):
    model, folder = written
    program = lower(folder, "loihi2")
    program_file.save(program, tmp_path / "lm.tsp")
    program = program_file.load(tmp_path / "lm.tsp")
    ids = torch.randint(SMALL["vocabulary"], (2, 17))
    encoder = Encoder(program)
    weight, bias = model.answer.integers()
    for executor in ("reference", "fast"):
        for some in ids:
            rows = encoder.rows([(some.tolist(), [0] * 17)])
            found = run(program, rows, executor)
            counts = torch.from_numpy(found.read).double()
            assert (found.logits == ((counts @ weight.double().T) * 64 + bias.double()).numpy()).all()
            assert torch.allclose(torch.from_numpy(program.scores(found.logits, rows.lengths)).float(), model(some[None])[0], rtol=1e-5)


@torch.no_grad()
def test_it_comes_back_as_it_was(written):
    model, folder = written
    again = load_flow(folder)
    ids = torch.randint(SMALL["vocabulary"], (1, 12))
    assert torch.allclose(model(ids), again(ids), rtol=1e-5, atol=1e-5)  # floats of the same integers
    assert first_difference(outcome(model, ids)[1], outcome(again, ids)[1]) is None
    one, two = (Writer() for _ in range(2))
    assert one.network(trace(model), model.config.timing) == two.network(trace(again), model.config.timing)
    assert all((one.arrays[name] == two.arrays[name]).all() for name in one.arrays)


def test_the_head_may_be_synapses(written):
    _, folder = written
    host, chip = lower(folder, "loihi2"), lower(folder, "loihi2", head="chip")
    tokens = [(list(range(9)), [0] * 9)]
    found = [run(program, Encoder(program).rows(tokens), "reference").logits for program in (host, chip)]
    assert (found[0] == found[1]).all() and chip.each


def test_damage_is_one_line(written, tmp_path):
    _, folder = written
    content = (folder / "model.safetensors").read_bytes()
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    for cut in (content[:-100], content[:4000], bytes([*content[:-1], content[-1] ^ 1])):
        (tmp_path / "model.safetensors").write_bytes(cut)
        with pytest.raises((FileError, CheckpointError), match=r"model\.safetensors"):
            load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"version": 9}))
    with pytest.raises((FileError, CheckpointError)):
        lower(tmp_path, "loihi2")
