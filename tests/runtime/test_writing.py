"""Text that is decoded token by token is the text of all tokens, whatever they are and whatever decodes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from tritspike.runtime.host.tokenizer import TextTokenizer
from tritspike.runtime.host.writing import Writer

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
WORDS = [
    "[UNK]",
    "a",
    "##b",
    "\u2581a",
    "\u2581",
    "b\u2581c",
    ".",
    "n't",
    "##",
    " do not",
    "é",
    "\ufffd",
    "##\ufffd",
    "x</w>",
    "<0xE6>",
    "<0xBC>",
    "<0xA2>",
]
LOCAL = {
    "bytes": decoders.ByteLevel(),
    "none": None,
    "word pieces": decoders.WordPiece(),
    "not cleaned": decoders.WordPiece(cleanup=False),
    "marks": decoders.Metaspace(),
    "marks, none first": decoders.Metaspace(prepend_scheme="never"),
}
WHOLE = {
    "suffixes": decoders.BPEDecoder(),
    "fallback": decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
    "repeated": decoders.CTC(pad_token="."),
    "two": decoders.Sequence([decoders.WordPiece(), decoders.Replace("a", "b ")]),
}
DECODERS = LOCAL | WHOLE


def tokenizer(name: str) -> TextTokenizer:
    """Of bytes, halves of characters among them, or of words; with a special token, and one that is added without being special."""
    words = ["?", *BYTES, *pre_tokenizers.ByteLevel().pre_tokenize_str("漢\ufffdé")[0][0]] if name == "bytes" else WORDS
    library = Tokenizer(models.WordLevel({w: n for n, w in enumerate(dict.fromkeys(words))}, unk_token=words[0]))
    library.add_special_tokens(["<end>"])
    library.add_tokens([AddedToken("漢 é", normalized=False)])
    if DECODERS[name] is not None:
        library.decoder = DECODERS[name]
    return TextTokenizer(json.loads(library.to_str()), "here")


TOKENIZERS = {name: tokenizer(name) for name in DECODERS}
characters = st.text(max_size=3).map(lambda text: [1 + BYTES.index(c) for c in _spelled(text)])
ids = st.lists(st.integers(0, 20) | st.integers(0, 300), max_size=12)
SOME = ids | st.lists(characters | ids, max_size=4).map(lambda parts: [n for part in parts for n in part])


def _spelled(text: str) -> str:
    """In the characters that stand for bytes."""
    return "".join(piece for piece, _ in pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text))


def by_decoding_all(found: TextTokenizer, prompt: list[int], said: list[int]) -> list[str | None]:
    """As texts were first written: everything again at each token."""
    printed, pieces = found.decode(prompt), []
    for end in range(len(prompt) + 1, len(prompt) + len(said) + 1):
        text = found.decode((prompt + said)[:end])
        pieces.append(None if text.endswith("\ufffd") else text[len(printed) :])
        printed = printed if text.endswith("\ufffd") else text
    return [*pieces, found.decode(prompt + said)[len(printed) :]]


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=300)
@given(prompt=SOME, said=SOME)
def test_pieces_are_those_of_all_tokens_decoded_again(name, prompt, said):
    found = TOKENIZERS[name]
    writer = Writer(found, prompt)
    assert [*map(writer.add, said), writer.rest()] == by_decoding_all(found, prompt, said)


@pytest.mark.parametrize("name", LOCAL)
@settings(max_examples=300)
@given(said=SOME)
def test_pieces_joined_are_the_text(name, said):
    writer = Writer(TOKENIZERS[name], [])
    pieces = [*map(writer.add, said), writer.rest()]
    assert "".join(filter(None, pieces)) == TOKENIZERS[name].decode(said)


@pytest.mark.parametrize("name", LOCAL)
def test_little_is_held(name):
    """However long the text is."""
    writer = Writer(TOKENIZERS[name], [1, 2] * 50)
    for token in [3, 4, 1, 2] * 50:
        writer.add(token)
        assert len(writer.held) <= 1
