"""Models, their teachers and their training: the only place that imports torch."""

from runtime.cli import starting

starting("models")
