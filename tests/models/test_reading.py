"""Language models through which tokens flow, asked by the host: one pass, any length, on from where a text stopped."""

from __future__ import annotations

import numpy as np
import pytest
from command import RUNTIME, Shell
from flow_modules import folded, tokenizer

import tritspike
from tritspike.compiler.lower import lower
from tritspike.models.export import export
from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host import language
from tritspike.runtime.host.continuation import flowing
from tritspike.runtime.host.language import Sampling
from tritspike.runtime.host.reading import Kept, Reading, load, save
from tritspike.runtime.host.text import Encoder

TEXT = " ".join(f"w{n * n % 37}" for n in range(150))
HOW = How()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Encoder:
    folder = tmp_path_factory.mktemp("lm")
    export(folded(), tokenizer(), "lm", folder, {})
    return Encoder(lower(folder, "loihi2"))


def test_one_pass_scores_what_the_reference_does(encoder):
    found = language.flowed(encoder, TEXT, Reading(encoder, "fast", HOW))
    assert found == language.flowed(encoder, TEXT, Reading(encoder, "reference", HOW))
    assert (found.tokens, found.words) == (149, 149) and 1 < found.per_token < 10_000


@pytest.mark.parametrize("cut", [1, 2, 80, 149])
def test_two_texts_joined_by_a_state_file_are_one(encoder, tmp_path, cut):
    words, path = TEXT.split(), tmp_path / "state"
    first = Reading(encoder, "fast", HOW)
    nats = language.flowed(encoder, " ".join(words[:cut]), first).nats if cut > 1 else 0.0
    if cut == 1:
        first.coming = tuple(language.whole(encoder, words[0]).ids)
    save(encoder.program, first.kept(), path)
    second = Reading(encoder, "fast", HOW, load(encoder.program, path))
    nats += language.flowed(encoder, " ".join(words[cut:]), second).nats
    assert nats == pytest.approx(language.flowed(encoder, TEXT, Reading(encoder, "fast", HOW)).nats, rel=1e-12)


def written(encoder, prompt, tokens, reading) -> str:
    return "".join(flowing(encoder, prompt, tokens, Sampling(), reading))


def test_what_is_written_goes_on_as_if_it_had_not_stopped(encoder, tmp_path):
    whole = written(encoder, TEXT[:60], 40, Reading(encoder, "fast", HOW))
    first = Reading(encoder, "fast", HOW)
    found = written(encoder, TEXT[:60], 17, first)
    save(encoder.program, first.kept(), tmp_path / "state")
    found += written(encoder, "", 23, Reading(encoder, "fast", HOW, load(encoder.program, tmp_path / "state")))
    assert found.split() == whole.split() and len(whole.split()) == 40
    assert whole == written(encoder, TEXT[:60], 40, Reading(encoder, "reference", HOW))


def test_the_next_token_hears_all_that_was_read(encoder):
    predict, ids = language.predictor(encoder, "fast", HOW), language.whole(encoder, TEXT).ids
    for n in (1, 2, 5, 6, 100):
        alone = language.predictor(encoder, "fast", HOW).next(ids[:n])
        assert (predict.next(ids[:n]) == alone).all()
    late = [language.predictor(encoder, "fast", HOW).next(ids[n - 5 : n]) for n in range(20, 100, 10)]
    assert any((found != language.predictor(encoder, "fast", HOW).next(ids[:n])).any() for n, found in zip(range(20, 100, 10), late))


def test_states_of_others_are_one_line(encoder, tmp_path):
    path, other = tmp_path / "state", tmp_path / "other"
    reading = Reading(encoder, "fast", HOW)
    written(encoder, TEXT[:20], 2, reading)
    save(encoder.program, reading.kept(), path)
    export(folded(scale=91), tokenizer(), "lm", tmp_path / "ck", {})
    with pytest.raises(FileError, match="the state of another program"):
        load(lower(tmp_path / "ck", "loihi2"), path)
    content = path.read_bytes()
    for damaged in (content[:-30], content[:100], b"", content.replace(b"tritspike-state", b"tritspike-stale")):
        other.write_bytes(damaged)
        with pytest.raises(FileError, match=str(other)):
            load(encoder.program, other)
    program_file.save(encoder.program, other)
    with pytest.raises(FileError, match="this runtime reads tritspike-state version 1"):
        load(encoder.program, other)
    wrong = reading.kept()
    name = next(name for name in wrong.arrays if name.endswith(".u"))
    for array in (wrong.arrays[name][:, :-1], wrong.arrays[name].astype(np.int64), np.full_like(wrong.arrays[name], 1 << 24)):
        with pytest.raises(InputError, match=name):
            Reading(encoder, "fast", HOW, Kept(wrong.arrays | {name: array}, ()))


def test_the_command_goes_on_from_run_to_run(encoder, tmp_path, capsys):
    program, state, text, shell = tmp_path / "lm.tsp", tmp_path / "s.state", tmp_path / "t.txt", Shell(capsys, tmp_path)

    def said(*arguments):
        code, out, err = shell.run(RUNTIME, *arguments)
        assert code == 0, err
        return out

    program_file.save(encoder.program, program)
    text.write_text(TEXT)
    whole = said("generate", program, "w1 w2 w3", "--tokens", "8").split()
    first = said("generate", program, "w1 w2 w3", "--tokens", "3", "--state", state).split()
    assert first + said("generate", program, "", "--tokens", "5", "--state", state).split() == whole
    assert "one pass, fast" in said("perplexity", program, "--data", text)
    for arguments, what in (
        (("perplexity", program, "--data", text, "--stride", "3"), "--stride 3 of a program through which tokens flow"),
        (("generate", program, ""), "the prompt is empty"),
        (("generate", program, "w1", "--state", program), "cannot be written"),
    ):
        assert what in shell.refusal(RUNTIME, *arguments)


def test_the_api_reads_streams(encoder):
    model = tritspike.load(encoder.program)
    assert tritspike.perplexity(model, TEXT).tokens == 149
    assert tritspike.generate(model, "w3 w4", tokens=4).startswith("w3 w4")
    with pytest.raises(InputError, match="no stride"):
        tritspike.perplexity(model, TEXT, stride=3)


def test_a_token_s_spikes_are_made_once_and_are_its_own(encoder, monkeypatch):
    from tritspike.runtime.host import text

    fresh, made, encode = Encoder(encoder.program), [], text.encode
    monkeypatch.setattr(text, "encode", lambda front, rows, steps: made.append(len(rows)) or encode(front, rows, steps))
    ids = np.array([3, 9, 3, 3, 11])
    for some in (ids, ids[1:3]):
        assert (fresh.flowing(some) == fresh.words(some, 0 * some, 0 * some)).all()
    assert made == [3, 5, 2] and fresh.flowing(ids[:0]).shape[0] == 0
    with pytest.raises(InputError, match="token 99 is outside the vocabulary"):
        fresh.flowing(np.array([3, 99]))


@pytest.mark.parametrize("temperature", [0.0, 1.3])
def test_many_streams_at_once_write_what_each_would_alone(encoder, temperature):
    model, prompts = tritspike.load(encoder.program), ["w1", TEXT[:90], "w30 w2 w2", TEXT[40:70]]
    how = {"tokens": 12, "temperature": temperature, "top_p": 0.9, "seed": 4}
    together = tritspike.generate(model, prompts, **how)
    assert together == [tritspike.generate(model, prompt, **how) for prompt in prompts] and len(set(together)) == 4
    with pytest.raises(InputError, match="the prompt is empty"):
        tritspike.generate(model, ["w1", ""])
    with pytest.raises(InputError, match="reference does not go on with several streams"):
        tritspike.generate(tritspike.load(encoder.program, executor="reference"), prompts)
