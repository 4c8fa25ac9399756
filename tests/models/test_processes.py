"""Training in several processes: as far from one process as rounding is, and the same bytes after a kill of any of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from several import SEEN

from tritspike.models import processes
from tritspike.models.data import Corpus, pack_own
from tritspike.models.nets import norms
from tritspike.models.nets.packing import Share
from tritspike.runtime.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("window", "flow", "language", "stream")


@pytest.fixture(scope="module")
def said():
    """What both scripts print: all of it in one process, which imports everything once."""
    command = [sys.executable, "tests/kill_several.py", "--measure", *KINDS]
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
    assert not done.stderr or done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_learn_as_one_does(said, kind):
    found = next(line for line in map(json.loads, filter(lambda s: s.startswith("{"), said)) if line["kind"] == kind)
    assert found["gradients"] < 1e-5 and found["losses"] < 1e-3, found
    assert all(found[name] > 1e-2 for name in SEEN[kind]), "what is wrong is not seen"


@pytest.mark.parametrize("kind, kills", [("window", 4), ("stream", 1)])
def test_a_run_of_two_processes_goes_on_after_a_kill_to_the_same_bytes(said, kind, kills):
    assert f"{kind}: {kills} kills, 0 of them with another end" in said, "\n".join(said)


# one process that is told of another


@pytest.fixture()
def second_of_two(monkeypatch):
    """The other one has the same numbers."""
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor: tensor.mul_(2))


def test_a_batch_is_split_and_its_shares_add_up(second_of_two, monkeypatch):
    lengths = [2, 5, 3, 4, 7]
    corpus = Corpus(np.arange(sum(lengths), dtype=np.int32), np.zeros(sum(lengths), np.int8), np.cumsum([0, *lengths]))
    rows, found = np.array([4, 3, 0, 1, 1]), []
    for rank in range(2):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        batch, own = pack_own(corpus, rows)
        assert batch.lengths().tolist() == [lengths[n] for n in own]
        found.append((own.tolist(), batch.share))
    assert found[0][0] == [4, 0, 1] and found[1][0] == [3, 1]
    assert found[0][1] == Share(3 / 5, 14 / 23, (49 + 4 + 25) / (49 + 16 + 4 + 25 + 25))
    assert [sum(getattr(share, name) for _, share in found) for name in ("texts", "tokens", "pairs")] == pytest.approx([1, 1, 1])
    with pytest.raises(InputError, match="a batch of 1 for 2 processes"):
        pack_own(corpus, rows[:1])


def test_a_norm_of_twice_the_same_is_torch_s_of_both(second_of_two):
    for momentum in (0.02, None):
        torch.manual_seed(0)
        ours, theirs = (torch.nn.BatchNorm1d(5, eps=1.0, momentum=momentum) for _ in range(2))
        for _ in range(2):
            values = (torch.randn(40, 5) * 3 + 7).requires_grad_()
            twice = torch.cat([values, values]).detach().requires_grad_()
            weights = torch.randn(40, 5)
            found, wanted = norms.normed(ours, values), theirs(twice)
            assert torch.allclose(found, wanted[:40], atol=1e-5)
            (found * weights).sum().backward()
            (wanted * torch.cat([weights, weights])).sum().backward()
            assert torch.allclose(values.grad, twice.grad[:40], atol=1e-5)
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            assert torch.allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-5)
        assert torch.allclose(norms.watched(ours, values), values.mean(0))
    with processes.apart():
        assert torch.equal(norms.normed(theirs.eval(), values), theirs(values)) and processes.count() == 1


def test_a_process_that_is_gone_is_named_in_one_line(second_of_two, monkeypatch):
    def gone(tensor):
        raise RuntimeError("Connection closed by peer\nat somewhere")

    monkeypatch.setattr(torch.distributed, "all_reduce", gone)
    with pytest.raises(InputError, match=r"another process of this training has ended: Connection closed by peer") as caught:
        processes.total(torch.ones(1))
    assert not re.search("somewhere", str(caught.value))


def test_processes_that_do_not_find_each_other_are_told_so(monkeypatch):
    for name in ("MASTER_ADDR", "MASTER_PORT", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for many in ("2", "many"):
        monkeypatch.setenv("WORLD_SIZE", many)
        with pytest.raises(InputError, match=f"WORLD_SIZE={many}, and the processes do not find each other"), processes.joined(torch.device("cpu")):
            pass


def test_alone_nothing_is_summed_or_split():
    values = torch.ones(3, requires_grad=True)
    assert processes.summed(values) is values and processes.part(7) == slice(None) and processes.leads()
