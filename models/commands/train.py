"""`train`: a spiking student by a recipe, a classifier's or a language model's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tritspike.models.options import DEVICE, THREADS
from tritspike.runtime.outputs import require_other_folder
from tritspike.runtime.tasks import labelled

if TYPE_CHECKING:
    import torch

    from tritspike.models.recipe import Recipe


def add_options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    for name, text in (("config", "the recipe, TOML"), ("teacher", "folder or hub name"), ("out", "folder")):
        parser.add_argument(f"--{name}", required=True, help=text)
    parser.add_argument("--data", help="GLUE folder, or WikiText's; of an own task's files if they are not beside it; or 'hub'")
    parser.add_argument("--unlabelled", type=Path, nargs="+", default=[], help="text files, plain or .xz, one text a line")
    parser.add_argument("--from", dest="earlier", type=Path, help="folder of an earlier run, whose float student this one starts from")
    parser.add_argument("--cache", type=Path, help="folder of the teacher's logits, which runs may share; OUT/cache where not given")
    parser.add_argument("--no-dev", dest="dev", action="store_false", help="leave dev unscored, for searches")
    parser.add_argument("--set", nargs="+", default=[], metavar="SECTION.KEY=VALUE", help="instead of the recipe's, such as schedule.seed=1")
    parser.add_argument("--device", default="auto", help=DEVICE)
    parser.add_argument("--threads", type=THREADS, default=2, help="(default: 2)")


def _recipe(o: argparse.Namespace) -> Recipe:
    """Checked, with all that is given beside it, before torch is imported."""
    from tritspike.models.given import require_student
    from tritspike.models.recipe import LANGUAGE, read_recipe, varied

    recipe = varied(read_recipe(Path(o.config)), o.set)
    require_other_folder(Path(o.out), [Path(o.teacher), o.earlier])
    if recipe.task == LANGUAGE and o.data is None:
        o.refuse("the following arguments are required: --data")
    require_student(recipe, o.teacher, o.data, o.unlabelled, o.earlier, o.dev)
    return recipe


def run(o: argparse.Namespace, out: Console) -> None:
    """The command. A killed run goes on where it stopped when the same command is given again."""
    recipe, folder = _recipe(o), Path(o.out)

    import torch

    from tritspike.models import devices, processes

    torch.set_num_threads(o.threads)
    device = devices.chosen(o.device, processes.place())
    with processes.joined(device):
        shown = _trained(o, recipe, folder, device)
        if processes.leads():
            out.print(" ".join(shown), soft_wrap=True)


def _trained(o: argparse.Namespace, recipe: Recipe, folder: Path, device: torch.device) -> list[str]:
    """What is said at the end, by the process that leads."""
    from tritspike.models import processes, train, train_language
    from tritspike.models.recipe import LANGUAGE

    if recipe.task == LANGUAGE:
        card = train_language.train(recipe, o.teacher, Path(o.data), o.unlabelled, folder, o.command, o.dev, o.earlier, device)
        return [f"{name} perplexity {card[name]:.3f}" for name in ("valid", "test") if name in card]
    data = labelled.place(labelled.task_named(recipe.task), o.data)
    source = train.source_of(recipe.schedule, data, o.unlabelled, o.cache or folder / "cache")
    card = train.train(recipe, o.teacher, source, folder, o.command, o.dev, o.earlier, device)
    found = card.get("dev", {"held-out": card["held_out_integer"]} if processes.leads() else {})
    return [f"{name} {value:.4f}" for name, value in found.items()]
