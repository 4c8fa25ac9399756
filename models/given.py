"""What a training is given, looked at before torch is imported, which takes many seconds: a mistyped name is told at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tritspike.hw_profiles.errors import printable
from tritspike.hw_profiles.reading import open_regular, reason
from tritspike.models.recipe import LANGUAGE, Recipe
from tritspike.runtime.errors import DataError, FileError
from tritspike.runtime.tasks import dataset, labelled

_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)  # also what a relative folder may look like
_PATIENCE = 10  # seconds that the hub may take to say whether it has a model
_LINES = "a text file with one text a line, plain or .xz"
WIKITEXT = {"train": "wiki.train.tokens", "valid": "wiki.valid.tokens", "test": "wiki.test.tokens"}


def require_model(source: str, option: str) -> None:
    """A teacher or an encoder: a folder, or a name that the hub, or its cache here, has. Raises `FileError`."""
    path = Path(source)
    if source and path.is_dir():
        return
    if not source:
        raise FileError(f"{option} is empty: no such folder", "is a variable of the shell not set?")
    if path.exists():
        raise FileError(f"{source}: a file, not a folder", "the folder that holds config.json")
    if not _HUB_NAME.fullmatch(source):
        raise FileError(f"{source}: no such folder", "a folder, or owner/name on the hub")
    if find_spec("huggingface_hub") is not None:  # without it transformers is missing too, which is told when it is needed
        _require_on_hub(source)


def _require_on_hub(name: str) -> None:
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import RepositoryNotFoundError

    if isinstance(try_to_load_from_cache(name, "config.json"), str):
        return
    try:
        HfApi().model_info(name, timeout=_PATIENCE)
    except RepositoryNotFoundError:
        raise FileError(f"{name}: no such folder, and no model of that name on the hub", "HF_TOKEN for what is private") from None
    except Exception as error:  # the library's, its transport's and the network's own, of no common class
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise FileError(f"{name}: no such folder, and the hub was not reached: {printable(said)}", "a folder, or the network") from None


def require_texts(paths: Sequence[Path]) -> None:
    """Raises `DataError` for a file of unlabelled texts that cannot be opened."""
    for path in paths:
        try:
            open_regular(path).close()
        except OSError as error:
            raise DataError(f"{path}: {reason(error)}", _LINES) from None


def require_examples(task: labelled.Task, data: str, dev: bool) -> None:
    """Reads train, and dev where it will be scored, which is only at the end. Raises `DataError` at the first line that is not as it must be."""
    if data != labelled.HUB:
        for split in ("train", "dev") if dev else ("train",):
            dataset.read(task, data, split)


def require_wikitext(folder: Path, splits: Sequence[str] = tuple(WIKITEXT)) -> None:
    """Raises `DataError` where one of its files cannot be opened."""
    require_texts([folder / WIKITEXT[split] for split in splits])


def require_run(folder: Path | None) -> None:
    """An earlier run, if any. Raises `FileError`."""
    if folder is not None and not folder.is_dir():
        raise FileError(f"{folder}: no such folder", "what an earlier train had as --out")


def require_student(recipe: Recipe, teacher: str, data: str | None, files: Sequence[Path], earlier: Path | None, dev: bool) -> None:
    """All that a student's training reads. data: None for an own task's, which lie beside its file. Raises `FileError`, `DataError`."""
    require_model(teacher, "--teacher")
    require_run(earlier)
    require_texts(files)
    if recipe.task == LANGUAGE:
        require_wikitext(Path(data or ""), tuple(WIKITEXT) if dev else ("train", "valid"))
    else:
        task = labelled.task_named(recipe.task)
        require_examples(task, labelled.place(task, data), dev)
