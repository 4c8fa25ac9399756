"""Until the records are swapped: counts, growing texts and memory are those that the executors of version 2 found."""

from __future__ import annotations

import numpy as np
import pytest
import random_checkpoint
from text_network import of_texts

from tritspike.compiler.frontend.checkpoint import read_checkpoint
from tritspike.compiler.frontend.encoder import network
from tritspike.compiler.lower import lower as lowered
from tritspike.compiler.lower import lower_network as lower
from tritspike.runtime.fast import run as fast
from tritspike.runtime.fast.growing import Growing
from tritspike.runtime.fast.memory import batch_rows, bytes_per_row
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.legacy import converted
from tritspike.runtime.network.network import Windows
from tritspike.runtime.simulator import fast as before
from tritspike.runtime.simulator import layout
from tritspike.runtime.simulator.growing import Growing as GrowingBefore

KINDS = [("mean", "host"), ("first", "host"), ("each", "host"), ("each", "chip")]


def both(tmp_path, seed, readout, head):
    """(the old program, the same converted, the same written with the builder)."""
    folder = random_checkpoint.write(tmp_path / f"{seed}", seed, readout=readout, window=1 + seed % 3)
    old = lowered(folder, "loihi2", head=head)
    return old, converted(old), lower(network(read_checkpoint(folder), head=head), Windows(old.steps))


def by_stage(counts, name):
    """Of a relay, which was one population, all stages together."""
    return sum(count for found, count in counts.items() if found == name or (found.startswith(f"{name}.") and found[len(name) + 1 :].isdigit()))


@pytest.mark.parametrize("plainly", [True, False])
@pytest.mark.parametrize("readout, head", KINDS)
def test_counts(readout, head, plainly, tmp_path):
    for seed in range(6):
        old, same, written = both(tmp_path, seed, readout, head)
        encoder = Encoder(old)
        samples = encoder.samples(encoder.tokens(random_checkpoint.texts(seed, 5, 12)))
        expected = before.run(old, samples, count=True, plainly=plainly).activity
        found, other = (fast.run(program, of_texts(samples), count=True, plainly=plainly).activity for program in (same, written))
        assert {name: by_stage(found.spikes, name) for name in expected.spikes} == expected.spikes
        assert {name: by_stage(found.events, name) for name in expected.events} == expected.events
        for counts in (found, other):
            assert counts.samples == expected.samples and sum(counts.spikes.values()) == sum(expected.spikes.values())
            assert sum(counts.events.values()) == sum(expected.events.values())


@pytest.mark.parametrize("head", ["host", "chip"])
def test_growing_texts(head, tmp_path):
    for seed in range(4):
        old, same, written = both(tmp_path, seed, "each", head)
        encoder, ids = Encoder(old), np.random.default_rng(seed).integers(0, 36, 12)
        words = encoder.words(ids, 0 * ids, np.arange(12))
        one, others = GrowingBefore(old), [Growing(same), Growing(written)]
        for part in np.split(words, [1, 2, 5, 11]):
            expected = one.add(part)
            for growing in others:
                (read,) = growing.add({"x": part}).values()
                assert (read == expected).all()
        spikes = others[0].outcome().spikes
        for name, packed in one.result().spikes.items():
            if name in spikes:
                assert (np.packbits(spikes[name], axis=-1) == packed).all(), name


@pytest.mark.parametrize("readout, head", KINDS)
def test_memory(readout, head, tmp_path):
    old, same, written = both(tmp_path, 1, readout, head)
    for program in (same, written):
        assert [bytes_per_row(program, rows) for rows in (1, 5, 12)] == [layout.bytes_per_token(old, rows) for rows in (1, 5, 12)]
        assert all(batch_rows(program, threads, 1 << 18) == before.batch_tokens(old, threads, 1 << 18) for threads in (1, 2, 3))
