"""A deployment to carry: program, samples, expected spikes, the code that runs them, what must be installed, and one script."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import platform
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save as to_tensors

from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.lava import stock
from tritspike.runtime.files import write_atomic
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.program import TOKENS, Program
from tritspike.runtime.network.rows import Rows

_ROOT = Path(__file__).absolute().parents[2]
_PACKAGES = ("tritspike/hw_profiles", "tritspike/runtime")  # all that a device host needs
_NEEDS = ("numpy", "scipy", "safetensors")  # what run.py imports of others
_OF_LAVA = {"networkx": "networkx>=3.0", "scikit-learn": "scikit-learn>=1.3", **stock.NEEDS}  # and Lava besides
_LAVA = f"pip install --no-deps --ignore-requires-python {stock.DISTRIBUTION}=={stock.VERSION}"
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold: the same bundle, the same bytes
_SCRIPT = Path(__file__).with_name("bundle_run.py")


def write(program: Program, rows: Rows, profile: str, path: Path) -> list[str]:
    """Write the zip atomically; return its files. The expected spikes are the reference's, of every population."""
    files = _files(program, rows, profile)
    manifest = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files["MANIFEST.json"] = json.dumps(manifest, indent=1, sort_keys=True).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    write_atomic(path, out.getvalue())
    return sorted(files)


def _files(program: Program, rows: Rows, profile: str) -> dict[str, bytes]:
    expected = program.result(rows, literal.run(program.scheduled, rows, record=True))
    assert expected.spikes is not None
    arrays = {f"spikes.{name}": np.packbits(spikes, axis=-1) for name, spikes in expected.spikes.items()} | {"read": expected.read}
    inputs = {TOKENS: rows.words[TOKENS], "lengths": rows.lengths}
    return {
        "program.tsp": program_file.to_bytes(program),
        "samples.safetensors": to_tensors({name: np.ascontiguousarray(a) for name, a in inputs.items()}),
        "expected.safetensors": to_tensors({name: np.ascontiguousarray(a) for name, a in arrays.items()}),
        "requirements.txt": requirements().encode(),
        "README.txt": _readme(profile, len(rows)).encode(),
        "run.py": _SCRIPT.read_bytes(),
        **{f: (_ROOT / f).read_bytes() for f in _sources()},
    }


def _sources() -> list[str]:
    carried = (p for name in _PACKAGES for end in ("py", "toml") for p in (_ROOT / name).rglob(f"*.{end}"))
    return sorted(["tritspike/__init__.py", *(p.relative_to(_ROOT).as_posix() for p in carried)])


def requirements() -> str:
    """A lock of this environment, for pip; Lava itself is installed without its own list of needs, which asks for Python 3.10 and numpy 1."""
    lines = [f"{name}=={importlib.metadata.version(name)}" for name in _NEEDS]
    return "\n".join([f"# Python {platform.python_version()}; then: {_LAVA}", *lines, *map(_locked, _OF_LAVA), ""])


def _locked(name: str) -> str:
    """At the version that is here; where there is none, since a program can be packed without Lava, any that would do."""
    try:
        return f"{name}=={importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return _OF_LAVA[name]


def _readme(profile: str, samples: int) -> str:
    return (
        f"A program for {profile}, {samples} samples and the spikes that they must give.\n\n"
        "    pip install -r requirements.txt\n"
        f"    {_LAVA}\n"
        "    python run.py            # on Lava's CPU simulator: every spike of every population is compared\n"
        "    python run.py --board    # on a board, with Intel's extension: the last layer's spikes and the logits are compared\n\n"
        "run.py first compares every file with MANIFEST.json, and ends with one line where one was altered, is missing or was added.\n"
        "It takes no module from this folder but its package. Keep environments elsewhere.\n\n"
        "No silicon has run this yet.\n"
    )
