"""Checkpoints by hf://, on a stand-in of the library's cache and with the network switched off: no hub is asked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import random_checkpoint

from tritspike import names
from tritspike.compiler.lower import lower
from tritspike.hub import FILES, fetched
from tritspike.runtime.errors import FileError
from tritspike.runtime.host import file as program_file

constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed: pip install 'tritspike[hub]'")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture()
def cache(tmp_path, monkeypatch) -> Path:
    """models--owner--name with `main` at COMMIT: blobs named as the hub names them, a snapshot of links."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    source, home = random_checkpoint.write(tmp_path / "c"), tmp_path / "hub" / "models--owner--name"
    for folder in ("blobs", f"snapshots/{COMMIT}", "refs"):
        (home / folder).mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    for name in FILES:
        keep(home, name, (source / name).read_bytes())
    return home


def keep(home: Path, name: str, content: bytes) -> None:
    large = name.endswith(".safetensors")
    blob = hashlib.sha256(content) if large else hashlib.sha1(b"blob %d\0" % len(content) + content)
    (home / "blobs" / blob.hexdigest()).write_bytes(content)
    link = home / "snapshots" / COMMIT / name
    link.unlink(missing_ok=True)
    link.symlink_to(f"../../blobs/{blob.hexdigest()}")


@pytest.mark.parametrize("word", ["owner/name", "owner/name@main", f"owner/name@{COMMIT}"])
def test_a_checkpoint_is_lowered_as_its_folder_is(word, cache, tmp_path):
    expected = program_file.to_bytes(lower(tmp_path / "c", "auto"))
    assert names.find(f"hf://{word}") == cache / "snapshots" / COMMIT
    assert program_file.to_bytes(names.program(f"hf://{word}")) == expected


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_changed_is_refused(name, cache):
    with (cache / "snapshots" / COMMIT / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(FileError, match=rf"^hf://owner/name: .*{name}: not the content that the hub has under \w{{12}} \(hint: delete it"):
        fetched("owner/name")


def test_a_copy_in_place_of_a_link_is_refused(cache):
    path = cache / "snapshots" / COMMIT / "config.json"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(FileError, match="its digest is not known"):
        fetched("owner/name")


def test_a_missing_file_is_named(cache):
    (cache / "snapshots" / COMMIT / "tokenizer.json").unlink()
    with pytest.raises(FileError, match=r"^hf://owner/name: tokenizer.json is missing"):
        fetched("owner/name")


@pytest.mark.parametrize("word", ["owner/other", "owner/name@older"])
def test_what_is_not_there_is_one_line(word, cache):
    with pytest.raises(FileError, match=rf"^hf://{word}: cannot be fetched: ") as found:
        fetched(word)
    assert str(found.value).isprintable()


@pytest.mark.parametrize("word", ["", "name", "a/b/c", "../../etc", "owner/name@", "owner/na me", "owner/name@x\n", "owner/.."])
def test_what_is_no_name_never_reaches_the_library(word, monkeypatch):
    monkeypatch.setattr("tritspike.hub._snapshot", None)
    with pytest.raises(FileError, match="not a name on the hub"):
        fetched(word)
