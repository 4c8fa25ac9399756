"""The hint for a missing extra: no index has this package, so pip must find it where it lies."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from command import ROOT

from tritspike.runtime import install

_NAMED = re.compile(r"pip install [^`\n]*tritspike\[")


@pytest.fixture(params=[True, False], ids=["installed", "a clone"])
def here(request, monkeypatch):
    def version(name):
        if not request.param:
            raise metadata.PackageNotFoundError(name)
        return "0"

    monkeypatch.setattr(metadata, "version", version)
    return request.param


def test_it_is_right_where_it_is_installed_and_in_a_clone(here):
    said = install.command("report"), install.command()
    assert said == (("pip install 'tritspike[report]'", "pip install tritspike") if here else CLONE)


CLONE = ("pip install -e '.[report]' in the clone", "pip install -e . in the clone")


def test_no_page_sends_a_newcomer_to_an_index():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    assert [page.name for page in pages if _NAMED.search(page.read_text())] == []


def test_no_hint_is_written_out_elsewhere():
    """`install.command` alone knows how this package is called."""
    files = [path for folder in ("runtime", "compiler", "models", "hw_profiles", "tritspike") for path in (ROOT / folder).glob("*.py")]
    files += [path for folder in ("runtime", "compiler", "models") for path in (ROOT / folder).rglob("*/*.py")]
    assert len(files) > 200 and [path.name for path in files if _NAMED.search(path.read_text())] == []
