"""Errors are one printable line by construction, and files that are no files are refused instead of waited for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tritspike.hw_profiles.errors import Finding, TritspikeError, decoding, listed
from tritspike.hw_profiles.reading import read_regular
from tritspike.runtime.errors import FileError
from tritspike.runtime.files import object_from, read_json


@pytest.mark.parametrize(
    "found, shown", [("a\nb", r"a\nb"), ("\x1b[31m", r"\x1b[31m"), ("\udcff", r"\udcff"), ("\u2028", r"\u2028"), ("日本 é", "日本 é")]
)
def test_a_message_is_one_printable_line(found, shown):
    assert str(TritspikeError(f"x: {found}", "try it")) == f"x: {shown} (hint: try it)"


def test_a_message_of_a_million_characters_is_cut():
    assert len(str(TritspikeError("x" * 1_000_000))) < 2100


def test_of_many_findings_the_first_are_shown_and_all_are_counted():
    found = [Finding(f"p{n}", "vth", n, "0..3") for n in range(20)]
    assert listed(found).startswith("p0: vth is 0, allowed 0..3; p1: ") and listed(found).endswith("; p7: vth is 7, allowed 0..3; and 12 more")
    assert listed(found[:2]) == "p0: vth is 0, allowed 0..3; p1: vth is 1, allowed 0..3"


@pytest.mark.parametrize(
    "error, why",
    [
        (KeyError("dims"), "it has no 'dims'"),
        (RecursionError("maximum recursion depth exceeded"), "it is nested too deeply"),
        (MemoryError(), "it asks for more memory than there is"),
        (OverflowError("int too large"), "int too large"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (IndexError("out"), "out"),
        (AttributeError("no x"), "no x"),
    ],
)
def test_what_content_raises_becomes_one_line(error, why):
    with pytest.raises(FileError) as found, decoding("p.tsp", "program", FileError):
        raise error
    assert str(found.value) == f"p.tsp: not a whole program: {why}"


def test_our_own_errors_and_interrupts_pass():
    with pytest.raises(FileError, match=r"^ours$"), decoding("p.tsp", "program", FileError):
        raise FileError("ours")
    with pytest.raises(KeyboardInterrupt), decoding("p.tsp", "program", FileError):
        raise KeyboardInterrupt


def test_nested_beyond_the_parser():
    with pytest.raises(FileError, match=r"^p.tsp: not a whole program: it is nested too deeply$"):
        object_from('{"a":' + "[" * 200_000, "p.tsp", "program")


def test_a_fifo_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(FileError, match=r"fifo: a FIFO, not a regular file$"):
        read_json(tmp_path / "fifo")


def test_devices_sockets_and_folders_are_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path, why in ((Path("/dev/zero"), "a device"), (tmp_path, "Is a directory"), (tmp_path / "socket", "No such device")):
            with pytest.raises(OSError, match=why):
                read_regular(path)


def test_a_name_that_no_system_takes(tmp_path):
    with pytest.raises(FileError, match="not a file name: embedded null byte"):
        read_json(tmp_path / "a\0b")
