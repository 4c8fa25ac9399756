"""The checkpoints that ship, by what their memory is: a window of tokens, or neurons that keep their state."""

from __future__ import annotations

from pathlib import Path

ZOO = Path(__file__).resolve().parent.parent / "models" / "zoo"
FOLDERS = sorted(path.parent for path in ZOO.glob("*/config.json"))
STREAMS = [folder for folder in FOLDERS if "-stream-" in folder.name]
WINDOWED = [folder for folder in FOLDERS if folder not in STREAMS]
