"""`make demo`: on Lava where it is, else beside the reference, and saying what is missing."""

from __future__ import annotations

import pytest

from tritspike.compiler import demo
from tritspike.runtime.executors.lava import stock


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    monkeypatch.delenv("GLUE_DIR", raising=False)


def told(checkpoint, tmp_path, capsys) -> str:
    assert demo.main([str(checkpoint), str(tmp_path / "out")]) == 0
    return capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:text")
def test_without_lava_the_reference_is_beside_fast(checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(stock, "installed", lambda: False)
    out = told(checkpoint, tmp_path, capsys)
    assert "missing: Lava is not installed (hint: tritspike lava install); comparing with the reference simulator instead\n" in out
    assert "every spike equal: fast == reference in " in out and "lava" not in out.replace("tritspike lava", "").replace("Lava", "")


@pytest.mark.filterwarnings("ignore:text")
@pytest.mark.skipif(not stock.installed(), reason="lava-nc is not installed")
def test_with_lava_it_is(checkpoint, tmp_path, capsys):
    out = told(checkpoint, tmp_path, capsys)
    assert "missing" not in out and "every spike equal: fast == lava in " in out
