"""A SentencePiece charsmap, looked at before the tokenizer library follows it: the library trusts every offset in it.

Four bytes of length, a double-array trie of 32-bit units (as darts-clone writes them), and NUL-separated UTF-8 strings, which replace what the
trie finds. A unit: bits 0-7 and 31 its label, 8 whether a value lies below it, 9 whether its offset is in blocks of 256, 10-30 the offset.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

_BLOCK = 256  # units; from any state, every byte leads somewhere in one block
_LABELS = np.arange(1, _BLOCK)


def growth(encoded: str) -> int:
    """Bytes in the longest replacement. Raises `ValueError` for a charsmap that leads the library outside itself."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None
    size = int.from_bytes(content[:4], "little")
    if len(content) < 4 or size % (4 * _BLOCK) or not 0 < size <= len(content) - 4:
        raise ValueError(f"its trie has {size} bytes, allowed whole blocks of {4 * _BLOCK} in the {max(len(content) - 4, 0)} that follow")
    strings = content[4 + size :]
    strings.decode()  # a UnicodeDecodeError is a ValueError
    return _longest(_values(np.frombuffer(content, "<u4", size // 4, 4).astype(np.int64)), strings)


def _values(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the trie gives, for any text."""
    seen, found = np.zeros(len(units), np.bool_), []
    states = _offset(units[:1])
    while len(states):
        if states.max() >= len(units):
            raise ValueError(f"its trie leads to unit {states.max()} of {len(units)}")
        states = np.unique(states[~seen[states]])
        seen[states] = True
        at = (states[:, None] ^ _LABELS).ravel()
        label = units[at] & (1 << 31 | 0xFF)
        at = at[label == np.tile(_LABELS, len(states))]
        states = at ^ _offset(units[at])
        found.append(states[units[at] >> 8 & 1 == 1])
    leaves = np.concatenate(found)
    if len(leaves) and leaves.max() >= len(units):
        raise ValueError(f"its trie leads to unit {leaves.max()} of {len(units)}")
    return np.unique(units[leaves] & (1 << 31) - 1)


def _offset(units: NDArray[np.int64]) -> NDArray[np.int64]:
    return units >> 10 << ((units & 1 << 9) >> 6)


def _longest(values: NDArray[np.int64], strings: bytes) -> int:
    held = np.append(np.frombuffer(strings, np.uint8), 0)
    bad = values[(values > len(strings)) | (held[np.minimum(values, len(strings))] & 0xC0 == 0x80)]
    if len(bad):
        raise ValueError(f"its trie gives the string at {bad[0]} of {len(strings)} bytes, which does not begin there")
    ends = np.flatnonzero(held == 0)
    return int((ends[np.searchsorted(ends, values)] - values).max(initial=0))
