"""The compiler's commands: `python compiler/lower.py ...`, and part of `tritspike NAME ...`."""

from tritspike.runtime.command_line import Command

COMMANDS = (
    Command(
        __package__,
        "lower",
        "lower a spiking checkpoint to a program for a neuromorphic chip",
        "models/zoo/sst2-ternary --profile auto --out sst2.tsp --map",
    ),
)
