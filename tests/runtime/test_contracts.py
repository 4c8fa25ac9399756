"""Kernels index without asking, so that every call is asked first: arrays that do not fit each other are refused, and so are foreign samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import random_checkpoint

from tritspike.compiler.lower import lower
from tritspike.runtime import bits
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors import reference as literal
from tritspike.runtime.executors.fast import run as fast
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.rows import Rows
from tritspike.runtime.simulator import cache, contracts, counting, kernels, lasting, timelines, vocabulary


def spikes(rows: int, steps: int, words: int) -> bits.Words:
    return np.zeros((rows, steps, words), np.uint64)


def lanes(n: int) -> np.ndarray:
    return np.zeros(n, np.int32)


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


TABLE, SIGNS = np.zeros((1, 65, 8), np.uint64), np.zeros((1, 1, 1, 64), np.uint64)
LINEAR = (spikes(2, 3, 1), 0, 64, TABLE, SIGNS, lanes(64), lanes(64), lanes(1), lanes(1), spikes(2, 3, 1), 0, 64, 1, spikes(2, 3, 1))
FOUR, SCORES = np.array([64, 1, 64, 1], np.int32), np.zeros((2, 3, 1, 1), np.uint64)
ATTEND = (*[spikes(2, 3, 1)] * 3, rows(0, 0, 0), rows(0, 2), 8, False, 0, FOUR, FOUR, SCORES, spikes(2, 3, 1))
CODES = np.zeros((2, 1), np.uint64)
POOL = (spikes(2, 3, 1), 0, rows(0, 1, 2), CODES, CODES, False, np.zeros((2, 2), np.int64))
ENCODE = (np.zeros((2, 3), np.int32), np.zeros((3, 128), np.int16), lanes(64), 5, 4096, 64, spikes(2, 3, 1))
TALLY = (spikes(2, 3, 1), 0, rows(0, 1), np.zeros(64, np.int64), np.zeros(2, np.int64))
MEET = (spikes(2, 3, 1), spikes(2, 3, 1), rows(0, 0), 64, rows(0, 2), False, rows(0))
CARRY = (SCORES, spikes(2, 3, 1), 0, 8, rows(0, 2), rows(0))
LISTED = (np.zeros((3, 2), np.uint64), np.array([[0, 1, 2]]), lanes(2), lanes(2), rows(0), rows(1))
TOTAL, UNEVEN = np.zeros((70, 128), np.int32), np.array([[0, 2, 1]])
ADD_LISTED, AT_ONCE = (*LISTED, TOTAL), (*LISTED, lanes(2), lanes(2), np.zeros(2, np.uint64), np.zeros((3, 2), np.uint64))
WRONG_LISTS = {1: UNEVEN, 2: lanes(1) + 3, 3: lanes(1), 4: rows(1), 5: rows(2)}
MATRIX = (np.zeros((3, 2), np.uint64), np.zeros((4, 1), np.int32), np.zeros((2, 64), np.int32), np.array([[0], [64]], np.int32), True, TOTAL)
IN_TIME = (TOTAL, *[lanes(64)] * 4, True, np.zeros(70, np.bool_), 3, np.zeros((3, 2), np.uint64))
STATE = np.zeros((2, 64), np.int32)
LAST = (spikes(2, 3, 1), 0, rows(0, 1, 2), *[lanes(64)] * 6, STATE, STATE, spikes(2, 5, 1))
MULTIPLY = (np.zeros((2, 3), np.int32), np.zeros((2, 3, 256), np.int8), rows(*range(65)), np.zeros((2, 65), np.int64))
DRAW = (np.zeros((2, 3), np.int64), np.zeros((2, 3)), np.zeros(2), np.zeros(2), rows(0, 0))
KERNELS = {
    lasting.last: (
        LAST,
        {
            0: spikes(2, 6, 1),
            1: 1,
            2: rows(0, 1, 3),
            3: lanes(63),
            4: lanes(63),
            5: lanes(63),
            6: lanes(63),
            7: lanes(63),
            8: lanes(65),
            9: STATE[:1],
        },
    ),
    lasting.count: ((spikes(2, 3, 2), 1, np.zeros((2, 64), np.int64)), {0: spikes(1, 3, 2), 1: 2, 2: np.zeros((2, 65), np.int64)}),
    kernels.linear: (
        LINEAR,
        {0: spikes(2, 3, 0), 1: 1, 2: 65, 3: TABLE[:, :-1], 4: SIGNS[..., :-1], 5: lanes(63), 7: lanes(2), 9: spikes(1, 3, 1), 10: 1},
    ),
    kernels.attend: (
        ATTEND,
        {0: spikes(2, 3, 0), 1: spikes(1, 3, 1), 3: rows(0, 1, 0), 4: rows(0, 3), 5: 65, 7: -1, 8: FOUR[:3], 11: spikes(2, 3, 0)},
    ),
    kernels.pool: (POOL, {0: spikes(1, 3, 1), 1: -1, 2: rows(1, 0, 2), 3: CODES[:1], 6: np.zeros((1, 2), np.int64)}),
    kernels.encode: (ENCODE, {0: np.zeros((1, 3), np.int32), 1: np.zeros((3, 126), np.int16), 2: lanes(63), 3: 32, 6: spikes(3, 3, 1)}),
    counting.tally: (TALLY, {0: spikes(1, 3, 1), 1: 1, 2: rows(0, 2), 3: np.zeros(65, np.int64)}),
    counting.meet: (MEET, {0: spikes(1, 3, 1), 2: rows(0, -1), 3: 65, 4: rows(0, 3)}),
    counting.carry: (CARRY, {1: spikes(1, 3, 1), 2: 1, 3: 65, 4: rows(0, 3)}),
    timelines.add_listed: (ADD_LISTED, {0: np.zeros((3, 1), np.uint64), **WRONG_LISTS, 6: TOTAL[:, :1].copy()}),
    timelines.fire_at_once: (AT_ONCE, {0: np.zeros((3, 1), np.uint64), **WRONG_LISTS, 6: lanes(1), 7: lanes(3), 8: np.zeros(1, np.uint64)}),
    timelines.add_matrix: (
        MATRIX,
        {0: np.zeros((3, 1), np.uint64), 1: MATRIX[1] + np.int32(3), 2: np.zeros((2, 128), np.int32), 3: MATRIX[3] + np.int32(1), 5: TOTAL[:64]},
    ),
    vocabulary.multiply: (MULTIPLY, {0: MULTIPLY[0][:1], 1: MULTIPLY[1][:1], 2: rows(*range(64)), 3: np.zeros((2, 129), np.int64)}),
    vocabulary.draw: (DRAW, {0: np.array([[0, 0, 1 << 62]] * 2), 1: np.zeros((2, 4)), 2: np.zeros(1), 3: np.zeros(3), 4: rows(0)}),
    timelines.fire_in_time: (IN_TIME, {0: np.zeros((70, 63), np.int32), 1: lanes(63), 4: lanes(63), 6: np.zeros(69, np.bool_), 7: -1}),
}


def test_every_kernel_is_here():
    assert {k.name for k in KERNELS} == {k.name for k in cache._KERNELS}


@pytest.mark.parametrize("kernel, at", [(k, at) for k, (_, wrong) in KERNELS.items() for at in wrong], ids=lambda v: getattr(v, "name", v))
def test_arrays_that_do_not_fit(kernel, at):
    good, wrong = KERNELS[kernel]
    contracts.require(kernel.name, kernel.contract(*good))
    with pytest.raises(ValueError, match=rf"^{kernel.name}: called with arrays that do not fit each other: "):
        kernel(*good[:at], wrong[at], *good[at + 1 :])


def _wrong(given: Rows):
    def other(words) -> Rows:
        return replace(given, words={"x": words})

    words = given.words["x"]
    loud = words.copy()
    loud[0, 0, -1] |= np.uint64(1) << np.uint64(63)
    yield "x: spikes beyond the last of 16 neurons", other(loud)
    yield "x: bool of shape", other(words[:-1])
    yield "x: bool of shape", other(np.zeros((*words.shape[:2], 2), np.uint64))
    yield "x: bool of shape", other(words[:, :-1].copy())
    yield "x: words are uint32 of shape", other(words.astype(np.uint32))
    yield "x: words are list", other(words.tolist())
    yield "x: words are uint64 of shape", other(np.asfortranarray(words))
    yield "x: bool of shape", replace(given, positions=13)
    yield "lengths are", replace(given, lengths=given.lengths.astype(np.uint8))
    yield "lengths are", Rows({"x": words[:0]}, given.lengths[:0], given.positions)
    yield r"lengths 0\.\.", replace(given, lengths=np.append(given.lengths, 0))
    yield r"lengths 1\.\.13, allowed 1\.\.12", Rows({"x": np.zeros((14, *words.shape[1:]), np.uint64)}, np.array([13, 1]), given.positions)
    yield "no spikes for 'x'", replace(given, words={})
    yield "no spikes for 'x'", replace(given, words={"y": words})


def test_samples_of_another_program_are_refused(checkpoint):
    program = lower(checkpoint, "loihi2")
    given = Encoder(program).rows(random_checkpoint.tokens(0, 3, 12))
    for message, wrong in _wrong(given):
        for run in (fast.run, literal.run):
            with pytest.raises(InputError, match=message):
                run(program.scheduled, wrong)
