"""Checkpoints from the Hugging Face hub, by `hf://owner/name[@revision]`: three files, each checked by the digest that the hub keeps it under.

The library's cache names a file's content by its git blob id or, where the hub stores it as a large file, by its SHA-256, and a snapshot links to it.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tritspike.hw_profiles.errors import printable
from tritspike.runtime.errors import FileError

FILES = ("config.json", "model.safetensors", "tokenizer.json")
_NAME = re.compile(r"(?P<owner>\w[\w.-]*)/(?P<name>\w[\w.-]*)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
_BLOCK = 1 << 20


def fetched(word: str) -> Path:
    """The folder of a checkpoint, from the cache or over the network. Raises `FileError`."""
    found = _NAME.fullmatch(word)
    if found is None:
        raise FileError(f"hf://{word}: not a name on the hub", "hf://owner/name, or hf://owner/name@revision")
    folder = _snapshot(f"{found['owner']}/{found['name']}", found["revision"], f"hf://{word}")
    for name in FILES:
        _require_whole(folder / name, f"hf://{word}")
    return folder


def _snapshot(repository: str, revision: str | None, where: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(FILES)))
    except Exception as error:  # the library's, its transport's and the network's own, of no common class
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise FileError(f"{where}: cannot be fetched: {printable(reason)}", "the name, the network, or HF_TOKEN for what is private") from None


def _require_whole(path: Path, where: str) -> None:
    """Raises `FileError` where a file is missing, or not what its digest says."""
    if not path.is_file():
        raise FileError(f"{where}: {path.name} is missing", f"a checkpoint has {', '.join(FILES)}")
    if not path.is_symlink():
        raise FileError(f"{where}: {path}: its digest is not known: the cache holds copies instead of links", "a file system that has links")
    expected = path.resolve().name
    if expected not in (_sha256(path), _git_blob(path)):
        raise FileError(
            f"{where}: {path}: not the content that the hub has under {expected[:12]}", "delete it from the cache, and it is fetched again"
        )


def _sha256(path: Path) -> str:
    return _digest(path, hashlib.sha256())


def _git_blob(path: Path) -> str:
    return _digest(path, hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False))


def _digest(path: Path, state: hashlib._Hash) -> str:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()
