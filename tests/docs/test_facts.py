"""What pages say of blocks and refusals, held to what these give."""

from __future__ import annotations

from dataclasses import replace

import pytest
from command import ROOT
from manual_blocks import blocks, clone, run

import tritspike as ts
from tritspike.compiler.errors import DoesNotFit

LAVA = """
answer = model("a warm and funny film")
assert tuple(logits) == answer.logits, "the page's logits are not the model's"
assert rows.lengths[0] == 7 == len(answer.tokens) and program.host.class_bias.tolist() == [-15, 15]
assert (logits - read).tolist() == [-105, 105], "a token's class bias, times the tokens"

from tritspike.runtime.host.batches import run
from tritspike.runtime.network.outcome import Ask
spikes = run(program, rows, "fast", ask=Ask(record=True)).spikes[program.last.name]
assert (last == spikes[0]).all() and last.any(), "the columns of this window"
assert heard.T[:latency].any(), "not silent before"

two = ["a warm and funny film", "an overlong mess"]
rows = model.encoder.rows(model.encoder.tokens(two), 8)
network = to_lava(program)
for port in scheduled.network.ports:
    spikes = rows.played(port.plays, scheduled.network.by_name[port.population].grid).reshape(2 * program.steps, -1)
    data = np.zeros((spikes.shape[1], 2 * program.steps + scheduled.depth), np.int32)
    data[:, : 2 * program.steps] = spikes.T
    Source(data=data).s_out.connect(getattr(network, port.name))
found = []
for steps in (scheduled.depth + program.steps, program.steps):  # in parts
    network.run(condition=RunSteps(steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True))
    found.append(network.readout.get().astype(int))
network.stop()
assert [tuple(row) for row in program.logits(np.array(found), rows.lengths)] == [a.logits for a in model(two)]
print("as the page says")
"""


def test_lava_s_page_is_right_about_steps_and_readout(tmp_path):
    pytest.importorskip("lava", reason="Lava is not installed")
    (block,) = [b for b in blocks("docs/lava.md") if b.kind == "python"]
    assert run(replace(block, text=block.text + LAVA), clone(tmp_path)).endswith("as the page says\n")


def test_refusals_are_those_that_pages_show():
    page = (ROOT / "docs" / "does-not-fit.md").read_text()
    with pytest.raises(DoesNotFit) as refusal:
        ts.lower("sst2-ternary", "loihi1")
    assert f"error: {refusal.value}\n" in page
    for length in (24, 56):
        assert f"{ts.lower('sst2-one-chip', length=length).neurons():,}" in page
    for name in ("lm-stream-ternary", "lm-ternary"):
        assert f"{ts.lower(name).neurons():,}" in page


def test_a_streaming_program_is_not_deployed(tmp_path):
    """As the tutorial and the limits say."""
    lines = "tritspike lower sst2-stream-ternary --out s.tsp\ntritspike deploy s.tsp --profile kapoho-point --dry-run  # exit code 1\n"
    (block, *_) = blocks("docs/tutorial.md")
    assert run(replace(block, kind="sh", text=lines), clone(tmp_path))
