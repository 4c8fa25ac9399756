"""Where shared data is found, and checkpoints that tests lower."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import random_checkpoint
from hypothesis import HealthCheck, settings

from tritspike.runtime.simulator import cache

# nothing depends on the terminal or the shell that tests are started from, nor on how busy the machine is
for _name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "MPLBACKEND", "PYTHONWARNINGS"):
    os.environ.pop(_name, None)

# properties are tried on the same examples each time; with --hypothesis-profile=fresh, as `make fuzz` has it, on others
_ANY_LOAD = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.register_profile("same", derandomize=True, **_ANY_LOAD)
settings.register_profile("fresh", print_blob=True, **_ANY_LOAD)
settings.load_profile("same")

_SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files instead of comparing with them")


@pytest.fixture(scope="session", autouse=True)
def compiled():
    """Kernels are compiled before the first test, so that no test sees the line that says so."""
    cache.prepare()


def _data(*parts: str) -> Path:
    path = Path(os.environ["GLUE_DIR"]).parent if "GLUE_DIR" in os.environ else _SHARED
    found = path.joinpath(*parts)
    if not found.exists():
        pytest.skip(f"{'/'.join(parts)} is not here: set GLUE_DIR to the GLUE data, or put shared/ beside the clone")
    return found


@pytest.fixture(scope="session")
def glue_dir() -> Path:
    return _data("glue")


@pytest.fixture(scope="session")
def wikitext_dir() -> Path:
    return _data("wikitext-2")


@pytest.fixture(scope="session")
def faults_dir() -> Path:
    return _data("faults")


@pytest.fixture(scope="session")
def nir_dir() -> Path:
    return _data("nir")


@pytest.fixture(scope="session")
def qonnx_dir() -> Path:
    return _data("qonnx")


@pytest.fixture(scope="session")
def chip_trace() -> Path:
    return _data("loihi2_trace")


@pytest.fixture()
def checkpoint(tmp_path) -> Path:
    return random_checkpoint.write(tmp_path / "checkpoint")


@pytest.fixture()
def golden(request):
    """Compare text with tests/golden/NAME; a missing file fails and is named; --update-golden writes it."""

    def check(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{path} is missing: run pytest --update-golden and review it"
        assert text == path.read_text()

    return check
