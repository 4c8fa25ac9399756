"""The tokenizer of a file that somebody hands over: it gives tokens, or raises one of our errors.

`runtime/host/tokenizer_json.py` refuses files by which the library aborts, and all panics that are known; `runtime/panics.py` catches the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Encoding, Tokenizer

from tritspike.hw_profiles.errors import TritspikeError, listed
from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.files import read_bytes
from tritspike.runtime.host import tokenizer_json
from tritspike.runtime.host.tokenizer_facts import facts
from tritspike.runtime.panics import answering

Text = str | tuple[str, str]
_WORD_BY_WORD = ((), ("WordPiece",), ("Metaspace",))  # decoders
_PROBE = "a B 1 ! é ß \u0301 漢字 \U0001f600 \u200b"  # of many scripts, so that what a file lacks shows when it is lowered


class TextTokenizer:
    """A `tokenizers` object whose every fault is a `TritspikeError`. where: its file. raw: its JSON, as the library was given it."""

    def __init__(self, raw: dict[str, Any], where: str) -> None:
        self.where = where
        with answering(f"{where}: the tokenizer is not one that `tokenizers` reads", FileError):
            self.library = Tokenizer.from_str(json.dumps(raw))
        self._facts = facts(raw)

    def encode(self, text: Text) -> Encoding:
        """Tokens of one text. Raises `InputError`."""
        with answering(f"{self.where}: the tokenizer cannot take a text", InputError, self._facts.may_panic):
            return self.library.encode(*([text] if isinstance(text, str) else text))

    def encode_batch(self, texts: Sequence[Text]) -> list[Encoding]:
        """Tokens of each text. Raises `InputError`."""
        with answering(f"{self.where}: the tokenizer cannot take a text", InputError, self._facts.may_panic):
            return list(self.library.encode_batch(list(texts)))

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """Tokens as text. Raises `InputError`."""
        with answering(f"{self.where}: the tokenizer cannot write tokens as text", InputError, self._facts.may_panic):
            return str(self.library.decode(list(ids), skip_special_tokens=skip_special_tokens))

    @property
    def decodes_bytes(self) -> bool:
        """Whether its tokens' text is their bytes, end to end."""
        return self._facts.decoders == ("ByteLevel",)

    @property
    def decodes_words(self) -> bool:
        """Whether a token's text hangs on nothing but itself, and on whether it is the first."""
        return self._facts.decoders in _WORD_BY_WORD

    def last_shown(self, ids: Sequence[int]) -> int | None:
        """The last of some tokens that `decode` does not leave out."""
        return next((n for n in reversed(ids) if self.library.id_to_token(n) not in self._left_out), None)

    @cached_property
    def _left_out(self) -> set[str | None]:
        """Special tokens, and what is no token."""
        return {None, *(token.content for token in self.library.get_added_tokens_decoder().values() if token.special)}

    def no_padding(self) -> None:
        """Texts keep their own lengths, as they do anyhow."""
        self.library.no_padding()

    def no_truncation(self) -> None:
        """Texts are not cut."""
        self.library.no_truncation()

    def enable_truncation(self, limit: int) -> None:
        """Texts are cut to `limit` tokens from now on; special tokens stay. Raises `InputError` where these alone are more."""
        with answering(f"{self.where}: the tokenizer cannot cut to {limit} tokens", InputError):
            self.library.enable_truncation(limit)

    def num_special_tokens_to_add(self, pair: bool) -> int:
        """How many tokens it adds of its own."""
        return int(self.library.num_special_tokens_to_add(pair))

    @cached_property
    def names(self) -> dict[int, str]:
        """Every token by its id."""
        return {number: token for token, number in self.library.get_vocab().items()}

    def get_added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Its special and other added tokens by id."""
        return dict(self.library.get_added_tokens_decoder())

    def require_usable(self, rows: int, kind: type[TritspikeError] = FileError) -> None:
        """`kind` where it gives what a program cannot take: ids beyond `rows` of the embedding, more than two segments, no answer at all."""
        tokens = 1 + max(self.library.get_vocab().values(), default=0)
        if tokens > rows:
            raise kind(f"{self.where}: {tokens} tokens, the embedding has {rows}")
        if found := list(self._facts.findings(rows)):
            raise kind(f"{self.where}: {listed(found)}")
        with answering(f"{self.where}: the tokenizer cannot take every text", kind):
            self.library.encode(_PROBE, _PROBE)  # not as a batch, for which the library starts threads


def tokenizer_from(text: str, where: str) -> TextTokenizer:
    """A tokenizer from its JSON, without padding and truncation. Raises `FileError` if it is not one, or not a sound one."""
    return TextTokenizer(tokenizer_json.read(text, where), where)


def text_of(path: Path) -> str:
    """What a tokenizer.json holds. Raises `FileError`."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
