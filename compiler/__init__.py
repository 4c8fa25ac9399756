"""Lowering a checkpoint to a program: frontend, passes in one table, emit."""
