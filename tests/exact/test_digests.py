"""Every shipped checkpoint gives the logits and spike counts that its program gave at the end of the first stage, on its whole dev set.

`digests.json` was taken there: for a classifier of the task's dev set, for a language model of WikiText's validation text in whole windows.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from shipped import WINDOWED, ZOO

from tritspike.compiler.lower import lower
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.fast.plan import GENERIC, plan
from tritspike.runtime.executors.table import DEFAULT
from tritspike.runtime.host import batches, language
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.network.outcome import Ask
from tritspike.runtime.tables import HOST, LIF, kind
from tritspike.runtime.tasks import glue

DIGESTS = json.loads((Path(__file__).parent / "digests.json").read_text())
CLASSIFIERS = [name for name in DIGESTS if not name.startswith("lm-")]


def sha(array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array, np.int64).tobytes()).hexdigest()


def counts(program, activity) -> dict:
    """Spikes of what the host plays and of populations with a rule of their own, by name; all spikes and synaptic events in sums."""
    own = {p.name: activity.spikes[p.name] for p in program.network.populations if kind(program.scheduled, p) == LIF or p is program.tokens}
    assert all(kind(program.scheduled, p) != HOST or p.name in ("x", "mask") for p in program.network.populations)
    lif = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
    return {"lif": lif, "spikes": sum(activity.spikes.values()), "events": sum(activity.events.values())}


def test_every_checkpoint_that_ships_has_a_digest():
    assert sorted(DIGESTS) == [folder.name for folder in WINDOWED]  # streams came later: `test_zoo_streams.py`


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_on_its_dev_set(name, glue_dir):
    program = lower(ZOO / name, "hala-point")
    examples = glue.read(glue.task_named(program.host.task), str(glue_dir), "dev", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some texts are cut
        found = batches.answer(Encoder(program), [e.text for e in examples], DEFAULT, How(count=True))
    assert {"logits": sha(found.logits), "texts": len(examples), **counts(program, found.activity)} == DIGESTS[name]


@pytest.mark.parametrize("name", sorted(set(DIGESTS) - set(CLASSIFIERS)))
def test_a_language_model_on_validation_text(name, wikitext_dir):
    program = lower(ZOO / name, "hala-point")
    encoder, length = Encoder(program), program.positions
    read = language.whole(encoder, (wikitext_dir / "wiki.valid.tokens").read_text())
    windows = list(language.windows(read.ids, length, length, max(read.own, 1)))
    readings, logits, activity = hashlib.sha256(), hashlib.sha256(), None
    for at in range(0, len(windows), 16):
        rows = encoder.rows([(list(w.ids), [0] * len(w.ids)) for w in windows[at : at + 16]])
        found = batches.run(program, rows, DEFAULT, ask=Ask(count=True))
        readings.update(np.ascontiguousarray(found.read, np.int64).tobytes())
        logits.update(np.ascontiguousarray(program.logits(found.read[::64], rows.lengths), np.int64).tobytes())
        activity = found.activity if activity is None else activity + found.activity
    taken = {"read": readings.hexdigest(), "logits": logits.hexdigest(), "texts": len(windows), **counts(program, activity)}
    assert taken == DIGESTS[name]


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_none_has_a_generic_part(name):
    found, taken = plan(lower(ZOO / name, "hala-point", length=16).scheduled)
    assert found is not None and GENERIC not in {t.rule for t in taken}
