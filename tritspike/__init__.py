"""Spiking language models on neuromorphic chips: compile, run bit for bit, verify, deploy."""

__version__ = "0.2.0"
