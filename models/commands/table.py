"""Commands that need torch: `tritspike NAME ...`, and `python -m models.MODULE ...` for each alone."""

from tritspike.runtime.cli import starting
from tritspike.runtime.command_line import Command, run

COMMANDS = (
    Command(
        __package__,
        "train",
        "train a spiking student, and write its integer checkpoint",
        "--config models/configs/sst2.toml --teacher out/teachers/sst2 --data glue --out out/sst2",
    ),
    Command(
        __package__,
        "finetune-teacher",
        "fine-tune a float teacher on labelled texts",
        "--base minilm --task sst2 --data glue --out out/teachers/sst2",
    ),
    Command(
        __package__,
        "train-teacher",
        "train a GPT-2 on WikiText, to teach a spiking language model",
        "--data wikitext-2 --out out/lm-teacher",
    ),
    Command(
        __package__,
        "zoo",
        "make the teachers and checkpoints of models/zoo",
        "--base minilm --data glue --unlabelled reviews.txt.xz --out out sst2-ternary",
    ),
)
PREDICT = Command(
    __package__,
    "predict",
    "answer a GLUE split with a model that needs torch",
    "out/teachers/sst2 --task sst2 --data glue --out side.safetensors",
)
VARIED = Command(__package__, "varied", "check the recipes of a sweep", "models/configs/sst2.toml --settings settings.json --out recipes.json")


def alone(name: str, module: str) -> None:
    """`python -m MODULE`, which has one command."""
    starting()
    run([c for c in (*COMMANDS, PREDICT, VARIED) if c.name == name], f"python -m {module}", single=True)
