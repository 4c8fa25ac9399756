"""Tokenizers that somebody hands over: by each of these the library aborts, panics, asks for gigabytes or raises a bare exception.

What aborts runs in a child with little memory, so that a mend that is lost fails a test and not the test run.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import numpy as np
import pytest
import random_checkpoint
from command import LOWER, RUNTIME, message
from conftest import _data

from tritspike.compiler.lower import lower
from tritspike.runtime.errors import CheckpointError, FileError, InputError
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.tokenizer import tokenizer_from

BASE = json.loads(random_checkpoint.small_tokenizer().to_str())
TEMPLATE = BASE["post_processor"]
CLS, A, B = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}


def replace(pattern: dict, content: str) -> dict:
    return {"type": "Replace", "pattern": pattern, "content": content}


def regex(pattern: str) -> dict:
    return {"normalizer": replace({"Regex": pattern}, "b")}


def charsmap(units: list[int], strings: bytes = b"a\0", size: int | None = None) -> dict:
    trie = np.array(units, "<u4").tobytes()
    content = (len(trie) if size is None else size).to_bytes(4, "little") + trie + strings
    return {"normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(content).decode()}}


def template(single: list, special_tokens: dict | None = None, pair: list | None = None) -> dict:
    specials = TEMPLATE["special_tokens"] if special_tokens is None else special_tokens
    return {"post_processor": {"type": "TemplateProcessing", "single": single, "pair": pair or [A, B], "special_tokens": specials}}


def bpe(**changes) -> dict:
    return {"model": {"type": "BPE", "unk_token": "a", "vocab": {"a": 0, "b": 1, "ab": 2, "bé": 3}, "merges": [["a", "b"]]} | changes}


def added(**changes) -> dict:
    token = {"id": 40, "content": "x", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"added_tokens": [token | changes]}


UNSOUND = {
    "text that grows": ({"normalizer": replace({"String": "w"}, "w" * 1_000_000)}, "normalizer: characters made of one is up to 1000000, allowed"),
    "a chain that grows": (
        {"normalizer": {"type": "Sequence", "normalizers": [replace({"String": "w"}, "ww")] * 30}},
        "normalizer: characters made of one is up to 1073741824, allowed",
    ),
    "a prefix": ({"normalizer": {"type": "Prepend", "prepend": "x" * 99}}, "normalizer: characters made of one is up to 100, allowed"),
    "bytes of bytes": (
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "ByteLevel"}] * 25}},
        "normalizer[1]: parts that write bytes as characters is 25, allowed one",
    ),
    "decoded text that grows": ({"decoder": replace({"String": "w"}, "w" * 99)}, "decoder: characters made of one is up to 99, allowed"),
    "very many parts": ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 33}}, "normalizer has 33 parts, allowed 32"),
    "an exponential expression": (regex("(w+)+$"), "it repeats what itself repeats"),
    "an expression of many": (regex("(((w{100}){100}){100})"), "written out it has 1000000 parts"),
    "an expression that calls itself": (regex(r"(?<x>w\g<x>?)"), r"\g is not known here"),
    "a deep expression": (regex("(" * 5000 + ")" * 5000), "10000 characters and 5000 groups"),
    "no expression": (regex("("), "a group without its end"),
    "a trie of 4 GiB": (charsmap([0], size=0xFFFFFFF0), "its trie has 4294967280 bytes, allowed"),
    "a trie that leads out": (charsmap([0x80000000] * 256), "its trie leads to unit 2097152 of 256"),
    "strings that are not there": (charsmap([0x1FF] * 256), "the string at"),
    "an empty charsmap": (charsmap([], b""), "its trie has 0 bytes"),
    "no charsmap": ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": None}}, "not a whole tokenizer"),
    "pieces of no length": ({"pre_tokenizer": {"type": "FixedLength", "length": 0}}, "pre_tokenizer: length is 0, allowed 1 or more"),
    "a template's unknown token": (template([CLS, A], {}), "special token in its template single is [CLS], allowed one of special_tokens"),
    "a template without its text": (template([CLS]), "texts in its template single is none, allowed each of A once"),
    "a template of the wrong text": (template([B]), "texts in its template single is B, allowed each of A once"),
    "a template of many texts": (template([A] * 100_000), "allowed each of A once"),
    "two frames": ({"post_processor": {"type": "Sequence", "processors": [TEMPLATE] * 2}}, "parts that add special tokens is 2, allowed one"),
    "a decoder that cuts too much": (
        {"decoder": {"type": "Strip", "content": "w", "start": 1, "stop": 1}},
        "decoder: start and stop is 1 and 1, allowed 0..512 and 0",
    ),
    "merges that contradict a prefix": (bpe(continuing_subword_prefix="é", merges=[["a", "bé"]]), "merge 1 is ['a', 'bé'], allowed two tokens"),
    "chance": (bpe(dropout=0.1), "dropout is 0.1, allowed none"),
    "a token as long as a book": (bpe(vocab={"a": 0, "b": 1, "ab": 2, "a" * 1_000_000: 3}), "characters of its longest token is 1000000, allowed"),
    "an added token as long": (added(content="x" * 1_000_000), "added_tokens[0]: characters is 1000000, allowed up to 512"),
    "an unknown part": ({"pre_tokenizer": {"type": "Custom\n"}}, "the type of pre_tokenizer is 'Custom\\n', allowed BertPreTokenizer"),
    "an unknown model": ({"model": {"type": "Custom"}}, "model: type is Custom, allowed BPE, Unigram, WordLevel, WordPiece"),
    "no part": ({"decoder": 5}, "the type of decoder is '5', allowed"),
    "a number beyond all": (added(id=10**400), "the tokenizer is not one that `tokenizers` reads"),
    "half a character": (added(content="\ud800"), "the tokenizer is not one that `tokenizers` reads"),
    "very long words": (
        {"model": {"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "a", "continuing_subword_prefix": "##", "max_input_chars_per_word": 1 << 60}},
        "max_input_chars_per_word is 1152921504606846976, allowed up to 1000",
    ),
}


@pytest.mark.parametrize("fault", UNSOUND)
def test_what_is_not_sound_never_reaches_the_library(fault, capfd):
    change, expected = UNSOUND[fault]
    with pytest.raises(FileError) as refusal:
        tokenizer_from(json.dumps(BASE | change), "t.json")
    assert str(refusal.value).startswith("t.json: ") and expected in str(refusal.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("depth", [200, 100_000])
def test_deep_nesting(depth):
    with pytest.raises(FileError, match=r"^t\.json: (not a whole tokenizer|the tokenizer is not one)"):
        tokenizer_from('{"normalizer": ' + '{"type": "Sequence", "normalizers": [' * depth + "]}" * depth + ', "model": {}}', "t.json")


def test_all_faults_are_listed_at_once():
    change = regex("(w+)+") | {"pre_tokenizer": {"type": "FixedLength", "length": 0}} | bpe(dropout=0.1)
    with pytest.raises(FileError) as refusal:
        tokenizer_from(json.dumps(BASE | change), "t.json")
    assert str(refusal.value).count(", allowed ") == 3


PADDED = {"strategy": {"Fixed": 1 << 33}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "x"}
CUT = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 5}


@pytest.mark.parametrize("change", [{"padding": PADDED}, {"truncation": CUT}, {"padding": 5, "truncation": "x"}])
def test_padding_and_truncation_of_the_file_are_of_no_account(change):
    text = random_checkpoint.texts(1, 1, 9)[0]
    assert tokenizer_from(json.dumps(BASE | change), "t").encode(text).ids == tokenizer_from(json.dumps(BASE), "t").encode(text).ids


PANICS = {
    "an expression that gives up": (regex(r"(?:w|w)*$"), "w" * 60 + "!"),
    "an added token of which nothing is left": (
        {"normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}}
        | added(content="\0", normalized=True, special=False),
        "w \u6f22\u5b57",
    ),
}


@pytest.mark.parametrize("fault", PANICS)
def test_a_panic_on_a_text_is_one_of_our_errors_and_prints_nothing(fault, capfd):
    change, text = PANICS[fault]
    tokenizer = tokenizer_from(json.dumps(BASE | change), "t.json")
    for call in (lambda: tokenizer.encode(text), lambda: tokenizer.encode_batch([text])):
        with pytest.raises(InputError, match=r"^t\.json: the tokenizer cannot take a text: "):
            call()
    assert capfd.readouterr() == ("", "")


def test_what_others_write_meanwhile_is_kept(capfd):
    from tritspike.runtime.panics import answering

    with answering("here", FileError):
        print("a line", file=sys.stderr, flush=True)
    assert capfd.readouterr().err == "a line\n"


# what a program cannot take is refused when it is lowered

SPECIALS = {"[CLS]": {"id": "[CLS]", "ids": [1, 4_000_000_000], "tokens": ["[CLS]"] * 2}}
TYPED = {"SpecialToken": {"id": "[CLS]", "type_id": 2}}
UNUSABLE = {
    "no unknown word": ({"model": BASE["model"] | {"unk_token": "gone"}}, "model: unk_token is gone, allowed a token of its vocabulary"),
    "no unknown character": (
        bpe(unk_token=None),
        "model: unk_token is None, allowed a token of its vocabulary, or every byte in it",
    ),
    "no unknown piece": (
        {"model": {"type": "Unigram", "vocab": [["a", -1.0]], "unk_id": None}},
        "model: unk_id is None, allowed the number of its unknown token",
    ),
    "an id beyond the embedding": (
        template([CLS, A], SPECIALS),
        "post_processor: id of [CLS] is 4000000000, allowed 0..39, the rows of the embedding",
    ),
    "a pair of ends beyond it": (
        {"post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 40]}},
        "post_processor: id of [SEP] is 40, allowed 0..39, the rows of the embedding",
    ),
    "an added token beyond it": (added(), "41 tokens, the embedding has 40"),
    "a third segment": (
        template([TYPED, A]),
        "post_processor: single[0]: type_id is 2, allowed 0 for the first text and 1 for the second",
    ),
}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_lowering_refuses_what_no_program_can_take(fault, small, shell):
    change, expected = UNUSABLE[fault]
    (small / "tokenizer.json").write_text(json.dumps(BASE | change))
    assert shell.lowering_refusal(small) == f"{small}/tokenizer.json: {expected}"


def test_a_program_with_such_a_tokenizer_is_refused_too(small, shell, tmp_path):
    """Whoever made it did not lower it."""
    from dataclasses import replace as changed

    program = lower(small, "loihi2")
    front = changed(program.host.front, tokenizer=json.dumps(BASE | UNUSABLE["a third segment"][0]))
    program_file.save(changed(program, host=changed(program.host, front=front)), tmp_path / "p.tsp")
    assert shell.refusal(RUNTIME, "classify", tmp_path / "p.tsp", "w1") == f"program: {UNUSABLE['a third segment'][1]}"


@pytest.mark.parametrize("name, expected", [("t_nounk", "unk_token is [UNK]"), ("t_type2", "type_id is 2"), ("t_nospecial", None)])
def test_shared_samples(name, expected, shell, tmp_path):
    code, _, err = shell.run(LOWER, _data("faults", name), "--out", tmp_path / "p.tsp")
    assert (code, err) == (0, "") if expected is None else code == 1 and expected in message(err)


ABORTS = ["text that grows", "a chain that grows", "a trie of 4 GiB", "merges that contradict a prefix", "a token as long as a book"]


def test_a_real_process_is_not_aborted(small):
    """Both at once, since each child costs a second."""
    for n, change in enumerate([*(UNSOUND[name][0] for name in ABORTS), {"padding": PADDED}]):
        (small / f"{n}.json").write_text(json.dumps(BASE | change))
    done = subprocess.run([sys.executable, "-c", _CHILD, str(small), str(len(ABORTS) + 1)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["refused"] * len(ABORTS) + ["accepted"]


_CHILD = """
import resource, sys
from pathlib import Path
from tritspike.hw_profiles.errors import TritspikeError
from tritspike.runtime.host.tokenizer import text_of, tokenizer_from
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30),) * 2)
for n in range(int(sys.argv[2])):
    try:
        tokenizer_from(text_of(Path(sys.argv[1], f"{n}.json")), "t").encode("w" * 3000)
        print("accepted")
    except TritspikeError:
        print("refused")
"""


def test_errors_name_the_kind_that_the_caller_asked_for():
    with pytest.raises(CheckpointError):
        tokenizer_from(json.dumps(BASE), "t").require_usable(3, CheckpointError)
