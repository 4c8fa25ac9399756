"""The only place that imports Lava, and only when a program is run on it."""
