"""The compiler's commands: `LOWER` as `python compiler/lower.py ...`, all as part of `tritspike NAME ...`."""

from tritspike.runtime.command_line import Command

LOWER = Command(
    __package__,
    "lower",
    "lower a spiking checkpoint to a program for a neuromorphic chip",
    "models/zoo/sst2-ternary --profile auto --out sst2.tsp --map",
)
COMMANDS = (
    LOWER,
    Command(__package__, "check", "say what a NIR or QONNX network would become, and what is refused", "net.nir --dt 1e-3 --convention euler"),
)
