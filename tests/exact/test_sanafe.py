"""Against a simulator that no one here wrote. Needs SANAFE_PYTHON, a Python that has sanafe and numpy; SANA-FE is GPL and never imported here."""

from __future__ import annotations

import os

import pytest
import random_checkpoint

from benchmarks import sanafe_check
from tritspike.compiler.lower import lower
from tritspike.runtime.host.text import Encoder


@pytest.mark.skipif("SANAFE_PYTHON" not in os.environ, reason="SANAFE_PYTHON names no Python with sanafe")
@pytest.mark.parametrize("changes", [{}, {"causal": True, "steps": 3}])
def test_every_spike_and_synaptic_event_is_sana_fe_s(changes, tmp_path):
    """A full attention block, one sample shorter than the program, so that the padding mask works too."""
    program = lower(random_checkpoint.write(tmp_path / "c", 3, **changes), "loihi1")
    rows = Encoder(program).rows([([1, 5, 6, 7, 8, 9, 2], [0] * 7)])
    found = sanafe_check.check(program, rows, os.environ["SANAFE_PYTHON"])
    assert found["spikes"] == found["SANA-FE spikes"] > 1000
    assert found["synaptic events"] == found["SANA-FE synaptic events"] > found["spikes"]
    assert 0.3 < found["SANA-FE energy uJ, total"] / found["energy uJ"] < 3  # both from Loihi's published events, calibrated differently
