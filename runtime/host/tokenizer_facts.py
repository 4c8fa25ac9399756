"""What a tokenizer's JSON says of the tokens that it will give: their ids and segments, and whether every text has some."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tritspike.hw_profiles.errors import Finding
from tritspike.runtime.host.tokenizer_json import Part, parts

SEGMENTS = 2  # rows of a segment table: of the first text and the second
# Bytes that UTF-8 has, as the characters that byte-level tokenizers write them with: printable ones as they are, the others from 256 on.
_PLAIN = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_SHIFTED = {b: 256 + n for n, b in enumerate(b for b in range(256) if b not in _PLAIN)}
_UTF8 = [b for b in range(256) if b not in (0xC0, 0xC1) and b < 0xF5]
_MAY_PANIC = ("Precompiled", "Replace", "Split", "FixedLength")  # what looks into the text by rules of the file's own


@dataclass(frozen=True)
class Facts:
    """ids: with names, of what is added to texts. types: with places, of tokens and texts. lacks: what stops it on some texts.

    decoders: what its tokens go through to be text again."""

    ids: tuple[tuple[str, int], ...]
    types: tuple[tuple[str, int], ...]
    lacks: Finding | None
    may_panic: bool  # on some texts
    decoders: tuple[str, ...]

    def findings(self, rows: int) -> Iterator[Finding]:
        """What a program with `rows` rows of embedding has no place for."""
        if self.lacks:
            yield self.lacks
        for name, number in self.ids:
            if not 0 <= number < rows:
                yield Finding("post_processor", f"id of {name}", number, f"0..{rows - 1}, the rows of the embedding")
        for where, number in self.types:
            if not 0 <= number < SEGMENTS:
                yield Finding(where, "type_id", number, "0 for the first text and 1 for the second")


def facts(raw: dict[str, Any]) -> Facts:
    """Of a tokenizer's JSON that the library has taken."""
    frames = parts(raw, "post_processor")
    others = [p for chain in ("normalizer", "pre_tokenizer", "decoder") for p in parts(raw, chain)]
    ids, types = (tuple(found for p in frames for found in of(p)) for of in (_ids, _types))
    normalized = any(token.get("normalized") for token in raw.get("added_tokens") or ())  # one of which nothing is left is a panic
    decoders = tuple(p.type for p in parts(raw, "decoder"))
    return Facts(ids, types, _lacks(raw), normalized or any(p.type in _MAY_PANIC for p in others), decoders)


def _ids(part: Part) -> Iterator[tuple[str, int]]:
    if part.type == "TemplateProcessing":
        for name, special in part.raw["special_tokens"].items():
            yield from ((name, n) for n in special["ids"])
    if part.type in ("BertProcessing", "RobertaProcessing"):
        yield from (tuple(part.raw[end]) for end in ("cls", "sep"))


def _types(part: Part) -> Iterator[tuple[str, int]]:
    if part.type == "TemplateProcessing":
        for name in ("single", "pair"):
            for n, piece in enumerate(part.raw[name]):
                yield from ((f"{part.path}: {name}[{n}]", value["type_id"]) for value in piece.values())


def _lacks(raw: dict[str, Any]) -> Finding | None:
    """The token for words and characters that it does not know, where it needs one and has none."""
    model = raw["model"]
    if model["type"] == "Unigram":
        return None if isinstance(model.get("unk_id"), int) else Finding("model", "unk_id", None, "the number of its unknown token")
    vocabulary, unknown = model["vocab"], model.get("unk_token", "[UNK]" if model["type"] == "WordPiece" else "<unk>")
    if unknown in vocabulary or (model["type"] == "BPE" and _spells_all(raw, model, vocabulary)):
        return None
    return Finding("model", "unk_token", unknown, "a token of its vocabulary" + ", or every byte in it" * (model["type"] == "BPE"))


def _spells_all(raw: dict[str, Any], model: dict[str, Any], vocabulary: dict[str, int]) -> bool:
    """Whether every text can be written in the bytes that the vocabulary has."""
    if model.get("byte_fallback") and all(f"<0x{b:02X}>" in vocabulary for b in _UTF8):
        return True
    before = [p for chain in ("normalizer", "pre_tokenizer") for p in parts(raw, chain)]
    ends = ("", model.get("end_of_word_suffix") or "")
    starts = ("", model.get("continuing_subword_prefix") or "")
    written = (f"{start}{chr(_SHIFTED.get(b, b))}{end}" for b in _UTF8 for start in starts for end in ends)
    return any(p.type == "ByteLevel" for p in before) and all(token in vocabulary for token in written)
