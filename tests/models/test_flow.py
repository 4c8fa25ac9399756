"""Models through which tokens flow: torch's integers are the executors', in one piece or in crops, and come back from a checkpoint as they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flow_modules import SMALL, folded

from tritspike import net as tn
from tritspike.compiler.lower import lower_network
from tritspike.models.flow import Flow
from tritspike.models.mixers import MIXERS
from tritspike.models.nets import first_difference, outcome, trace
from tritspike.models.nets.values import Going
from tritspike.models.sizes import FlowConfig

CASES = [{"mixer": mixer} for mixer in MIXERS] + [{"series": True}, {"steps": 1}, {"period": 4, "layers": 1}, {"weights": "binary", "steps": 2}]


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_torch_s_integers_are_the_executors_on_every_spike(changes):
    model = folded(**changes)
    ids = torch.randint(40, (1, 25))
    played, ours = outcome(model, ids)
    program = lower_network(trace(model), model.config.timing)
    for executor in ("reference", "fast"):
        assert first_difference(ours, tn.run(program, played, executor=executor, record=True)) is None
    spiking = {name for name, spikes in ours.spikes.items() if spikes.any()}
    assert spiking >= {name for name in ours.spikes if "trace" in name or "output" in name}


@torch.no_grad()
@pytest.mark.parametrize("mixer", MIXERS)
def test_crops_of_any_length_go_on_where_the_last_one_ended(mixer):
    model, ids = folded(mixer=mixer), torch.randint(40, (3, 31))
    whole, kept, parts = model(ids), {}, []
    for at, to in ((0, 1), (1, 9), (9, 10), (10, 31)):
        parts.append(model(Going(ids[:, at:to], kept)))
    assert torch.equal(torch.cat(parts, 1), whole)
    alone = model(ids[1:2])
    assert torch.equal(alone[0], whole[1])


@torch.no_grad()
def test_what_was_read_long_ago_is_still_heard():
    model = folded()
    first, second = torch.randint(40, (1, 40)), torch.randint(40, (1, 40))
    second[:, 20:] = first[:, 20:]
    differs = (model(first) != model(second)).any(-1)[0]
    assert differs[20:].any() and not torch.equal(model(first)[:, 30:], model(first[:, 30:]))


@torch.no_grad()
def test_steps_without_input_need_not_be_computed():
    model, ids = folded(), torch.randint(40, (2, 9))
    short, model.x.whole = model(ids), True
    assert torch.equal(short, model(ids))


def test_floats_learn_through_state():
    torch.manual_seed(0)
    model, ids = Flow(FlowConfig(**SMALL)), torch.randint(40, (4, 12))
    model(ids).square().sum().backward()
    still = [name for name, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.abs().sum())]
    assert still == ["x.current.segment"] or not still
    assert all(np.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
