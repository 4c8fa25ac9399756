"""Tokenizers of the usual kinds pass, unchanged; what a regular expression or a charsmap could cost is read off it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import random_checkpoint
from tokenizers import Tokenizer

from tritspike.runtime import patterns
from tritspike.runtime.host import charsmap
from tritspike.runtime.host.tokenizer import text_of, tokenizer_from
from tritspike.runtime.host.tokenizer_facts import _SHIFTED

ZOO = sorted((Path(__file__).parents[2] / "models" / "zoo").glob("*/tokenizer.json"))
TEXTS = ["", "a", "The quick brown fox, 12345 times:  jumps!\n\n", "naïve 漢字 ﷺ \U0001f600 e\u0301", ("one", "two")]
BYTES = {chr(_SHIFTED.get(b, b)): b for b in range(256)}
LLAMA = {
    "normalizer": {
        "type": "Sequence",
        "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}],
    },
    "decoder": {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    },
    "model": {
        "type": "BPE",
        "unk_token": None,
        "byte_fallback": True,
        "fuse_unk": True,
        "vocab": {f"<0x{b:02X}>": b for b in range(256)} | {"▁": 256, "a": 257, "▁a": 258},
        "merges": ["▁ a"],
    },
}
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"  # and Llama 3's
LLAMA3 = {
    "pre_tokenizer": {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": GPT4}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        ],
    },
    "model": {"type": "BPE", "vocab": BYTES | {"ab": 256}, "merges": [["a", "b"]]},
}
UNIGRAM = {
    "normalizer": {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["▁", -1.0], ["a", -2.0]]},
}
CLIP = {
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    "model": {
        "type": "BPE",
        "unk_token": "",
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "</w>",
        "vocab": BYTES | {f"{c}</w>": 256 + n for c, n in BYTES.items()},
        "merges": [],
    },
}
OLD_WORDPIECE = {"model": {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "a": 1}}}
KINDS = {"llama": LLAMA, "llama3": LLAMA3, "unigram": UNIGRAM, "clip": CLIP, "without a model's name": OLD_WORDPIECE, "words": {}}
BARE = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
WORDS = {"model": json.loads(random_checkpoint.small_tokenizer().to_str())["model"]}


@pytest.mark.parametrize("kind", KINDS)
def test_usual_kinds_pass_and_answer_as_the_library_does(kind):
    text = json.dumps(BARE | WORDS | KINDS[kind])
    _same(tokenizer_from(text, "t"), Tokenizer.from_str(text), 600)


@pytest.mark.parametrize("path", {p.stat().st_size: p for p in ZOO}.values(), ids=lambda p: p.parent.name)
def test_the_zoo_s_pass(path):
    """One of each size, since they are copies of two."""
    _same(tokenizer_from(text_of(path), str(path)), Tokenizer.from_file(str(path)), 30522)


def _same(ours, library, rows):
    ours.require_usable(rows)
    for text, found in zip(TEXTS, ours.encode_batch(TEXTS), strict=True):
        expected = library.encode(*(text if isinstance(text, tuple) else (text,)))
        assert (found.ids, found.type_ids, found.offsets) == (expected.ids, expected.type_ids, expected.offsets)
        assert ours.encode(text).ids == found.ids and ours.decode(found.ids) == library.decode(found.ids)


QUICK = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\s*[\r\n]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+| ?[\p{P}\p{S}]+[\r\n]*",
    r" ?[^(\s|[.,!?…。，、।۔،])]+",
    r"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))",
    r"(?<=\d)(?=(\d{3})+(?!\d))",
    r"(?:\r?\n)+",
    r"[\x{4e00}-\x{9fa5}]",
]


@pytest.mark.parametrize("pattern", QUICK)
def test_expressions_in_use_are_known_to_be_quick(pattern):
    patterns.shape(pattern)


@pytest.mark.parametrize(
    "pattern, empty", [("a+", False), ("a*", True), ("a|b?", True), ("(?=a)", True), ("^", True), (r"\b", True), ("(a|b){0,2}c", False)]
)
def test_an_expression_that_may_match_nothing_is_told_apart(pattern, empty):
    assert patterns.shape(pattern).empty == empty


DEAR = ["(a+)+", "(a*)*", "(a{1,2}){3,4}", "((a|b)*c){2,}", "a*b*c*d*e*f*g*", "a{9999}"]
UNKNOWN = [r"(a)\1", r"\k<x>", "(?R)", "(?x)a", "(*F)", "[]a]", "[a", "(a", "a)", "\\"]


@pytest.mark.parametrize("pattern", DEAR + UNKNOWN)
def test_dear_and_unknown_expressions_are_refused(pattern):
    with pytest.raises(ValueError):
        patterns.shape(pattern)


def trie(replacements: dict[bytes, int]) -> np.ndarray:
    """A double array by hand: a block for each state, so that none collide."""
    units, states = np.zeros(256, np.int64), {b"": 0}
    for key, value in replacements.items():
        for n, byte in enumerate(key):
            here = states[key[:n]]
            there = states.setdefault(key[: n + 1], len(units))
            units = np.append(units, np.zeros(256 * (there == len(units)), np.int64))
            units[here ^ byte] |= (here ^ byte ^ there) << 10 | byte
        units[here ^ byte] |= 1 << 8
        units[there] = value | 1 << 31
    return units


def encoded(units: np.ndarray, strings: bytes) -> str:
    blob = units.astype("<u4").tobytes()
    return base64.b64encode(len(blob).to_bytes(4, "little") + blob + strings).decode()


STRINGS = b"x\0longer\0"


def test_a_charsmap_s_longest_replacement_is_found_and_the_library_agrees():
    text = encoded(trie({b"a": 0, b"bc": 2}), STRINGS)
    assert charsmap.growth(text) == 6
    raw = BARE | UNIGRAM | {"normalizer": {"type": "Precompiled", "precompiled_charsmap": text}}
    assert tokenizer_from(json.dumps(raw), "t").library.normalizer.normalize_str("a q") == "x q"


@pytest.mark.parametrize("value", [len(STRINGS) + 1, 1 << 30])
def test_a_replacement_outside_the_strings_is_refused(value):
    with pytest.raises(ValueError, match="which does not begin there"):
        charsmap.growth(encoded(trie({b"a": value}), STRINGS))


def test_a_replacement_inside_a_character_is_refused():
    with pytest.raises(ValueError, match="which does not begin there"):
        charsmap.growth(encoded(trie({b"a": 1}), "é\0".encode()))


def test_a_trie_that_goes_round_ends():
    units = np.arange(256)  # every byte leads back to the first state
    assert charsmap.growth(encoded(units, STRINGS)) == 0
