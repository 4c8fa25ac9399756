"""How lists of synapses are packed: n * (weight bits + index bits) + header bits for each `synapses_per_header`, rounded up to words.

As nengo-loihi's `bits_per_axon` counts, without delays and tags.
"""

from __future__ import annotations

import numpy as np

from tritspike.hw_profiles.profile import HardwareProfile
from tritspike.runtime.network.grid import Index

_WIDTHS = np.array([0, 1, 2, 3, 4, 5, 6, 8, 8, 9])  # by wanted bits: there is no weight of 7 bits [nengo-loihi]; 9 is no width and never wanted


def weight_bits(low: int, high: int) -> int:
    """Of a weight in low..high."""
    return int(_WIDTHS[max(-low, high, 1).bit_length() + (low < 0 < high)])


def index_bits(span: Index, profile: HardwareProfile) -> Index:
    """Bits that tell `span` neurons apart: none for one, else at least the narrowest index there is."""
    wanted = np.ceil(np.log2(np.maximum(span, 1))).astype(np.int64)
    return np.where(wanted > 0, np.maximum(wanted, profile.index_bits_min), 0)


def packed_bits(synapses: Index, bits_each: Index | int, profile: HardwareProfile) -> Index:
    """Bits of lists of `synapses` entries each."""
    full, rest = np.divmod(synapses, profile.synapses_per_header)
    bits = full * _words(profile.synapses_per_header * bits_each + profile.header_bits, profile)
    return bits + np.where(rest > 0, _words(rest * bits_each + profile.header_bits, profile), 0)


def _words(bits: Index | int, profile: HardwareProfile) -> Index:
    return -(-np.asarray(bits, np.int64) // profile.word_bits) * profile.word_bits
