"""How a layer through which tokens flow (`flow.py`) hears what was before: each makes spikes of x that tell of the past.

Traces: averages of events. Cheap, and they know how often something came of late, not when nor beside what.

    e = LIF(W_e x + b);   m = trace(e)

Retention (linear attention, RetNet arXiv 2307.08621), where a key that comes again brings back what came with it:

    kv_ab = k_a AND v_b;   s_ab = trace(kv_ab);   r_ab = q_a AND s_ab;   o_b = LIF(w sum_a r_ab)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from tritspike.models.nets.attention import Cross
from tritspike.models.nets.neurons import Neurons, Sums
from tritspike.models.nets.traces import Trace
from tritspike.runtime.network.grid import Axis

if TYPE_CHECKING:
    from tritspike.models.sizes import FlowConfig

_FORGETS = 1  # keep of a membrane that holds nothing from step to step


class Traces(nn.Module):
    """axes: of what it gives."""

    def __init__(self, c: FlowConfig) -> None:
        super().__init__()
        self.axes = (Axis("memory", len(c.memory)), Axis("trace", c.traces // len(c.memory)))
        self.event, self.trace = Neurons(c.x, self.axes, weights=c.weights), Trace(self.axes, c.memory, c.timing)

    def forward(self, x: Any) -> Any:
        """Over `axes`."""
        return self.trace(self.event(x))


class Retention(nn.Module):
    """axes: of what it gives, a head's values."""

    def __init__(self, c: FlowConfig) -> None:
        super().__init__()
        head, key, value = Axis("head", len(c.recall)), Axis("key", c.key), Axis("value", c.value)
        self.axes = (head, value)
        own: dict[str, Any] = {"weights": c.weights}
        self.query, self.key, self.value = (Neurons(c.x, (head, axis), **own) for axis in (key, key, value))
        self.met, self.state, self.found = Cross(), Trace((head, key, value), c.recall, c.timing, keep=_FORGETS), Cross()
        self.context = Sums("key")

    def forward(self, x: Any) -> Any:
        """Over `axes`."""
        state = self.state(self.met(self.key(x), self.value(x)))
        return self.context(self.found(self.query(x), state))


@dataclass(frozen=True)
class Mixer:
    """parts: by name. depth: steps from x to the last of them."""

    parts: dict[str, Callable[[FlowConfig], Any]]
    depth: int


MIXERS = {
    "none": Mixer({}, 0),
    "traces": Mixer({"traces": Traces}, 2),
    "retention": Mixer({"retention": Retention}, 5),
    "both": Mixer({"traces": Traces, "retention": Retention}, 5),
}
