"""Kernels compiled for other CPUs than this one: nothing needs vectors as wide as ours."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
from command import ROOT

_RUN = """
import sys
from pathlib import Path
from numba.core.registry import cpu_target
import random_checkpoint
from tritspike.compiler.lower import lower
from tritspike.runtime.host.compare import require_equal
from tritspike.runtime.executors.fast import run as fast
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.simulator import kernels  # or numpy does so little work

_, cpu, features = cpu_target.target_context.codegen().magic_tuple()
assert (cpu, "+avx512f" in features) == (sys.argv[1], False), (cpu, features)
for seed, changes in ((0, {}), (1, dict(weights="binary", ffn=600, hidden=96)), (2, dict(causal=True, readout="each"))):
    program = lower(random_checkpoint.write(Path(sys.argv[2]) / str(seed), seed, **changes), "kapoho-point")
    rows = Encoder(program).rows(random_checkpoint.tokens(seed, 4, 12))
    expected, got = (program.result(rows, run(program.scheduled, rows, record=True)) for run in (literal.run, fast.run))
    require_equal(program, expected, got, ("reference", "fast"))
"""


@pytest.mark.parametrize("cpu, features", [("generic", ""), pytest.param("haswell", "+avx2", marks=pytest.mark.long)])
def test_fast_is_the_reference_on_a_cpu_without_wide_vectors(cpu, features, tmp_path):
    """`generic` is what every CPU of its kind has: SSE2 on x86-64."""
    if cpu != "generic" and platform.machine() != "x86_64":
        pytest.skip(f"no {cpu} is a {platform.machine()}")
    told = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features, "TRITSPIKE_CACHE": str(tmp_path / "cache")}
    env = os.environ | told | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))}
    done = subprocess.run([sys.executable, "-c", _RUN, cpu, str(tmp_path)], capture_output=True, text=True, env=env, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "compiling kernels for this CPU" in done.stderr and (tmp_path / "cache").is_dir()
