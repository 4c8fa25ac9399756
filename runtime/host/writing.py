"""The text of tokens that come one by one: each is decoded with what came before it only as far as its decoder looks back."""

from __future__ import annotations

from collections.abc import Sequence

from tritspike.runtime.host.tokenizer import TextTokenizer

_BROKEN = "\ufffd"  # what a decoder shows for half a character


class Writer:
    """Text that goes on behind that of `ids`. Joined, its pieces are what the decoding of all tokens has behind the decoding of `ids`."""

    def __init__(self, tokenizer: TextTokenizer, ids: Sequence[int]) -> None:
        self.tokenizer, self.held = tokenizer, list(ids)
        self.shown = tokenizer.decode(self.held)
        self._forget(self.shown)

    def add(self, token: int) -> str | None:
        """What there is to print with one more token; None while a character is not whole."""
        self.held.append(token)
        text = self.tokenizer.decode(self.held)
        return None if text.endswith(_BROKEN) else self._printed(text)

    def rest(self) -> str:
        """What is left where no more tokens come."""
        return self._printed(self.tokenizer.decode(self.held))

    def _printed(self, text: str) -> str:
        piece, self.shown = text[len(self.shown) :], text
        self._forget(text)
        return piece

    def _forget(self, text: str) -> None:
        """Hold only what later text may hang on: of bytes nothing once a character is whole, of words that there was one before."""
        if self.tokenizer.decodes_bytes and not text.endswith(_BROKEN):
            self.held, self.shown = [], ""
        elif self.tokenizer.decodes_words and (last := self.tokenizer.last_shown(self.held)) is not None and len(self.held) > 1:
            self.held = [last]
            self.shown = self.tokenizer.decode(self.held)
