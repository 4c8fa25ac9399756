"""Matrices of codes as words of bits, in the orders that `kernels.linear` reads them in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tritspike.runtime import bits
from tritspike.runtime.bits import BLOCK


def table(codes: NDArray[np.int8], each: int) -> bits.Words:
    """(blocks, inputs * each + 1, BLOCK) rows of bits, 64-byte aligned: a row is one cache line."""
    neurons, inputs = codes.shape
    blocks = -(-neurons // (bits.WORD * BLOCK))
    padded = np.zeros((inputs * each + 1, blocks * bits.WORD * BLOCK), np.bool_)
    padded[:-1:each, :neurons] = (codes > 0).T
    if each == 2:
        padded[1:-1:2] = True  # also beyond the last neuron, so that there too the two rows of a spike come to weight 0
        padded[1:-1:2, :neurons] = (codes >= 0).T
    out = aligned((blocks, len(padded), BLOCK))
    out[:] = bits.pack(padded).reshape(len(padded), blocks, BLOCK).swapaxes(0, 1)
    return out


def signs(codes: NDArray[np.int8], each: int) -> bits.Words:
    """(each, words of neurons, words of inputs, 64): where a neuron's weights are 1, and where -1; 64 neurons' words side by side."""
    neurons, inputs = codes.shape
    padded = np.zeros((bits.words(neurons) * bits.WORD, inputs), np.int8)
    padded[:neurons] = codes
    packed = np.stack([bits.pack(padded == sign) for sign in (1, -1)[:each]])
    out = aligned((each, bits.words(neurons), bits.words(inputs), bits.WORD))
    out[:] = packed.reshape(each, -1, bits.WORD, out.shape[2]).swapaxes(2, 3)
    return out


def bytes_of(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """(outputs, inputs) -> (blocks of 64 outputs, inputs / 4, 64 * 4), as `vocabulary.multiply` reads it; what is filled up weighs nothing."""
    outputs, inputs = codes.shape
    padded = np.zeros((bits.words(outputs) * bits.WORD, -(-inputs // 4) * 4), np.int8)
    padded[:outputs, :inputs] = codes
    blocks, quads = padded.shape[0] // bits.WORD, padded.shape[1] // 4
    out = aligned((blocks, quads, bits.WORD // 2)).view(np.int8)
    out[:] = padded.reshape(blocks, bits.WORD, quads, 4).swapaxes(1, 2).reshape(out.shape)
    return out


def aligned(shape: tuple[int, ...]) -> bits.Words:
    """Zeros that begin at a cache line."""
    raw = np.zeros(int(np.prod(shape)) * 8 + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + int(np.prod(shape)) * 8].view(np.uint64).reshape(shape)


def whole_words(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """Columns up to a whole word of inputs; those beyond the last never spike, and weigh what keeps a binary matrix binary."""
    return np.pad(codes, ((0, 0), (0, -codes.shape[1] % bits.WORD)), constant_values=1)
