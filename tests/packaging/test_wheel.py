"""What an installation gets: the wheel's files, the same from the sdist, and that nothing but `tritspike` is taken or looked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from command import ROOT

FOLDERS = ("compiler", "hw_profiles", "models", "runtime")
SHIPPED = {f"tritspike/models/zoo/{model}/{name}" for model in ("sst2-ternary", "lm-ternary") for name in os.listdir(ROOT / "models/zoo" / model)}
MOST = 25 << 20  # bytes
_BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def python(*arguments: object, cwd: Path, **environment: object) -> str:
    """What a child says on stdout; in an environment that does not know this clone."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {k: str(v) for k, v in environment.items()}
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: object, cwd: Path) -> None:
    python("-m", "pip", "--quiet", "--disable-pip-version-check", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with `tree/`, the files that git knows or would take, and setuptools in `tools/`."""
    folder = tmp_path_factory.mktemp("packaging")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("this is no clone: git does not say which files are the project's")
    for name in filter(None, found.stdout.split("\0")):
        if os.path.lexists(ROOT / name):
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / "tree" / name, follow_symlinks=False)
    pip("install", "--target", folder / "tools", "setuptools>=77", cwd=folder)
    return folder


def built(place: Path, hook: str) -> Path:
    return place / python("-c", _BUILD, hook, place, cwd=place / "tree", PYTHONPATH=place / "tools").splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(place) -> Path:
    return built(place, "build_wheel")


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_is_tritspike_and_all_of_it(place, wheel):
    names = contents(wheel).keys()
    (info,) = {name.split("/")[0] for name in names} - {"tritspike"}
    assert info.endswith(".dist-info")
    tree = place / "tree"
    code = {f"tritspike/{p.relative_to(tree).as_posix()}" for folder in FOLDERS for p in (tree / folder).rglob("*.py")}
    code |= {p.relative_to(tree).as_posix() for p in (tree / "tritspike").glob("*.py")}
    data = {
        f"tritspike/{p.relative_to(tree).as_posix()}"
        for where in ("hw_profiles", "models/configs", "runtime/tasks/glue")
        for p in (tree / where).glob("*.toml")
    }
    data |= {f"tritspike/runtime/report/page.{kind}" for kind in ("css", "js")}
    assert len(code) > 150 and len(data) > 15 and len(SHIPPED) == 8
    assert {name for name in names if not name.startswith(info)} == code | data | SHIPPED


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < MOST and sum(map(len, contents(wheel).values())) < MOST


def test_the_sdist_makes_the_same_wheel(place, wheel):
    """By pip, as somebody who has no wheel would."""
    pip("wheel", "--no-deps", "--wheel-dir", place / "again", built(place, "build_sdist"), cwd=place)
    again, first = contents(place / "again" / wheel.name), contents(wheel)
    assert again.keys() == first.keys()
    assert [name for name in first if sorted(again[name].splitlines()) != sorted(first[name].splitlines())] == []


@pytest.fixture(scope="module")
def beside_others(place, wheel) -> tuple[Path, Path]:
    """Where the wheel is installed, and a folder of somebody's own modules of our folders' names, which must not be imported."""
    pip("install", "--no-deps", "--target", place / "site", wheel, cwd=place)
    for name in FOLDERS:
        (place / "project" / name).mkdir(parents=True)
        (place / "project" / name / "__init__.py").write_text(f"raise SystemExit('{name} of the project was imported')\n")
    return place / "site", place / "project"


_FIRST_LINES = """
import tritspike as ts
model = ts.load("sst2-ternary")
answers = model(["a warm and funny film", "an overlong mess"])
print(ts.__file__, [a.label for a in answers], ts.available())
"""


def test_it_works_beside_folders_of_our_folders_names(beside_others):
    site, project = beside_others
    assert {path.name for path in site.iterdir() if path.suffix != ".dist-info"} - {"bin", "__pycache__"} == {"tritspike"}
    found = python("-c", _FIRST_LINES, cwd=project, PYTHONPATH=site)
    assert found == f"{site}/tritspike/__init__.py ['positive', 'negative'] ['lm-ternary', 'sst2-ternary']\n"


@pytest.mark.parametrize("command", [("--help",), ("lower", "--help"), ("classify", "--help"), ("zoo", "--help"), ("lava", "--help")])
def test_its_commands_do_too(command, beside_others):
    site, project = beside_others
    assert python("-m", "tritspike", *command, cwd=project, PYTHONPATH=site).startswith("usage: ")


def test_a_shipped_language_model_answers(beside_others):
    site, project = beside_others
    assert python("-m", "tritspike", "generate", "lm-ternary", "The game", "--tokens", "3", cwd=project, PYTHONPATH=site).startswith("The game")
