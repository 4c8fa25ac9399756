"""The two phases of every training: floats with surrogate gradients, then the chip's own integers; resumable, with a card of what happened."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from tritspike.models import devices, measure, processes, state
from tritspike.models.ahead import Ahead
from tritspike.models.devices import CPU
from tritspike.models.fold import population_spikes, recalibrate, scale_limits, spike_rates, spike_report
from tritspike.models.nets.packing import Batch
from tritspike.models.progress import Watched
from tritspike.models.recipe import Recipe, plain
from tritspike.runtime.streams import say

_DRAWS = {"float": 0, "integer": 1, "calibration": 2}  # each draws its batches from random numbers of its own

Some = TypeVar("Some", bound="Phases")


class Phases:
    """Both phases of a run. `card` is also the record that a resumed run reads; what is learned and judged is the subclass's."""

    student: Any
    distiller: nn.Module

    def __init__(self, recipe: Recipe, out: Path) -> None:
        torch.manual_seed(recipe.schedule.seed)
        self.recipe, self.out = recipe, out
        self.device, self.batches = CPU, Ahead(self.given)
        self.card: dict[str, Any] = {"curves": {"float": [], "integer": []}, "minutes": 0.0, "recipe": plain(recipe)}

    def on(self: Some, device: torch.device) -> Some:
        """To be trained there, where its teacher is."""
        self.device, self.batches = device, Ahead(self.given, threads=device.type != "cpu")
        self.student.to(device)
        self.distiller.to(device)
        return self

    def given(self, name: str, step: int) -> tuple[Any, ...]:
        """The step's own random batch, on the device, or this process' part of it."""
        raise NotImplementedError

    def loss(self, name: str, step: int) -> Tensor:
        """Of what `batches` has for the step."""
        raise NotImplementedError

    def handled(self) -> tuple[int, str]:
        """What a step reads, and what these are."""
        return self.recipe.schedule.batch, "texts"

    def check(self) -> float:
        """How good the student is now, on text that it is chosen by."""
        raise NotImplementedError

    def distance(self) -> float | None:
        """How far it is from its teacher, where that is measured."""
        raise NotImplementedError

    def calibrate(self) -> None:
        """Statistics recomputed over the same mixture."""
        recalibrate(self.student, self.calibration())

    def populations(self) -> list[dict[str, Tensor]]:
        """Spikes by population, batch by batch of `probe`."""
        return population_spikes(self.student, self.probe())

    def calibration(self) -> Iterable[Batch]:
        """Batches of what is trained on, for statistics."""
        raise NotImplementedError

    def probe(self) -> list[Batch]:
        """Batches that spikes are counted on."""
        raise NotImplementedError

    def settle(self) -> None:
        """Last choices of a phase, made on text that it is chosen by; none where a subclass has none."""

    def float_phase(self) -> None:
        """Surrogate-gradient training, then statistics recomputed over the same mixture."""
        done = state.load(self.out / "float", self._parts(), self.card) is not None
        processes.meet()  # or one would find what another has just written
        if not done:
            self._phase("float", self.recipe.schedule.float_steps, self.recipe.schedule.rate)
            self._led(self._finish_floats)
        if processes.leads():
            state.publish(self.out / "float", self.card)

    def _finish_floats(self) -> None:
        say("calibration: statistics, and how good the floats are")
        self.calibrate()
        self.settle()
        self.card |= {"held_out_float": self.check(), "distance_float": self.distance()}
        state.save(self.out / "float", self._parts(), self.card)

    def _led(self, work: Callable[[], None]) -> None:
        """By the leading process alone, whose student all go on with."""
        if processes.leads():
            with processes.apart():
                work()
        processes.agree(tensor for part in self._parts().values() for tensor in part.state_dict().values())

    def _parts(self) -> state.Parts:
        """What either phase goes on with; the maps too, or a run killed between the phases would begin the second with others."""
        return {"student": self.student, "maps": self.distiller}

    def integer_phase(self) -> None:
        """Fold, report what folding costs, train on in integers."""
        devices.require_exact()
        if processes.leads():
            say("folding to integers: spikes before and behind it, and how good these are")
        self.student.eval()
        before, limits = self.populations() if processes.leads() else [], scale_limits(self.student)
        self.student.fold(limits[0][0])
        self._led(lambda: self._note_fold(before, limits))
        self._phase("integer", self.recipe.schedule.integer_steps, self.recipe.schedule.integer_rate)
        self._led(self._finish_integers)

    def _note_fold(self, before: list[dict[str, Tensor]], limits: list[tuple[int, str, str]]) -> None:
        cost = {
            "scale": limits[0][0],
            "limits": [list(limit) for limit in limits[:8]],
            "populations": spike_report(before, self.populations()),
        }
        self.card |= {"fold": cost, "held_out_folded": self.check()}

    def _finish_integers(self) -> None:
        self.settle()
        rates = spike_rates(self.populations())
        self.card |= {"held_out_integer": self.check(), "distance_integer": self.distance()}
        self.card |= {"spike_rates": rates, "mean_spike_rate": round(measure.mean_rate(rates), 4)}

    def _phase(self, name: str, steps: int, rate: float) -> None:
        schedule, live = self.recipe.schedule, state.Live(self.out / f"{name}-live", self._parts(), rate)
        first = live.resume(self.card)
        processes.meet()  # as above
        self._note_schedule(name, first)
        start, spent = time.time(), self.card["minutes"]
        watched = Watched(range(first, steps), f"{name} phase", self.handled(), first)
        for step in watched if processes.leads() else watched.steps:
            live.set_rate(rate * min((step + 1) / schedule.warm_up, 1.0) * (1 - step / steps))
            watched.loss = loss = self._update(live, step, name)
            if (step + 1) % schedule.check_every == 0 or step + 1 == steps:
                found, minutes = float(processes.total(loss)), spent + (time.time() - start) / 60
                self._led(partial(self._check, live, name, step + 1, found, minutes))

    def _check(self, live: state.Live, name: str, done: int, loss: float, minutes: float) -> None:
        self.card["curves"][name].append([done, round(loss, 4), self.check(), self.distance()])
        self.card["minutes"] = round(minutes, 1)
        live.keep(self.card, done)
        print(_progress(name, *self.card["curves"][name][-1]), file=sys.stderr, flush=True)

    def _note_schedule(self, phase: str, step: int) -> None:
        """A resumed run may go on under another schedule; the card keeps each one and where it began."""
        history = self.card.setdefault("schedules", [])
        current = asdict(self.recipe.schedule)
        if not history or history[-1]["schedule"] != current:
            history.append({"phase": phase, "from_step": step, "schedule": current})

    def _update(self, live: state.Live, step: int, name: str) -> Tensor:
        """The loss, or this process' part of it; nobody waits for it."""
        self.student.train()
        loss = self.loss(name, step)
        live.step(loss)
        return loss.detach()

    def ran_on(self) -> dict[str, Any]:
        """For the card: nothing of one process on a CPU."""
        found = {"device": self.device.type, "processes": processes.count()}
        return {} if found == {"device": CPU.type, "processes": 1} else {"ran_on": found}

    def random(self, name: str, step: int) -> np.random.Generator:
        """Random numbers of one step of a phase."""
        return np.random.default_rng([*self.seed(name), step])

    def seed(self, name: str) -> tuple[int, int]:
        """Of a phase."""
        return self.recipe.schedule.seed, _DRAWS[name]


def _progress(name: str, step: int, loss: float, held_out: float, distance: float | None) -> str:
    return f"{name} step {step}: loss {loss:.4f} held-out {held_out:.4f} distance {distance}"
