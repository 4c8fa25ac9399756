"""A run that starts from what an earlier one's float student has learned, of a model through which tokens flow (`flow.py`)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tritspike.models import state
from tritspike.models.spiking import Synapses
from tritspike.runtime.errors import InputError
from tritspike.runtime.files import read_json

_OUTPUT = "answer."  # what is judged by, of one task alone


@torch.no_grad()
def begin_from(student: nn.Module, run: Path, task: str, loosened: float) -> None:
    """Everything but, where the task was another, what answers. loosened: as of `Start`. Raises `InputError` for a model of other sizes."""
    tensors, card = state.read(run / "float")
    earlier, own = state.part_of(tensors), student.state_dict()
    if state.task_of(card or read_json(run / "float.json")) != task:
        earlier = {name: tensor for name, tensor in earlier.items() if not name.startswith(_OUTPUT)}
    wrong = [name for name, tensor in earlier.items() if name not in own or own[name].shape != tensor.shape]
    wrong += [name for name in own if name not in earlier and not name.startswith(_OUTPUT)]
    if wrong:
        raise InputError(f"{run}: {min(wrong)} does not fit this recipe's [model]", "start from a run of the same sizes")
    student.load_state_dict(own | earlier)
    for part in student.modules():
        if isinstance(part, Synapses):
            part.weight.div_(loosened)
