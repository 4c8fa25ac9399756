"""A text that goes on: what a model through which tokens flow has read stays in its neurons, from call to call and from file to file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tritspike.api import Source, count_of, language_model
from tritspike.runtime import outputs
from tritspike.runtime.host.continuation import flowing
from tritspike.runtime.host.language import Sampling, flowed
from tritspike.runtime.host.reading import Reading, load, save
from tritspike.runtime.outputs import STATE, Output

if TYPE_CHECKING:
    from tritspike.runtime.host.language import Score


class Session:
    """One text of a streaming language model. state: a file that `save` or `--state` wrote, to go on from.

    Raises `InputError` for a model that reads windows, `FileError` for a state that is damaged or another program's.
    """

    def __init__(self, source: Source, state: str | Path | None = None) -> None:
        self.model = language_model(source)
        kept = None if state is None else load(self.model.program, Path(state))
        self._reading = Reading(self.model.encoder, self.model.executor, self.model.how, kept)

    def stream(self, prompt: str = "", *, tokens: int = 64, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0) -> Iterator[str]:
        """What the model writes behind all that was read and `prompt`, piece by piece; read too. Raises `InputError` with nothing to go on from."""
        return flowing(self.model.encoder, prompt, count_of(tokens), Sampling(temperature, top_p, seed), self._reading)

    def generate(self, prompt: str = "", *, tokens: int = 64, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0) -> str:
        """The same as one string, without the prompt."""
        return "".join(self.stream(prompt, tokens=tokens, temperature=temperature, top_p=top_p, seed=seed))

    def read(self, text: str) -> Score:
        """Go on with `text`, and how well it was predicted: each token by all that came before it. Raises `InputError` where nothing is predicted."""
        return flowed(self.model.encoder, text, self._reading)

    def save(self, path: str | Path) -> None:
        """A state file, atomically. Raises `InputError` for an executor that hands out none, `FileError` where another kind of file would go."""
        at = Path(path)
        outputs.require([Output(at, STATE)], [])
        save(self.model.program, self._reading.kept(), at)
