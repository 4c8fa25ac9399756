"""Train in several processes and in one, and say how far these are apart: children of this process, started as torchrun starts its own.

    python tests/several.py [--kind window flow language stream]

Of each kind of trainer, as a line of JSON: `gradients`, how far those of the first step are from one process' (norm of the difference over the norm,
of all parameters together); `losses`, the same of that of 50 losses which is farthest, `learned`, how far the last is below the first; `apart` and
`unweighed`, as `gradients`, where statistics are each process' own, and where each process' part counts as half.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from kill_training import SCHEDULE, SIZES, _causal, _encoder, _glue, _toml, _wiki
from safetensors.numpy import load_file, save_file

from tritspike.models import processes, train
from tritspike.models.nets.packing import Share
from tritspike.models.recipe import STREAM, read_recipe
from tritspike.models.state import Live
from tritspike.models.teacher import load_causal_teacher, load_teacher
from tritspike.models.train_language import LanguageTrainer
from tritspike.models.train_stream import StreamTrainer
from tritspike.models.training_set import prepare
from tritspike.runtime.simulator import cache
from tritspike.runtime.tasks.labelled import task_named

STEPS, _RATE = 50, 5e-4
FLOW = dict(hidden=16, layers=1, ffn=16, steps=2, traces=8, memory=[1, 4], rank=8)
PRICE = dict(rate=1.0, rate_target=0.01)


def recipes(at: Path) -> dict[str, Path]:
    """By kind. Batches are odd, so that no part is half."""
    schedule = SCHEDULE | dict(batch=7, rate=1e-3, crop=8, run=3, held_out=4, check_every=100, float_steps=STEPS)
    model = SIZES | dict(hidden=32, ffn=32)
    states = PRICE | dict(hidden=0.1, attention=0.1, states_every=1, operations=1.0, operations_target=0.01)
    sections = {
        "window": dict(model=model, loss=states, schedule=schedule),
        "flow": dict(model=FLOW | dict(slot=12, mixer="both", recall=[4], key=2, value=2), loss=PRICE | dict(labels=1.0), schedule=schedule),
        "language": dict(model=model, loss=PRICE, schedule=schedule),
        "stream": dict(model=FLOW, loss=dict(attention=0.0), schedule=schedule),
    }
    found = {}
    for kind, some in sections.items():
        (at / kind).mkdir()
        found[kind] = _toml(at / kind / ("sst2.toml" if kind in ("window", "flow") else "lm.toml"), **some)
        if kind in ("flow", "stream"):
            found[kind].write_text(f'family = "{STREAM}"\n' + found[kind].read_text())
    return found


def trainer(kind: str, config: Path, at: Path):
    recipe, out = read_recipe(config), at / "out"
    if kind in ("window", "flow"):
        teacher = load_teacher(str(at / "base"))
        source = train.source_of(recipe.schedule, str(at / "glue"), (), at / "cache")
        return train.kind_of(recipe)(recipe, teacher, prepare(teacher, task_named("sst2"), source, train.longest(recipe)), out)
    return {"language": LanguageTrainer, "stream": StreamTrainer}[kind](recipe, load_causal_teacher(str(at / "gpt")), at / "wiki", [], out)


def learn(kind: str, config: Path, at: Path, steps: int, into: Path) -> None:
    """The first step's gradients and all losses into a file of this process."""
    run, losses, first = trainer(kind, config, at), [], {}
    live = Live(at / "none", run._parts(), _RATE)
    for step in range(steps):
        live.set_rate(_RATE * min((step + 1) / 10, 1 - step / STEPS))
        losses.append(float(processes.total(run._update(live, step, "float"))))
        if not step:
            first = {name: p.grad.numpy().copy() for name, p in live.named.items() if p.grad is not None}
    if processes.leads():
        save_file(first | {"losses": np.array(losses)}, into)


def together(count: int, work: Callable[[], object], at: Path, after: Callable[[int], None] = lambda rank: None) -> list[int]:
    """Wait statuses of so many children which do it; `after(rank)` is called in each before."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [_child(rank, count, port, work, at, after) for rank in range(count)]
    return [os.waitpid(child, 0)[1] for child in children]


def _child(rank: int, count: int, port: int, work: Callable[[], object], at: Path, after: Callable[[int], None]) -> int:
    child = os.fork()
    if child:
        return child
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in place.items()}
    for number, target in ((1, os.devnull), (2, at / f"said-{rank}")):
        os.dup2(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    code = 1
    try:
        torch.set_num_threads(1)
        after(rank)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def learned(count: int, kind: str, config: Path, at: Path, steps: int = 1, changed: Callable[[], None] = lambda: None) -> dict[str, np.ndarray]:
    """What `learn` leaves. changed: what is made wrong before."""

    def work() -> None:
        changed()
        with processes.joined(torch.device("cpu")):
            learn(kind, config, at, steps, at / "found")

    (at / "found").unlink(missing_ok=True)
    if any(together(count, work, at)):
        raise SystemExit(f"{kind}: {''.join((at / f'said-{rank}').read_text()[-3000:] for rank in range(count))}")
    return load_file(at / "found")


def _apart() -> None:
    processes.summed = lambda values: values


def _unweighed() -> None:
    Share.of = classmethod(lambda cls, own, every: cls(0.5, 0.5, 0.5))


WRONG = {"apart": _apart, "unweighed": _unweighed}
SEEN = {"window": ("apart", "unweighed"), "flow": ("unweighed",), "language": (), "stream": ("apart",)}  # some of what would be seen: each is a run


def distance(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    assert one.keys() == other.keys()
    ours, theirs = (np.concatenate([some[name].ravel() for name in sorted(one) if name != "losses"]) for some in (one, other))
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(ours))


def measured(kind: str, config: Path, at: Path) -> dict[str, float]:
    alone, both = (learned(count, kind, config, at, STEPS) for count in (1, 2))
    losses = float(np.abs(both["losses"] / alone["losses"] - 1).max())
    found = {"gradients": distance(alone, both), "losses": losses, "learned": float(alone["losses"][0] - alone["losses"][-1])}
    return found | {name: distance(alone, learned(2, kind, config, at, changed=WRONG[name])) for name in SEEN[kind]}


def line(kind: str, config: Path, at: Path) -> str:
    """What is said of a kind."""
    return json.dumps({"kind": kind} | measured(kind, config, at))


def prepared(at: Path) -> dict[str, Path]:
    """Data, teachers and recipes in a folder. Nothing of torch may compute here: its threads do not outlive a fork."""
    cache.prepare()
    _glue(at / "glue")
    _wiki(at / "wiki")
    _encoder(at / "base")
    _causal(at / "gpt", at / "wiki")
    return recipes(at)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", nargs="+", default=["window", "flow", "language", "stream"])
    o = parser.parse_args(argv)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        configs = prepared(Path(folder))
        for kind in o.kind:
            print(line(kind, configs[kind], Path(folder)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
