"""Spiking language models on neuromorphic chips: compile, run bit for bit, verify, deploy.

    import tritspike as ts
    model = ts.load("sst2-ternary")            # a name, a .tsp file, a checkpoint folder, hf://owner/name
    model("a warm and funny film").label       # 'positive'
    ts.verify(model, executors=["fast"])       # every spike of every population, against the reference
    ts.generate("lm-ternary", "The game")

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from tritspike.api import evaluate, generate, load, lower, perplexity, stream, verify
    from tritspike.hw_profiles.errors import TritspikeError
    from tritspike.model import Model
    from tritspike.names import available
    from tritspike.runtime.host.answers import Answer
    from tritspike.runtime.host.language import Score
    from tritspike.runtime.host.program import Program
    from tritspike.runtime.tasks.evaluation import Evaluation, Verified
    from tritspike.session import Session

# where each public name is, imported when it is asked for
_HOMES = {
    **dict.fromkeys(("evaluate", "generate", "load", "lower", "perplexity", "stream", "verify"), "tritspike.api"),
    **dict.fromkeys(("Evaluation", "Verified"), "tritspike.runtime.tasks.evaluation"),
    "Model": "tritspike.model",
    "Session": "tritspike.session",
    "Answer": "tritspike.runtime.host.answers",
    "Program": "tritspike.runtime.host.program",
    "Score": "tritspike.runtime.host.language",
    "available": "tritspike.names",
    "TritspikeError": "tritspike.hw_profiles.errors",
}
__all__ = [
    "Answer",
    "Evaluation",
    "Model",
    "Program",
    "Score",
    "Session",
    "TritspikeError",
    "Verified",
    "__version__",
    "available",
    "evaluate",
    "generate",
    "load",
    "lower",
    "perplexity",
    "stream",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
