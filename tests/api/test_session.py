"""`ts.Session`: a text that goes on from call to call, and from file to file."""

from __future__ import annotations

import pytest
from shipped import ZOO

import tritspike as ts
from tritspike.runtime.errors import FileError, InputError

TEXT = "The game was released in Japan in 2011 ."


@pytest.fixture(scope="module")
def model() -> ts.Model:
    return ts.load(ZOO / "lm-stream-ternary")


def test_it_writes_what_generate_does(model):
    talk = ts.Session(model)
    assert TEXT + talk.generate(TEXT, tokens=8) == ts.generate(model, TEXT, tokens=8)
    assert talk.generate(tokens=3) == ts.generate(model, TEXT, tokens=11).removeprefix(ts.generate(model, TEXT, tokens=8))


def test_two_reads_are_one(model):
    talk, whole = ts.Session(model), ts.perplexity(model, TEXT + " It sold well .")
    parts = [talk.read(TEXT), talk.read(" It sold well .")]
    assert sum(p.tokens for p in parts) == whole.tokens and sum(p.nats for p in parts) == pytest.approx(whole.nats, rel=1e-12)


def test_a_file_holds_what_was_read(model, tmp_path):
    talk = ts.Session(model)
    talk.read(TEXT)
    talk.save(tmp_path / "a.state")
    size = (tmp_path / "a.state").stat().st_size
    assert ts.Session(model, tmp_path / "a.state").generate(tokens=5) == talk.generate(tokens=5)
    talk.read(TEXT * 5)
    talk.save(tmp_path / "a.state")
    assert (tmp_path / "a.state").stat().st_size <= size + 99  # as much for a longer text, but for digits of its length


@pytest.mark.parametrize("say", [lambda t: t.generate(), lambda t: t.read(""), lambda t: t.generate("a", tokens=0)], ids=["nothing", "no text", "0"])
def test_there_must_be_something_to_go_on_from(model, say):
    with pytest.raises(InputError, match=r"the prompt is empty|a text of 0 tokens|tokens is 0"):
        say(ts.Session(model))


def test_what_cannot_go_on_is_refused(model, tmp_path):
    with pytest.raises(InputError, match="64 tokens at once"):
        ts.Session("lm-ternary")
    (tmp_path / "b.state").write_bytes(b"no state")
    with pytest.raises(FileError):
        ts.Session(model, tmp_path / "b.state")
    talk = ts.Session(model)
    talk.read(TEXT)
    model.save(str(tmp_path / "a.tsp"))
    before = (tmp_path / "a.tsp").read_bytes()
    with pytest.raises(FileError, match=r"a\.tsp"):
        talk.save(tmp_path / "a.tsp")
    assert (tmp_path / "a.tsp").read_bytes() == before
