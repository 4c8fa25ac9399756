"""The only place that imports Lava, and only when a program is run on it."""

TIME_LIMIT = 1800.0  # seconds; a Lava model that fails hangs for ever
