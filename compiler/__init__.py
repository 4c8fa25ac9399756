"""Lowering a checkpoint to a program: frontend, passes in one table, emit."""

from runtime.cli import starting

starting("compiler")
