"""What mkdocs does not do by itself: pages made of the command tables and of docstrings, and links that lead out of this folder.

A page links to files of the project by their paths, so that it can be read in a clone too. On the site a figure is copied, another file is
named by its path; a path that leads nowhere ends the build.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import os
import posixpath
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tritspike import commands
from tritspike.runtime.command_line import Command

DOCS = Path(__file__).resolve().parent.parent
ROOT = DOCS.parent
FIGURES, STYLE = "benchmarks/results/", "manual.css"
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((\.\./[^)#]+)(#[^)]*)?\)")
_WIDE = 70  # characters of a signature that stays on one line
_MODULES = {"tritspike": "tritspike", "net": "tritspike.net"}  # a page's name, and the module whose `__all__` it shows


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Enters what is made in the contents, and the style."""
    assert config.nav is not None
    config.extra_css.append(STYLE)
    config.nav += [
        {"Commands": ["commands/index.md", *(f"commands/{c.name}.md" for c in commands.COMMANDS)]},
        {"API": [*(f"api/{page}.md" for page in _MODULES), "api/nets.md"]},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what is made and not written: a page a command, the API, the figures."""
    for name, text in (*_command_pages(), *_api_pages(), ("api/nets.md", _layers())):
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, STYLE, abs_src_path=str(DOCS / "site" / STYLE)))
    for figure in sorted((ROOT / FIGURES).glob("*.[sp][vn]g")):
        files.append(File.generated(config, FIGURES + figure.name, abs_src_path=str(figure)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with its links out of docs/ resolved. Raises `PluginError` for one that leads nowhere."""

    def resolved(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page.file.src_uri), found[3]))
        if not (ROOT / target).exists():
            raise PluginError(f"{page.file.src_uri}: {found[0]}: there is no {target}")
        if target.startswith(FIGURES) and target.endswith((".svg", ".png")):
            return f"{found[1]}[{found[2]}]({posixpath.relpath(target, posixpath.dirname(page.file.src_uri) or '.')})"
        return f"`{target}`" if found[2].startswith("`") else f"{found[2]} (`{target}`)"

    return _LINK.sub(resolved, markdown)


def _command_pages() -> Iterator[tuple[str, str]]:
    rows = [f"| [`{c.name}`]({c.name}.md) | {c.sentence} |" for c in commands.COMMANDS]
    top = "# Commands\n\n`tritspike COMMAND --help` says the same. Exit codes: 0 done, 1 refused with one line, 2 wrong usage, 130 stopped;"
    told = " what else a command may end with is on its page.\n\n| command | what it does |\n|---|---|\n"
    yield "commands/index.md", top + told + "\n".join(rows) + "\n"
    for command in commands.COMMANDS:
        yield f"commands/{command.name}.md", _command(command)


def _command(command: Command) -> str:
    os.environ["COLUMNS"] = "100"  # what argparse wraps at
    typed = f"tritspike {command.name}"

    def make(name: str, **more: Any) -> argparse.ArgumentParser:
        return argparse.ArgumentParser(prog=typed, **more)

    text = command.parser(make, command.name, typed).format_help()
    return f"# {command.name}\n\n```text\n{text}```\n"


def _api_pages() -> Iterator[tuple[str, str]]:
    for page, name in _MODULES.items():
        module = import_module(name)
        about = inspect.getdoc(module) or ""
        shown = [_entry(name, one, getattr(module, one)) for one in sorted(module.__all__, key=str.lower) if not one.startswith("__")]
        yield f"api/{page}.md", f"# {name}\n\n{_docstring(about)}\n\n" + "\n\n".join(shown) + "\n"


def _layers() -> str:
    """Of `tritspike.models.nets`, from its source: importing it takes torch."""
    top = _parsed("tritspike.models.nets.__init__")
    begin, _, code = (ast.get_docstring(top) or "").partition("\n\n")
    lines = ["# tritspike.models.nets", begin, f"```python\n{code}\n```"]
    for node in top.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found = {n.name: n for n in _parsed(node.module).body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
            lines += [_layer(found[alias.name]) for alias in node.names if alias.name in found]
    return "\n\n".join(lines) + "\n"


def _layer(node: ast.ClassDef | ast.FunctionDef) -> str:
    makes = [n for n in ast.walk(node) if isinstance(n, ast.FunctionDef) and n.name == "__init__"] if isinstance(node, ast.ClassDef) else [node]
    shown = _wrapped(re.sub(r"^\(self(, )?", "(", f"({ast.unparse(makes[0].args)})")) if makes else ""
    return f"## {node.name}\n\n```python\n{node.name}{shown}\n```\n\n{_docstring(ast.get_docstring(node) or '')}"


def _parsed(module: str) -> ast.Module:
    return ast.parse((ROOT / f"{module.removeprefix('tritspike.').replace('.', '/')}.py").read_text(encoding="utf-8"))


def _entry(module: str, name: str, value: Any) -> str:
    lines = [f"## {name}", f"```python\n{module}.{name}{_signature(value)}\n```", _docstring(inspect.getdoc(value) or "")]
    if inspect.isclass(value) and not issubclass(value, BaseException):
        lines += [_member(name, one, found) for one, found in vars(value).items() if not one.startswith("_") and _told(found)]
    return "\n\n".join(lines)


def _member(owner: str, name: str, value: Any) -> str:
    found = getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", value)
    shown = "" if found is not value and not inspect.isfunction(value) and not isinstance(value, classmethod) else _signature(found)
    return f"### {owner}.{name}\n\n```python\n{name}{shown}\n```\n\n{_docstring(inspect.getdoc(found) or '')}"


def _told(value: Any) -> bool:
    found = getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", value)
    return inspect.isfunction(found) and bool(found.__doc__)


def _signature(value: Any) -> str:
    try:
        text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(value)))
    except (TypeError, ValueError):
        return ""
    return _wrapped(re.sub(r"^\((self|cls)(, )?", "(", text).removesuffix(" -> None"))


def _wrapped(text: str) -> str:
    """A signature; where it is longer than a line, a parameter a line."""
    if len(text) <= _WIDE:
        return text
    end = text.rindex(") ->") if " -> " in text else len(text) - 1
    return "(\n" + "".join(f"    {part},\n" for part in _parts(text[: end + 1])) + text[end:]


def _parts(text: str) -> Iterator[str]:
    """The parameters of a signature: what lies between its outer commas."""
    depth, start = 0, 1
    for n, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if (c == "," and depth == 1) or (c == ")" and depth == 0):
            yield text[start:n].strip()
            start = n + 1
        if n and depth == 0:
            return


def _docstring(text: str) -> str:
    """As Markdown: an indented block is code; elsewhere what Markdown would take for its own signs is only text."""
    kept = [line if line.startswith("    ") else _escaped(line) for line in text.splitlines()]
    return "\n".join(kept)


def _escaped(line: str) -> str:
    """Outside of backquotes; those come in pairs."""
    parts = line.split("`")
    return "`".join(part if n % 2 else re.sub(r"([*_])", r"\\\1", part).replace("<", "&lt;") for n, part in enumerate(parts))
