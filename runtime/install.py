"""What to type for a package that is missing: right where this one was installed, and where it runs in a clone that never was."""

from __future__ import annotations

from importlib import metadata


def command(extra: str | None = None) -> str:
    """For pip. extra: of pyproject.toml; None for what always comes with this package."""
    name = "tritspike" if _installed() else "."
    wanted = f"'{name}[{extra}]'" if extra else name
    return f"pip install {wanted}" if name != "." else f"pip install -e {wanted} in the clone"


def _installed() -> bool:
    """Whether pip knows it, and so need not look for it in an index, which does not have it."""
    try:
        metadata.version("tritspike")
    except metadata.PackageNotFoundError:
        return False
    return True
