"""Everything that is known of A against B on the same examples, as one record: what is printed, kept and written as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.versus import statistics
from tritspike.runtime.tasks.versus.side import Side
from tritspike.runtime.tasks.versus.sources import TEACHER, Asked, Digest
from tritspike.runtime.tasks.versus.statistics import Interval, McNemar

_DIGITS = 9  # of a difference in points: 83 % less 84 % is -1, not a rounding error below it


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """points: B's first metric less A's, times 100, with its interval. mcnemar: None for regression."""

    asked: Asked
    examples: int
    data: Digest
    a: Side
    b: Side
    metrics: tuple[dict[str, float], dict[str, float]]
    points: float
    interval: Interval
    resamples: int
    seed: int
    mcnemar: McNemar | None
    agreement: dict[str, float]

    @property
    def metric(self) -> str:
        """The one that the task is ranked by."""
        return self.asked.task.metrics[0]

    def worse_than(self, points: float) -> bool:
        """Whether B - A is below `points`; a difference that is undefined is."""
        return not self.points >= points


def compare(asked: Asked, truth: Sequence[float], data: Digest, a: Side, b: Side, resamples: int, seed: int) -> Comparison:
    """Score both sides, and hold them against each other example by example."""
    task = asked.task
    metrics = labelled.score(task, a.guesses.tolist(), truth), labelled.score(task, b.guesses.tolist(), truth)
    first = task.metrics[0]
    spread = statistics.interval(statistics.difference(first, truth, a.guesses, b.guesses), len(truth), resamples, seed)
    return Comparison(
        asked=asked,
        examples=len(truth),
        data=data,
        a=a,
        b=b,
        metrics=metrics,
        points=_points(metrics[1][first] - metrics[0][first]),
        interval=Interval(_points(spread.low), _points(spread.high)),
        resamples=resamples,
        seed=seed,
        mcnemar=statistics.mcnemar(statistics.floats(truth), a.guesses, b.guesses) if task.labels else None,
        agreement=statistics.agreement(bool(task.labels), a.guesses, b.guesses),
    )


def _points(difference: float) -> float:
    return round(100 * difference, _DIGITS) + 0.0  # no minus before a zero


def saving(side: Side, other: Side) -> dict[str, float]:
    """How many times more energy a sentence takes a float model of the side's own size, and the other side where that is a teacher."""
    if side.operations is None or side.same_size is None:
        return {}
    own, found = side.operations["arithmetic pJ"], {"a float model of its size": side.same_size["arithmetic pJ"]}
    if other.kind == TEACHER and other.operations is not None:
        found["the other side, a teacher"] = other.operations["arithmetic pJ"]
    return {name: energy / own for name, energy in found.items()}


def report(c: Comparison) -> dict[str, Any]:
    """As JSON values; null where a number is undefined."""
    return {
        "task": c.asked.task.name,
        "split": c.asked.split,
        "examples": c.examples,
        "data": asdict(c.data),
        "metric": c.metric,
        "points": finite(c.points),
        "interval": {"level": statistics.LEVEL, "method": "percentile", "resamples": c.resamples, "seed": c.seed}
        | {name: finite(value) for name, value in asdict(c.interval).items()},
        "mcnemar": asdict(c.mcnemar) if c.mcnemar else None,
        "agreement": finite_values(c.agreement),
        "A": _side(c.a, c.metrics[0], saving(c.a, c.b)),
        "B": _side(c.b, c.metrics[1], saving(c.b, c.a)),
    }


def _side(side: Side, metrics: dict[str, float], saved: dict[str, float]) -> dict[str, Any]:
    return {
        "source": side.source,
        "kind": side.kind,
        "files": [asdict(f) for f in side.files],
        "metrics": finite_values(metrics),
        "parameters": side.parameters,
        "bytes": side.bytes,
        "mean spike rate": side.mean_rate,
        "spike rates": {name: count.rate for name, count in side.spikes.items()},
        "coincidence neurons and relays": {name: count.rate for name, count in side.apart.items()},
        "operations": side.operations,
        "times less energy than": saved,
        "predictions": side.guesses.tolist(),
    }


def finite(value: float) -> float | None:
    """None in place of NaN, which neither JSON nor SQLite has."""
    return value if math.isfinite(value) else None


def finite_values(found: dict[str, float]) -> dict[str, float | None]:
    """The same of each."""
    return {name: finite(value) for name, value in found.items()}
