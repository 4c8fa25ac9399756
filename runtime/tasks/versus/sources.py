"""What may be compared, told apart by content, and the files that each is made of.

    program         a .tsp file
    checkpoint      a folder whose config.json says "format": "tritspike-checkpoint"
    teacher         a folder whose config.json says "model_type", as transformers writes it, with safetensors weights
    float student   float.json of a training's output folder; float.safetensors and tokenizer.json lie beside it

Nothing is unpickled: a teacher with pickled weights alone is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from tritspike.hw_profiles.reading import reason, require_regular
from tritspike.runtime.checkpoint import FORMAT, config_from_json
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import read_json
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host import trained
from tritspike.runtime.tasks import dataset, labelled

PROGRAM, CHECKPOINT, TEACHER, FLOAT_STUDENT = "program", "checkpoint", "teacher", "float student"
_TEACHER_FILES = (".json", ".safetensors", ".txt", ".model")
_CARD = "card.json"  # what a training wrote about itself; no model reads it
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Digest:
    """One file: its size and SHA-256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Asked:
    """The examples that both sides answer. `data`: the folder of the task's files, or "hub"."""

    task: labelled.Task
    data: str
    split: str = "dev"
    limit: int | None = None

    @cached_property
    def examples(self) -> list[labelled.Example]:
        """In file order, read once. Raises `DataError`."""
        return dataset.read(self.task, self.data, self.split, self.limit)

    @property
    def file(self) -> Path:
        """The data file, where it is not the hub's."""
        return dataset.file_of(self.task, self.data, self.split)

    def digest(self) -> Digest:
        """Of the whole data file; of the examples where they are the hub's."""
        if self.data != labelled.HUB:
            return digest(self.file)
        rows = json.dumps([asdict(e) for e in self.examples]).encode()
        return Digest(f"{labelled.HUB}: {self.task.name} {self.split}", len(rows), hashlib.sha256(rows).hexdigest())


def kind_of(source: Path) -> str:
    """Which of the four `source` is. Raises `FileError` where it is none."""
    if not source.exists():
        raise FileError(f"{source}: no such file or directory")
    if source.is_dir():
        return _folder_kind(source)
    if source.suffix == ".json":
        _require_recipe(source)
        return FLOAT_STUDENT
    return PROGRAM


def _folder_kind(folder: Path) -> str:
    if not (folder / "config.json").exists():
        unfolded = (folder / "float.json").exists()
        raise FileError(f"{folder}: no config.json", f"its float student is {folder / 'float.json'}" if unfolded else None)
    config = read_json(folder / "config.json")
    if config.get("format") == FORMAT:
        return CHECKPOINT
    if "model_type" not in config:
        raise FileError(f"{folder}/config.json: neither a checkpoint's ('format': {FORMAT!r}) nor a transformers model's ('model_type')")
    if not any(folder.glob("*.safetensors")):
        raise FileError(f"{folder}: no .safetensors weights; pickled ones can run code and are not read")
    return TEACHER


def _require_recipe(path: Path) -> None:
    raw = read_json(path)
    for key, kind in (("recipe", dict), ("vocabulary", int), ("classes", int)):
        if not isinstance(raw.get(key), kind) or isinstance(raw[key], bool):
            raise FileError(f"{path}: {key} is {raw.get(key)!r:.40}: not the float.json of a float student", "models.train writes one")


def require_answerable(source: Path, asked: Asked) -> None:
    """Before any work. Raises `FileError` where a file is missing or damaged, `InputError` where the source is of another task."""
    for path in files_of(source):
        _require_file(path)
    kind = kind_of(source)
    if kind == PROGRAM:
        host = program_file.load(source).host
        labelled.require_task(asked.task, host.task, source, labels=host.labels)
    elif kind == CHECKPOINT:
        labelled.require_task(asked.task, _trained_for(source), source, "trained")
    elif kind == FLOAT_STUDENT:
        raw = read_json(source)
        labelled.require_task(asked.task, str(raw.get("task", raw["recipe"].get("task"))), source, "trained")


def _trained_for(folder: Path) -> str:
    """Raises `FileError`."""
    where = folder / trained.CONFIG
    raw = read_json(where)
    if trained.claims(folder):
        return str(raw.get("task"))
    return config_from_json(raw, str(where)).task


def _require_file(path: Path) -> None:
    """A FIFO or a device is refused, not waited for."""
    try:
        require_regular(path.stat().st_mode)
    except OSError as error:
        raise FileError(f"{path}: {reason(error)}") from None


def files_of(source: Path) -> tuple[Path, ...]:
    """The files that running `source` reads."""
    kind = kind_of(source)
    if kind == PROGRAM:
        return (source,)
    if kind == CHECKPOINT:
        return tuple(source / name for name in ("config.json", "model.safetensors", "tokenizer.json"))
    if kind == FLOAT_STUDENT:
        return source, source.with_suffix(".safetensors"), source.parent / "tokenizer.json"
    return tuple(sorted(p for p in source.iterdir() if p.is_file() and p.suffix in _TEACHER_FILES and p.name != _CARD))


def digest(path: Path) -> Digest:
    """Read piece by piece. Raises `FileError`."""
    found, size = hashlib.sha256(), 0
    try:
        require_regular(path.stat().st_mode)
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                found.update(piece)
                size += len(piece)
    except OSError as error:
        raise FileError(f"{path}: {reason(error)}") from None
    return Digest(str(path), size, found.hexdigest())
