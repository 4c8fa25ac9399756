"""A program that answers texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, overload

from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host.answers import Answer, answers
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder, Text
from tritspike.runtime.tasks.evaluation import require_classifier

if TYPE_CHECKING:
    from tritspike.runtime.host.language import Predictor


@dataclass(frozen=True, eq=False)
class Model:
    """program: what runs. name: as it was asked for. executor: what runs it unless a call names another. how: threads, memory, limits.

    Calling it answers texts, as a transformers pipeline would: a string is one text and a tuple of two strings one pair, each with one
    `Answer`; a list of them has a list; any other iterable an iterator that reads it as it goes, in constant memory.
    """

    program: Program
    name: str
    executor: str = DEFAULT
    how: How = How()  # noqa: RUF009

    @overload
    def __call__(self, texts: Text, *, top_k: int | None = ..., executor: str | None = ..., progress: bool = ...) -> Answer: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, texts: Sequence[Text], *, top_k: int | None = ..., executor: str | None = ..., progress: bool = ...) -> list[Answer]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, texts: Iterable[Text], *, top_k: int | None = ..., executor: str | None = ..., progress: bool = ...) -> Iterator[Answer]: ...

    def __call__(
        self, texts: Text | Iterable[Text], *, top_k: int | None = None, executor: str | None = None, progress: bool = False
    ) -> Answer | list[Answer] | Iterator[Answer]:
        """The answer to each text; with `top_k` only so many labels are ranked in it. progress: a bar on stderr.

        executor: "fast" (default), "reference" or "lava": the same logits from each. Raises `InputError`, `ExecutorError`; warns where a text
        is cut to the compiled length.
        """
        require_classifier(self.program, self.name)
        one = isinstance(texts, (str, tuple))
        if not one and (isinstance(texts, bytes) or not isinstance(texts, Iterable)):
            raise InputError(f"texts are {type(texts).__name__}", "a string, a pair of strings, or many of them")
        found = self._answers([texts] if one else texts, executor or self.executor, progress)  # type: ignore[list-item]
        found = found if top_k is None else (replace(a, ranked=a.ranked[:top_k]) for a in found)
        if one:
            return next(found)
        return list(found) if isinstance(texts, Sequence) else found

    def _answers(self, texts: Iterable[Text], executor: str, progress: bool) -> Iterator[Answer]:
        found = answers(self.encoder, texts, executor, self.how)
        if not progress:
            return found
        from rich.progress import track

        total = len(texts) if isinstance(texts, Sequence) else None
        return iter(track(found, self.name, total))

    @cached_property
    def encoder(self) -> Encoder:
        """Tokenizer and encoder LIF."""
        return Encoder(self.program)

    @property
    def labels(self) -> tuple[str, ...]:
        """By name, in the order of the logits; empty for regression and for a language model."""
        from tritspike.runtime.tasks.labelled import label_names

        return tuple(label_names(self.program.host.task, self.program.host.labels))

    def predictor(self, executor: str | None = None) -> Predictor:
        """Logits of the next token, of a language model."""
        from tritspike.runtime.host import language

        return language.predictor(self.encoder, executor or self.executor, self.how)

    def save(self, path: str) -> None:
        """Write the program's file, whole or not at all. Raises `FileError`."""
        from pathlib import Path

        from tritspike.runtime.host import file as program_file

        program_file.save(self.program, Path(path))

    def __repr__(self) -> str:
        return f"<Model {self.name}: {self.program!r}>"

    def __str__(self) -> str:
        return f"{self.name}: {self.program}"

    def _repr_html_(self) -> str:
        return self.program._repr_html_()
