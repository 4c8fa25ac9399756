"""What the word for a model stands for: a file, a checkpoint folder, one that ships with us, or one on the Hugging Face hub."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from tritspike.runtime.command_line import Names
from tritspike.runtime.errors import FileError

if TYPE_CHECKING:
    from tritspike.runtime.host.program import Program

ZOO = Path(__file__).with_name("models") / "zoo"
HUB = "hf://"


def find(word: str | Path) -> Path:
    """A file or folder that is there goes before a shipped model of that name. Raises `FileError`."""
    name = str(word)
    if name.startswith(HUB):
        from tritspike.hub import fetched

        return fetched(name.removeprefix(HUB))
    path = Path(word)
    if path.exists() or path.suffix or len(path.parts) != 1:
        return path
    if (ZOO / name / "config.json").is_file():
        return ZOO / name
    near = difflib.get_close_matches(name, available(), 1)
    raise FileError(f"{name}: no file, no folder, and no model of that name ships", near[0] if near else f"one of {', '.join(available())}")


def available() -> list[str]:
    """The models that are here by name: all in a clone, a small classifier and a language model in an installed wheel."""
    return sorted(path.parent.name for path in ZOO.glob("*/config.json"))


def program(word: str | Path) -> Program:
    """The program in a file; a checkpoint's on the smallest board that holds it. Raises `FileError`, `CompileError`."""
    path = find(word)
    if path.is_dir():
        return _lowered(path)
    from tritspike.runtime.host import file as program_file

    return program_file.load(path)


def _lowered(folder: Path) -> Program:
    from tritspike.compiler.lower import lower
    from tritspike.hw_profiles.profile import AUTO

    return lower(folder, AUTO)


NAMES = Names(find, program, _lowered)
