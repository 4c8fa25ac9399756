"""Numbers that several of our commands take, each with its range."""

from __future__ import annotations

from tritspike.runtime.option_values import real, whole

COUNT = whole(1, 1_000_000_000)  # of texts, steps, checks
BATCH = whole(1, 1 << 16)
RATE = real(0, 10)
SEED = whole(0, (1 << 63) - 1)  # what every generator takes
THREADS = whole(1, 256)
DEVICE = "auto, cpu, cuda or cuda:N; auto is a GPU where there is one (default: %(default)s)"  # what its option says
