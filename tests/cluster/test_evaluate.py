"""What a cluster of processes finds is what one process does, to the last byte, whoever dies meanwhile; a program is sent once."""

from __future__ import annotations

import json
import os
import pickle
import signal
import warnings
from dataclasses import replace
from importlib import import_module

import pytest
from command import RUNTIME

import tritspike
from tritspike.runtime.cluster import evaluate
from tritspike.runtime.cluster.ordered import ordered
from tritspike.runtime.errors import ClusterError, InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.host.told import CutText
from tritspike.runtime.tasks.shards import WHOLE

HOW = How(threads=1)
MISSES = lambda: import_module("tritspike.runtime.cluster.remote").program.cache_info().misses  # noqa: E731  sent as it is: workers have no tests


def said(results) -> str:
    """All of it but the time."""
    return json.dumps([r.report | {"seconds": 0} for r in results])


def there(client, jobs, step=lambda n: None, size=10, how=HOW):
    return evaluate.evaluate_there(client, jobs, "fast", how, step, 60, size)


def here(jobs, how=HOW):
    return evaluate.evaluate_here(jobs, "fast", how, lambda n: None)


def address(client) -> str:
    return client.scheduler.address.removeprefix("tcp://")


@pytest.fixture(scope="module")
def expected(jobs) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CutText)
        return said(here(jobs))


@pytest.mark.filterwarnings("ignore::tritspike.runtime.host.told.CutText")
@pytest.mark.parametrize("size", [7, 50, None])
def test_shards_of_any_size_say_what_one_process_says(size, client, jobs, expected):
    done = []
    assert said(there(client, jobs, done.append, size)) == expected
    assert sum(done) == sum(job.size for job in jobs)


@pytest.mark.filterwarnings("ignore::tritspike.runtime.host.told.CutText")
def test_a_worker_killed_in_the_middle_loses_nothing(client, jobs, expected):
    """What it had found, what it had in hand, and its copy of each program."""
    before = client.run(os.getpid)
    victim = sorted(before.values())[0]

    def step(n: int) -> None:
        if step.left == 0:
            os.kill(victim, signal.SIGKILL)
        step.left -= 1

    step.left = 3
    assert said(there(client, jobs, step)) == expected
    client.wait_for_workers(len(before), timeout=60)
    assert victim not in client.run(os.getpid).values()


@pytest.mark.filterwarnings("ignore::tritspike.runtime.host.told.CutText")
def test_a_program_is_sent_once(client, jobs, monkeypatch):
    """Not with each shard: it becomes a task of its own once, and is read once a worker."""
    sent = []
    monkeypatch.setattr(evaluate.program_file, "to_bytes", lambda p, was=evaluate.program_file.to_bytes: sent.append(p) or was(p))
    there(client, [*jobs, *jobs[:2]])
    assert sent == [jobs[2].program, jobs[0].program, jobs[1].program]
    shard = next(jobs[0].shards(10))
    assert len(pickle.dumps(shard)) < 2000 < len(evaluate.program_file.to_bytes(jobs[0].program))
    assert all(misses <= len(jobs) for misses in client.run(MISSES).values())


def test_warnings_and_refusals_number_texts_as_one_process_does(client, jobs):
    for work in (lambda: here(jobs[:1]), lambda: there(client, jobs[:1])):
        with pytest.warns(CutText) as told:
            work()
        assert [(w.message.number, w.message.tokens, w.message.limit) for w in told] == [(100, told[0].message.tokens, 12)]
    strict = replace(HOW, strict=True)
    with pytest.raises(InputError) as one:
        here(jobs[:1], strict)
    with pytest.raises(InputError) as many:
        there(client, jobs[:1], how=strict)
    assert str(many.value) == str(one.value) and "text 100 has" in str(one.value)


def test_workers_of_another_version_are_refused(client, jobs, monkeypatch):
    monkeypatch.setattr(tritspike, "__version__", "0.0.0")
    with pytest.raises(ClusterError, match=r"a worker has tritspike .*, the client 0\.0\.0"):
        there(client, jobs[:1])


def test_shards_are_the_whole_in_order(jobs):
    labelling, windows, one = jobs
    assert [t for shard in labelling.shards(7) for t in shard.texts] == list(next(labelling.shards(WHOLE)).texts)
    assert [s.before for s in labelling.shards(50)] == [0, 50, 100]
    (whole,) = windows.shards(WHOLE)
    assert [w.ids for shard in windows.shards(3) for w in shard.windows] == [w.ids for w in whole.windows] and whole.size == windows.size > 0
    assert len(list(one.shards(1))) == 1


def test_answers_come_in_order_and_errors_as_they_are(client):
    assert list(ordered(client, [(divmod, (n, 7)) for n in range(300)], 60)) == [divmod(n, 7) for n in range(300)]
    with pytest.raises(ZeroDivisionError):
        list(ordered(client, [(divmod, (1, 0))], 60))


# the command


def test_the_command_writes_what_glue_and_perplexity_write(client, place, shell, tmp_path):
    """Here and on a cluster."""
    programs = [place / "lm.tsp", place / "sst2.tsp"]
    asked = [*programs, "--task", "sst2", "--data", place, place / "page.txt"]
    reports = []
    for name, more in (("here", ["--threads", 1]), ("there", ["--cluster", address(client), "--workers", 2, "--shard", 16])):
        code, out, err = shell.run(RUNTIME, "evaluate", *asked, *more, "--json", tmp_path / name)
        assert (code, len(out.splitlines())) == (0, 2) and f"{programs[1]}: sst2 dev: accuracy " in out, err
        assert err.count("warning: ") == 1 and "text 100 has" in err
        reports.append([r | {"seconds": 0} for r in json.loads((tmp_path / name).read_text())])
    assert json.dumps(reports[0]) == json.dumps(reports[1])
    shell.run(RUNTIME, "glue", programs[1], "--task", "sst2", "--data", place, "--json", tmp_path / "glue")
    shell.run(RUNTIME, "perplexity", programs[0], "--data", place / "page.txt", "--json", tmp_path / "perplexity")
    alone = [{"data": "page.txt"} | json.loads((tmp_path / "perplexity").read_text()), json.loads((tmp_path / "glue").read_text())]
    assert [{"program": str(p)} | a | {"seconds": 0} for p, a in zip(programs, alone)] == reports[0]


def test_the_command_starts_processes_of_its_own(place, shell, tmp_path):
    pytest.importorskip("distributed", reason="distributed is not installed")
    asked = ["evaluate", place / "sst2.tsp", "--task", "sst2", "--data", place]
    for name, more in (("here", ()), ("there", ("--cluster", "local", "--workers", 1, "--wait", 120))):
        code, _, err = shell.run(RUNTIME, *asked, *more, "--json", tmp_path / name)
        assert code == 0, err
    one, many = (json.loads((tmp_path / name).read_text())[0] | {"seconds": 0} for name in ("here", "there"))
    assert one == many
