"""Who may import whom, written once; and what may be imported nowhere."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tritspike.compiler.passes.base import Pass
from tritspike.compiler.pipeline import DEFAULT
from tritspike.compiler.pipeline import PASSES as PASS_TABLE
from tritspike.runtime.cli import EXTRAS

ROOT = Path(__file__).resolve().parent.parent
ARROWS = {
    "hw_profiles": {"hw_profiles"},
    "runtime": {"runtime", "hw_profiles"},
    "compiler": {"compiler", "runtime", "hw_profiles"},
    "models": {"models", "runtime", "hw_profiles"},
    "tritspike": {"tritspike", "models", "compiler", "runtime", "hw_profiles"},  # the API and the command
}
ONLY_IN = {
    "torch": "models/",
    "transformers": "models/",
    "lava": "runtime/executors/lava/",
    "onnx": ("runtime/executors/onnx/", "compiler/frontend/qonnx/"),  # out and in
    "onnxruntime": "runtime/executors/onnx/",
    "distributed": "runtime/cluster/",
    "dask": "runtime/cluster/",
    "bokeh": ("runtime/report/", "runtime/commands/report.py"),  # drawn in the one, asked for in the other before any work
}
PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def _below(folder: Path) -> Iterator[Path]:
    """Its files, and not those of the folders that `tritspike/` links to."""
    return (path for path in folder.rglob("*.py") if not any(part.is_symlink() for part in path.parents))


FILES = sorted(path.relative_to(ROOT).as_posix() for package in ARROWS for path in _below(ROOT / package))
PASSES = sorted(path.stem for path in (ROOT / "compiler" / "passes").glob("*.py") if path.stem not in ("__init__", "base"))


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def imports(file: str) -> Iterator[str]:
    """Every module that a file names in an import, at any depth; `from a import b` counts as a and a.b."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in ("import_module", "__import__"):
            yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def tops(file: str) -> set[str]:
    return {name.split(".")[0] for name in imports(file)}


def ours(file: str) -> set[str]:
    """The folders that a file imports from."""
    inside = [name.split(".")[1:] for name in imports(file) if name.split(".")[0] == "tritspike"]
    return {parts[0] if parts and parts[0] in ARROWS else "tritspike" for parts in inside if parts}


def test_there_are_files_to_look_at():
    assert len(FILES) > 50 and {file.split("/")[0] for file in FILES} == ARROWS.keys() and len(PASSES) >= 7


@pytest.mark.parametrize("file", FILES)
def test_imports_follow_the_arrows(file):
    package = file.split("/")[0]
    assert ours(file) <= ARROWS[package]
    assert not tops(file) & {*ARROWS, "tests", "benchmarks", "conftest", "random_checkpoint"} - {"tritspike"}, "a module would be there twice"


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_heavy_library_has_one_home(library):
    users = [file for file in FILES if library in tops(file)]
    assert [file for file in users if not file.startswith(ONLY_IN[library])] == []
    assert users, f"nothing imports {library}: the rule is about nothing"


@pytest.mark.parametrize("file", FILES)
def test_nothing_can_unpickle(file):
    assert not tops(file) & PICKLES
    calls = [node for node in ast.walk(tree(file)) if isinstance(node, ast.Call)]
    assert not [ast.unparse(c) for c in calls if any(k.arg in ("allow_pickle", "weights_only") for k in c.keywords)]
    assert not [ast.unparse(c) for c in calls if ast.unparse(c.func) in ("torch.load", "np.load", "numpy.load")]
    assert not [name for name in imports(file) if name in ("torch.load", "numpy.load")]


# one package, whole, and every module in it once

_ALL = """
import sys
from collections import defaultdict
from importlib import import_module
from os.path import realpath

for name in sys.argv[1:]:
    import_module(name)
found = defaultdict(set)
for name, module in list(sys.modules.items()):
    if name != "__main__" and getattr(module, "__file__", None):
        found[realpath(module.__file__)].add(name)
ours = [names for file, names in found.items() if any(name.split(".")[0] in {roots!r} for name in names)]
print(len(ours), [sorted(names) for names in ours if len(names) > 1])
"""


def module(file: str) -> str:
    inside = file if file.startswith("tritspike/") else f"tritspike/{file}"
    return inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_no_module_is_there_twice():
    """After all of ours are imported: none under two names, as `compiler.lower` and `tritspike.compiler.lower` would be."""
    pytest.importorskip("torch")
    pytest.importorskip("lava.magma")
    here = [sys.executable, "-c", _ALL.format(roots=tuple(ARROWS)), *map(module, FILES)]
    done = subprocess.run(here, cwd=ROOT, capture_output=True, text=True, timeout=600, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout) == (0, f"{len(FILES)} []\n"), done.stderr


def test_every_folder_of_code_is_in_the_package():
    """A folder without `__init__.py` would be left out of the wheel, and what is not linked to as well."""
    code = "from setuptools import find_packages; print(*find_packages(include=['tritspike*']))"  # in its own process: it takes distutils' place
    names = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    found = {(ROOT / name.replace(".", "/")).resolve() for name in names}
    assert found == {(ROOT / file).parent for file in FILES}


def test_the_type_checker_reads_every_file(monkeypatch):
    checker = pytest.importorskip("mypy.main")
    monkeypatch.chdir(ROOT)
    sources, _ = checker.process_options([])
    assert sorted(Path(s.path).resolve().relative_to(ROOT).as_posix() for s in sources if s.path.endswith(".py")) == FILES


def test_a_hint_names_an_extra_that_is_there():
    extras = re.search(r"\[project\.optional-dependencies\]\n(.*?)\n\n", (ROOT / "pyproject.toml").read_text(), re.DOTALL)[1]
    brought = {line.split(" = ")[0]: re.findall(r'"([A-Za-z0-9_-]+)', line) for line in extras.splitlines()}
    assert {library for library, extra in EXTRAS.items() if library not in brought[extra]} == set()


# passes


@pytest.mark.parametrize("stem", PASSES)
def test_a_pass_imports_no_other_pass(stem):
    found = {name for name in imports(f"compiler/passes/{stem}.py") if name.startswith("tritspike.compiler.passes.")}
    assert {".".join(name.split(".")[:4]) for name in found} == {"tritspike.compiler.passes.base"}


def test_the_one_table_holds_every_pass_file():
    steps = PASS_TABLE.values()
    assert sorted(type(step).__module__.rsplit(".", 1)[1] for step in steps) == PASSES
    assert [name for name, step in PASS_TABLE.items() if step.name != name] == []
    assert [step for step in steps if not step.optional] == list(DEFAULT)


def test_what_a_pass_requires_another_ensures_before_it():
    ensured = set()
    for step in DEFAULT:
        assert set(step.requires) <= ensured, step.name
        ensured |= set(step.ensures)


@pytest.mark.parametrize("stem", PASSES)
def test_a_pass_is_named_alike_as_option_file_and_class(stem):
    module = import_module(f"tritspike.compiler.passes.{stem}")
    classes = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, Pass) and c.__module__ == module.__name__]
    words = stem.split("_")
    assert [(c.__name__, c.name) for c in classes] == [("".join(w.capitalize() for w in words), "-".join(words))]
    assert re.fullmatch(r"[A-Z].*\.", classes[0]().sentence())


# a device host has neither torch nor lava

_WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(f"blocked: {{name}}")

sys.meta_path.insert(0, Blocked())
for name in {blocked!r}:
    try:
        __import__(name)
    except ImportError as error:
        assert str(error) == f"blocked: {{name}}"
    else:
        raise SystemExit(f"{{name}} is not blocked")
import {module}
print(sorted(set(sys.modules) & set({blocked!r})))
"""


@pytest.mark.parametrize("module", ["tritspike.commands", "tritspike.runtime.executors.fast.run", "tritspike.compiler.lower"])
def test_imports_without_torch_and_lava(module):
    code = _WITHOUT.format(blocked=("torch", "lava", "transformers", "datasets"), module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
