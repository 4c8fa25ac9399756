"""Kill every training program at each of its renames, once before and once after, go on with the same command, and compare all bytes that are left.

    python tests/kill_training.py [--program student|language|teacher|causal ...] [--at REGEX]

`--at` picks renames by the name of their target. A run is a child of its own, forked from this process, which imports everything and trains
nothing. Its clock stands still: cards hold how many minutes a training took. `make kill-training` takes a minute or two.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import random_checkpoint
import torch
from command import model_main
from tiny_language import tiny
from transformers import modeling_utils

from tritspike.models.streams import train_tokenizer
from tritspike.models.teacher import CausalTeacher, Teacher
from tritspike.runtime.simulator import cache

SIZES = dict(hidden=16, layers=1, heads=2, head_dim=4, ffn=16, steps=2, max_length=12, embedding_rank=8)
SCHEDULE = dict(float_steps=6, integer_steps=4, batch=8, held_out=20, check_every=2, calibration_batches=2, unlabelled=0, warm_up=2)


def _toml(path: Path, **sections: dict[str, object]) -> Path:
    text = f'task = "{path.stem}"\n'
    for name, section in sections.items():
        text += f"[{name}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in section.items())
    path.write_text(text)
    return path


def _glue(root: Path) -> Path:
    rng = np.random.default_rng(0)
    (root / "SST-2").mkdir(parents=True)
    for name, count in (("train", 160), ("dev", 12)):
        rows = [" ".join(f"w{w}" for w in rng.integers(0, 20, 9)) + f"\t{n % 2}" for n in range(count)]
        (root / "SST-2" / f"{name}.tsv").write_text("sentence\tlabel\n" + "\n".join(rows) + "\n")
    return root


def _wiki(folder: Path) -> Path:
    folder.mkdir()
    for split, count in (("train", 30), ("valid", 4), ("test", 4)):
        (folder / f"wiki.{split}.tokens").write_text("".join(f" \n = Item {n} = \n \n one two three five six \n" for n in range(count)))
    return folder


def _encoder(folder: Path) -> Path:
    from transformers import BertConfig, BertForSequenceClassification

    sizes = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_position_embeddings=64)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=48, num_labels=2, **sizes)  # transformers adds a [MASK] to the tokens
    Teacher(BertForSequenceClassification(config), random_checkpoint.small_tokenizer()).save(folder)
    return folder


def _causal(folder: Path, wiki: Path) -> Path:
    CausalTeacher(tiny("gpt2", 270), train_tokenizer([(wiki / "wiki.train.tokens").read_text()], 270)).save(folder)
    return folder


def programs(at: Path) -> dict[str, Callable[[], object]]:
    """Each training program by name, as its command with small arguments; every one writes below `at`/out alone."""
    out, glue, wiki, base = str(at / "out"), str(_glue(at / "glue")), str(_wiki(at / "wiki")), str(_encoder(at / "base"))
    teacher = str(_causal(at / "gpt", at / "wiki"))
    student = ["--config", str(_toml(at / "sst2.toml", model=SIZES, schedule=SCHEDULE)), "--teacher", base, "--data", glue]
    language = ["--config", str(_toml(at / "lm.toml", model=SIZES, schedule=SCHEDULE | dict(held_out=4))), "--teacher", teacher, "--data", wiki]
    tuned = ["--base", base, "--task", "sst2", "--data", glue, "--rate", "1e-4", "3e-4", "--batch", "16", "--epochs", "0.5", "--held-out", "20"]
    scratch = [
        "--vocabulary",
        "270",
        "--hidden",
        "16",
        "--layers",
        "1",
        "--heads",
        "2",
        "--length",
        "12",
        "--steps",
        "6",
        "--batch",
        "4",
        "--check-every",
        "2",
    ]
    return {
        "student": lambda: model_main("train")([*student, "--out", out, "--threads", "1"]),
        "language": lambda: model_main("train")([*language, "--out", out, "--threads", "1"]),
        "teacher": lambda: model_main("finetune-teacher")([*tuned, "--out", out, "--checks", "2"]),
        "causal": lambda: model_main("train-teacher")(["--data", wiki, "--out", out, *scratch]),
    }


def run(program: Callable[[], object], log: Path, at: int = 0, after: bool = False) -> int:
    """The program in a child, which lists the targets of its renames in `log` and kills itself at number `at` (from 1); its wait status."""
    child = os.fork()
    if not child:
        _silent(log.with_suffix(".err"))
        _watch(log, at, after)
        time.time = lambda: 0.0
        os._exit(_ended(program))
    return os.waitpid(child, 0)[1]


def _ended(program: Callable[[], object]) -> int:
    """Whatever it raises ends here: the caller's frames are the parent's."""
    try:
        torch.set_num_threads(1)
        program()
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _silent(errors: Path) -> None:
    for number, name in ((1, os.devnull), (2, errors)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)


def _watch(log: Path, at: int, after: bool) -> None:
    """Python's two functions that rename, and the one in which safetensors renames by itself (strace finds no other)."""
    seen: list[str] = []

    def watched(real: Callable[..., object], position: int) -> Callable[..., None]:
        def rename(*arguments: object, **options: object) -> None:
            seen.append(Path(str(arguments[position])).name)
            if len(seen) == at and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            real(*arguments, **options)
            if len(seen) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            log.write_text("\n".join(seen))

        return rename

    os.rename, os.replace = watched(os.rename, 1), watched(os.replace, 1)
    modeling_utils.safe_save_file = watched(modeling_utils.safe_save_file, 1)


def left(folder: Path) -> dict[str, bytes]:
    """Every file below it; those that a killed write left half done begin with a dot."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts)}


def faults(name: str, program: Callable[[], object], at: Path, pattern: str) -> tuple[int, list[str]]:
    """(kills, what went wrong after which)."""
    log, out, found, kills = at / "log", at / "out", [], 0
    shutil.rmtree(out, ignore_errors=True)
    if run(program, log):
        raise SystemExit(f"{name} itself fails: {log.with_suffix('.err').read_text()[-2000:]}")
    whole, targets = left(out), log.read_text().split("\n")
    for n, after in ((n, after) for n, target in enumerate(targets, 1) if re.search(pattern, target) for after in (False, True)):
        shutil.rmtree(out)
        where, kills = f"{name}: killed {'after' if after else 'before'} rename {n} of {len(targets)}, onto {targets[n - 1]}", kills + 1
        if not os.WIFSIGNALED(run(program, log, n, after)):
            found.append(f"{where}: it was not")
        if run(program, log):
            found.append(f"{where}: does not go on: {log.with_suffix('.err').read_text().strip().splitlines()[-1]}")
        elif (again := left(out)) != whole:
            wrong = sorted(k for k in whole.keys() | again.keys() if whole.get(k) != again.get(k))
            found.append(f"{where}: goes on to other bytes in {', '.join(wrong)}")
    return kills, found


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", nargs="+", default=["student", "language", "teacher", "causal"])
    parser.add_argument("--at", default="", help="regular expression: only renames onto such names")
    o, wrong = parser.parse_args(argv), []
    cache.prepare()  # or the first run alone would rename what it compiles
    with tempfile.TemporaryDirectory() as folder:
        known = programs(Path(folder))
        for name in o.program:
            kills, found = faults(name, known[name], Path(folder), o.at)
            print(f"{name}: {kills} kills, {len(found)} of them with another end", flush=True)
            wrong += found
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
