"""What a tokenizer's JSON may hold, looked at before the library sees it.

The library is Rust: told to pad to eight billion tokens it asks for the memory and aborts, and where a part contradicts itself it panics. Neither
can be caught in time, so both are ruled out here, part by part; whatever else is wrong with a file, the library says in an exception.
Padding and truncation are left out: the project does both itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tritspike.hw_profiles.errors import Finding, decoding, listed
from tritspike.runtime import patterns
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import require_object
from tritspike.runtime.host import charsmap

_LONGEST = 512  # characters of a token: the longest in use are runs of 128 spaces, and the library's trees are as deep as tokens are long
_MOST_PARTS = 32  # in one chain; DeepSeek's pre-tokenizer has 5
_MOST_GROWTH = 8  # characters that a chain makes of one: Llama's prefix and mark make 2
_MOST_EXPANDED = 64  # bytes that a charsmap makes of one character: NFKC's longest are 33
_MOST_SPECIALS = 16  # ids that stand for one special token
_WORD_LIMIT = 1000  # characters of a word that WordPiece tries to cut, in quadratic time: 100 by default
_CHAINS = {
    "normalizer": "normalizers",
    "pre_tokenizer": "pretokenizers",
    "post_processor": "processors",
    "decoder": "decoders",
}
_TYPES = {
    "normalizer": "BertNormalizer ByteLevel Lowercase NFC NFD NFKC NFKD Nmt Precompiled Prepend Replace Strip StripAccents",
    "pre_tokenizer": "BertPreTokenizer ByteLevel CharDelimiterSplit Digits FixedLength Metaspace Punctuation Split UnicodeScripts Whitespace "
    "WhitespaceSplit",
    "post_processor": "BertProcessing ByteLevel RobertaProcessing TemplateProcessing",
    "decoder": "BPEDecoder ByteFallback ByteLevel CTC Fuse Metaspace Replace Strip WordPiece",
}
_MODELS = ("BPE", "Unigram", "WordLevel", "WordPiece")


@dataclass(frozen=True, eq=False)
class Part:
    """One component of a chain. path: where in the file."""

    path: str
    chain: str
    raw: dict[str, Any]

    @property
    def type(self) -> str:
        """Its name in the library."""
        return self.raw["type"]


def read(text: str, where: str) -> dict[str, Any]:
    """The tokenizer's JSON with its model's type, and without padding and truncation. Raises `FileError`."""
    with decoding(where, "tokenizer", FileError):
        raw = require_object(json.loads(text), where) | {"padding": None, "truncation": None}
        raw["model"] = _with_type(require_object(raw["model"], f"{where}: model"))
        found = list(_findings(raw))
    if found:
        raise FileError(f"{where}: the tokenizer is not sound: {listed(found)}")
    return raw


def _with_type(model: dict[str, Any]) -> dict[str, Any]:
    """Files of 2020 do not name the model; its fields do."""
    if "type" in model:
        return model
    guess = "BPE" if "merges" in model else "WordPiece" if "continuing_subword_prefix" in model else "WordLevel"
    return {"type": "Unigram" if isinstance(model.get("vocab"), list) else guess} | model


def parts(raw: dict[str, Any], chain: str) -> list[Part]:
    """The components of a chain in order, without the sequences that hold them. Raises `ValueError` for what is not a chain."""
    found = list(_flat(raw.get(chain), chain, chain))
    if len(found) > _MOST_PARTS:
        raise ValueError(f"{chain} has {len(found)} parts, allowed {_MOST_PARTS}")
    return found


def _flat(raw: Any, path: str, chain: str) -> Iterator[Part]:
    if raw is None:
        return
    kind = raw.get("type") if isinstance(raw, dict) else raw
    if kind == "Sequence" and isinstance(raw, dict):
        for n, inner in enumerate(raw[_CHAINS[chain]]):
            yield from _flat(inner, f"{path}[{n}]", chain)
    elif not isinstance(raw, dict) or kind not in _TYPES[chain].split():
        raise ValueError(f"the type of {path} is {str(kind)[:40]!r}, allowed {', '.join(_TYPES[chain].split())}, Sequence")
    else:
        yield Part(path, chain, raw)


def _findings(raw: dict[str, Any]) -> Iterator[Finding]:
    chains = {chain: parts(raw, chain) for chain in _CHAINS}
    for part in (p for found in chains.values() for p in found):
        yield from _part_findings(part)
    yield from _growth_findings(chains)
    bytewise = [p for chain in ("normalizer", "pre_tokenizer") for p in chains[chain] if p.type == "ByteLevel"]
    if len(bytewise) > 1:
        yield Finding(bytewise[1].path, "parts that write bytes as characters", len(bytewise), "one")
    frames = [p for p in chains["post_processor"] if p.type != "ByteLevel"]
    if len(frames) > 1:
        yield Finding(frames[1].path, "parts that add special tokens", len(frames), "one")
    yield from _model_findings(raw["model"])
    for n, token in enumerate(raw.get("added_tokens") or ()):
        if len(token["content"]) > _LONGEST:
            yield Finding(f"added_tokens[{n}]", "characters", len(token["content"]), f"up to {_LONGEST}")


def _part_findings(part: Part) -> Iterator[Finding]:
    raw = part.raw
    if part.type == "FixedLength" and raw.get("length", 1) == 0:
        yield Finding(part.path, "length", 0, "1 or more")
    if part.type == "Strip" and part.chain == "decoder" and (raw["stop"] != 0 or raw["start"] > _LONGEST):
        yield Finding(part.path, "start and stop", f"{raw['start']} and {raw['stop']}", f"0..{_LONGEST} and 0")
    if part.type == "TemplateProcessing":
        yield from _template_findings(part)
    if isinstance(raw.get("pattern"), dict) and "Regex" in raw["pattern"]:
        try:
            patterns.shape(raw["pattern"]["Regex"])
        except ValueError as error:
            yield Finding(part.path, f"regular expression ({error})", raw["pattern"]["Regex"], "what is known to be quick")


def _template_findings(part: Part) -> Iterator[Finding]:
    specials: dict[str, Any] = part.raw["special_tokens"]
    for name, texts in (("single", ["A"]), ("pair", ["A", "B"])):
        pieces = part.raw[name]
        found = sorted(p["Sequence"]["id"] for p in pieces if "Sequence" in p)
        if found != texts:
            yield Finding(part.path, f"texts in its template {name}", ", ".join(found) or "none", f"each of {', '.join(texts)} once")
        if len(pieces) > _MOST_PARTS:
            yield Finding(part.path, f"pieces of its template {name}", len(pieces), f"up to {_MOST_PARTS}")
        for missing in sorted({p["SpecialToken"]["id"] for p in pieces if "SpecialToken" in p} - specials.keys()):
            yield Finding(part.path, f"special token in its template {name}", missing, "one of special_tokens")
    for name, special in specials.items():
        if not len(special["ids"]) == len(special["tokens"]) <= _MOST_SPECIALS:
            yield Finding(part.path, f"ids of {name}", len(special["ids"]), f"one a token, up to {_MOST_SPECIALS}")


def _growth_findings(chains: dict[str, list[Part]]) -> Iterator[Finding]:
    for chain in ("normalizer", "decoder"):
        growth, expanding = 1.0, 0
        for part in chains[chain]:
            growth *= _growth(part)
            expanding += part.type == "Precompiled"
        if growth > _MOST_GROWTH:
            yield Finding(chain, "characters made of one", f"up to {growth:.0f}", f"up to {_MOST_GROWTH}")
        if expanding > 1:
            yield Finding(chain, "charsmaps", expanding, "one")
    for part in chains["normalizer"]:
        if part.type == "Precompiled":
            yield from _charsmap_findings(part)


def _growth(part: Part) -> float:
    """How many characters a part makes of one, at most."""
    raw = part.raw
    if part.type == "Prepend":
        return 1 + len(raw["prepend"])
    if part.type != "Replace":
        return 1
    pattern = raw["pattern"]
    if "String" in pattern:
        return max(1, len(raw["content"]) / len(pattern["String"])) if pattern["String"] else 1 + len(raw["content"])
    try:
        return max(1, len(raw["content"]) + patterns.shape(pattern["Regex"]).empty)
    except ValueError:
        return 1  # refused on its own account


def _charsmap_findings(part: Part) -> Iterator[Finding]:
    try:
        if (made := charsmap.growth(part.raw["precompiled_charsmap"])) > _MOST_EXPANDED:
            yield Finding(part.path, "bytes that the charsmap makes of one character", made, f"up to {_MOST_EXPANDED}")
    except ValueError as error:
        yield Finding(part.path, "charsmap", f"damaged: {error}", "as SentencePiece writes it")


def _model_findings(model: dict[str, Any]) -> Iterator[Finding]:
    if model["type"] not in _MODELS:
        yield Finding("model", "type", model["type"], ", ".join(_MODELS))
        return
    tokens = [token for token, _ in model["vocab"]] if model["type"] == "Unigram" else list(model["vocab"])
    if (longest := max(map(len, tokens), default=0)) > _LONGEST:
        yield Finding("model", "characters of its longest token", longest, f"up to {_LONGEST}")
    prefix = model.get("continuing_subword_prefix") or ""
    if len(prefix) > _LONGEST:
        yield Finding("model", "characters of continuing_subword_prefix", len(prefix), f"up to {_LONGEST}")
    if model["type"] == "WordPiece" and (most := model.get("max_input_chars_per_word", 100)) > _WORD_LIMIT:
        yield Finding("model", "max_input_chars_per_word", most, f"up to {_WORD_LIMIT}")
    if model["type"] == "BPE":
        yield from _merge_findings(model, prefix)


def _merge_findings(model: dict[str, Any], prefix: str) -> Iterator[Finding]:
    if model.get("dropout"):
        yield Finding("model", "dropout", model["dropout"], "none: the same text would not give the same tokens")
    for n, merge in enumerate(model["merges"]):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if len(parts) != 2 or not parts[1].startswith(prefix):
            yield Finding("model", f"merge {n + 1}", merge, f"two tokens, the second one beginning with {prefix!r}")
