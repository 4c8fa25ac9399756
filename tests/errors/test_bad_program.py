"""Program files that are missing, damaged or not ours, and texts that a program cannot take."""

from __future__ import annotations

import json
import pickle

import numpy as np
import planted
import pytest
from command import LOWER, RUNTIME, message, spawn
from program_json import described, store
from safetensors.numpy import save

from tritspike.runtime.errors import FileError
from tritspike.runtime.files import write_tensors
from tritspike.runtime.host import file as program_file

NOT_WHOLE = "not a whole safetensors file ({size} bytes): truncated or damaged"
READ = "tritspike-program version 3 or tritspike-program version 2"
COMMANDS = [("inspect",), ("classify", "w1"), ("verify", "--executor", "fast"), ("glue", "--task", "sst2", "--data", "nowhere")]


@pytest.mark.parametrize("command", COMMANDS)
def test_missing(command, shell, tmp_path):
    path = tmp_path / "program.tsp"
    assert shell.refusal(RUNTIME, command[0], path, *command[1:]) == f"{path}: no such file or directory"


@pytest.mark.parametrize("command", COMMANDS)
def test_missing_in_a_real_process(command, tmp_path):
    path = tmp_path / "program.tsp"
    code, out, err = spawn(RUNTIME, command[0], path, *command[1:])
    assert (code, out, message(err)) == (1, "", f"{path}: no such file or directory")


@pytest.mark.parametrize("command", COMMANDS)
def test_damaged(command, program, shell):
    program.write_bytes(program.read_bytes()[:-1])
    assert shell.refusal(RUNTIME, command[0], program, *command[1:]) == f"{program}: {NOT_WHOLE.format(size=program.stat().st_size)}"


def test_a_folder(shell, tmp_path):
    assert shell.refusal(RUNTIME, "inspect", tmp_path) == f"{tmp_path}: is a directory"


def test_truncated_anywhere(program, shell):
    content = program.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    for size in (0, 1, 7, 8, 9, header // 2, header - 1, header, header + 1, (header + len(content)) // 2, len(content) - 1):
        program.write_bytes(content[:size])
        assert shell.refusal(RUNTIME, "inspect", program) == f"{program}: {NOT_WHOLE.format(size=size)}"


def test_one_flipped_byte_of_data(program, shell):
    content = program.read_bytes()
    for at in (-1, -100, 8 + int.from_bytes(content[:8], "little")):
        damaged = bytearray(content)
        damaged[at] ^= 0x10
        program.write_bytes(damaged)
        assert shell.refusal(RUNTIME, "inspect", program) == f"{program}: the checksum does not match: the file is damaged"


@pytest.mark.parametrize("found, put", [(b"3072", b"3073"), (b"layer.0.query", b"layer.0.quern"), (b'sha256\\": \\"', None)])
def test_one_flipped_byte_of_metadata(found, put, program, shell):
    content = program.read_bytes()
    at = content.index(found) + len(found)
    digit = b"0" if content[at : at + 1] != b"0" else b"1"
    damaged = content.replace(found, put, 1) if put else content[:at] + digit + content[at + 1 :]
    assert sum(a != b for a, b in zip(damaged, content)) == 1
    program.write_bytes(damaged)
    assert shell.refusal(RUNTIME, "inspect", program) == f"{program}: the checksum does not match: the file is damaged"


def test_any_flipped_byte_is_noticed(program):
    content = program.read_bytes()
    for at in range(0, len(content), 53):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        program.write_bytes(damaged)
        with pytest.raises(FileError) as refusal:
            program_file.load(program)
        assert str(refusal.value).startswith(f"{program}: ") and "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [*(pickle.dumps({"a": 1}, protocol) for protocol in (2, 3, 4, 5)), b"PK\x03\x04 and so on"])
def test_pickle(content, program, shell):
    program.write_bytes(content)
    assert shell.refusal(RUNTIME, "inspect", program) == f"{program}: this is a pickle, which can run code; only safetensors files are read"


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_other_safetensors_file(metadata, program, shell):
    program.write_bytes(save({"weight": np.zeros(3, np.float32)}, metadata))
    assert shell.refusal(RUNTIME, "inspect", program) == f"{program}: a safetensors file, but not a tritspike program"


@pytest.mark.parametrize(
    "changes, found",
    [({"version": 1}, "tritspike-program version 1"), ({"version": 4}, "tritspike-program version 4"), ({"format": "loom"}, "loom version 3")],
)
def test_other_version(changes, found, program, shell):
    arrays, raw = described(program)
    store(program, arrays, raw | changes, "0" * 64)
    assert shell.refusal(RUNTIME, "inspect", program) == f"{program}: {found}, this runtime reads {READ}"


@pytest.mark.parametrize(
    "outer, why",
    [
        ({}, "it has no 'program'"),
        ({"program": "{}"}, "it has no 'format'"),
        ({"program": json.dumps({"format": "tritspike-program", "version": 3})}, "it has no 'sha256'"),
        ({"program": "{"}, "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)
def test_metadata_without(outer, why, program, shell):
    write_tensors(program, {}, {"tritspike": json.dumps(outer)})
    assert shell.refusal(RUNTIME, "inspect", program) == f"{program}: not a whole program: {why}"


def test_array_that_the_program_lacks(program, shell):
    arrays, raw = described(program)
    del arrays["class_bias"]
    store(program, arrays, raw)
    assert shell.refusal(RUNTIME, "inspect", program) == f"{program}: not a whole program: it has no 'class_bias'"


def test_a_checkpoint_is_no_program(small, shell):
    path = small / "model.safetensors"
    assert shell.refusal(RUNTIME, "inspect", path) == f"{path}: a safetensors file, but not a tritspike program"


LONG = "w1 w2 w3 w4 w5 w6"  # and [CLS], [SEP]: 8 tokens
CUT = "text 2 has 8 tokens, the program was compiled for 6"


def test_long_text_is_cut_with_a_warning(program, shell):
    code, out, err = shell.run(RUNTIME, "classify", program, "w1", LONG, "w1 w2 w3 w4")
    assert (code, err) == (0, f"warning: {CUT}: the rest is cut off\n")
    assert [line.split("  ", 2)[2] for line in out.splitlines()] == ["w1", LONG, "w1 w2 w3 w4"]


def test_long_text_is_refused_when_strict(program, shell):
    expected = f"{CUT} (hint: lower the checkpoint with a larger --length)"
    assert shell.refusal(RUNTIME, "classify", program, "w1", LONG, "--strict") == expected


def test_long_text_in_real_processes(small, tmp_path):
    program = tmp_path / "program.tsp"
    assert spawn(LOWER, small, "--out", program)[::2] == (0, "")
    code, out, err = spawn(RUNTIME, "classify", program, "w1", LONG)
    assert (code, len(out.splitlines()), err) == (0, 2, f"warning: {CUT}: the rest is cut off\n")
    code, out, err = spawn(RUNTIME, "classify", program, "w1", LONG, "--strict")
    assert (code, out, message(err)) == (1, "", f"{CUT} (hint: lower the checkpoint with a larger --length)")


@pytest.mark.parametrize("text", ["[/b]", "[red]x", ":smile:"])
def test_text_is_printed_as_it_is(text, program, shell):
    code, out, err = shell.run(RUNTIME, "classify", program, text)
    assert (code, out.split("  ", 2)[2], err) == (0, f"{text}\n", "")


def test_text_that_is_not_unicode(program, shell):
    assert shell.refusal(RUNTIME, "classify", program, "\udcff") == "text '\\udcff' is not UTF-8"


def test_unknown_executor(program, shell):
    expected = "executor 'loihi' is unknown (hint: one of fast, reference, lava, partitioned, onnx)"
    assert shell.refusal(RUNTIME, "verify", program, "--executor", "fast,loihi") == expected


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (("verify", "--limit", 0), "--limit: 0 is not a whole number in 1..100,000"),
        (("verify", "--random", -3), "--random: -3 is not a whole number in 1..100,000"),
        (("verify", "--seed", -1), "--seed: -1 is not a whole number in 0..9,223,372,036,854,775,807"),
        (("verify", "--time-limit", "0"), "--time-limit: 0 is not a number in 0.001..31,536,000"),
        (("verify", "--time-limit", "nan"), "--time-limit: nan is not a number in 0.001..31,536,000"),
        (("classify", "w1", "--time-limit", "-1"), "--time-limit: -1 is not a number in 0.001..31,536,000"),
        (("glue", "--task", "sst2", "--data", ".", "--limit", "-1"), "--limit: -1 is not a whole number in 1..1,000,000,000"),
    ],
)
def test_option_out_of_range(arguments, expected, program, shell):
    """Options are refused by the argument parser, with usage and its own exit code."""
    code, out, err = shell.run(RUNTIME, arguments[0], program, *arguments[1:])
    assert (code, out, err.splitlines()[-1]) == (2, "", f"python -m runtime {arguments[0]}: error: argument {expected}")


def test_interrupt(program, shell, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(program_file, "load", interrupted)
    assert shell.run(RUNTIME, "inspect", program) == (130, "", "interrupted\n")


def test_a_program_that_two_executors_disagree_on(program, shell, monkeypatch):
    """`verify` says where on stdout and ends with 1."""
    planted.replaced(monkeypatch, "fast", planted.flipped("layer.0.output"))
    code, out, err = shell.run(RUNTIME, "verify", program, "--executor", "fast")
    assert (code, err) == (1, "")
    assert out.startswith("differs: sample 0, step 0, layer.0.output[0]: reference ") and out.count("\n") == 1
