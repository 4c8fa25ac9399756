"""What a step of training does in less time gives what it gave: products by those that fire, rates, and tables whose gradients are mostly zero."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tritspike.models import sparse, spiking, state
from tritspike.models.nets import tables
from tritspike.models.nets.values import _Rate


def _case(seed: int, rows: int, columns: int, codes: int, rate: float) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    spikes = torch.from_numpy(rng.random((rows, columns)) < rate).bfloat16()
    return spikes, torch.from_numpy(rng.integers(-1, 2, (codes, columns))).float()


@pytest.mark.hypothesis
@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 200),
    columns=st.integers(1, 700),
    codes=st.integers(1, 80),
    rate=st.sampled_from((0.0, 0.1, 0.5, 1.0)),
)
def test_a_product_is_the_dense_one(seed, rows, columns, codes, rate):
    spikes, matrix = _case(seed, rows, columns, codes, rate)
    assert torch.equal(sparse.product(spikes, matrix), (spikes.double() @ matrix.double().T).float())


@pytest.mark.parametrize("sign", [-1, 1])
def test_sums_beyond_a_byte_are_exact(sign):
    spikes, matrix = torch.ones(3, 5000).bfloat16(), torch.full((2, 5000), float(sign))
    assert torch.equal(sparse.product(spikes, matrix), torch.full((3, 2), 5000.0 * sign))


def test_several_threads_give_the_same():
    spikes, matrix = _case(1, 999, 300, 64, 0.1)
    one, before = sparse.product(spikes, matrix), torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert torch.equal(sparse.product(spikes, matrix), one)
    finally:
        torch.set_num_threads(before)


def test_columns_in_any_order_and_more_dimensions():
    spikes, matrix = _case(2, 60, 40, 8, 0.3)
    folded = spikes.view(4, 15, 40)
    assert torch.equal(spiking.exact_product(folded, matrix), (spikes @ matrix.T.bfloat16()).float().view(4, 15, 8))
    assert torch.equal(spiking.exact_product(folded.transpose(0, 1), matrix), spiking.exact_product(folded, matrix).transpose(0, 1))


def test_a_rate_and_its_gradient_are_those_of_a_mean():
    spikes = (torch.rand(3, 50, 7) < 0.2).bfloat16()
    found = []
    for rate in (_Rate.apply, lambda x: x.mean(dtype=torch.float32)):
        x = spikes.clone().requires_grad_()
        mean = rate(x)
        (mean * 0.37).backward()
        found.append((mean.detach(), x.grad))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


def _trained(read) -> torch.Tensor:
    """A table after steps that each read other rows, some twice."""
    torch.manual_seed(0)
    model = nn.ParameterDict({"table": nn.Parameter(torch.randn(40, 6))})
    live = state.Live(Path("unused"), {"student": model}, 1e-2)
    for ids in torch.randint(40, (5, 9)):
        live.step((read(ids, model["table"]) * torch.randn(9, 6)).square().sum())
    return model["table"].detach()


def test_a_table_learns_what_it_would():
    assert torch.equal(_trained(tables.rows), _trained(nn.functional.embedding))


def test_gradients_add_up_until_they_are_cleared():
    table = nn.Parameter(torch.zeros(5, 2))
    for _ in range(2):
        tables.rows(torch.tensor([1, 1, 3]), table).sum().backward()
    assert table.grad.tolist() == [[0, 0], [4, 4], [0, 0], [2, 2], [0, 0]]
    tables.clear([table], alone=True)
    tables.rows(torch.tensor([0]), table).sum().backward()
    assert table.grad.tolist() == [[1, 1], [0, 0], [0, 0], [0, 0], [0, 0]]


def test_memory_is_used_again_and_not_where_others_gave_gradients_too():
    table = nn.Parameter(torch.zeros(5, 2))
    for alone in (True, False):
        tables.rows(torch.tensor([1]), table).sum().backward()
        before = table.grad.data_ptr()
        tables.clear([table], alone=alone)
        assert table.grad is None
        spare = vars(table).get("spare_gradient")
        assert (spare is not None and spare.data_ptr() == before) is alone
        vars(table).pop("spare_gradient", None)
