"""A few hundred cases of each kind from one seed, and a fuzzer that is shown every sort of fault, so that its silence means something."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import planted
import pytest
from fuzz import campaign, child, judge, keep, trees, workers
from fuzz.case import RUNTIME, Change, Done, Kind, Step
from fuzz.report import tally
from hypothesis import settings

from tritspike.runtime.errors import InputError

HERE = Path(__file__).parent
CASES = 100  # of each kind; `make fuzz` has 20,000 in all
LIMITS = child.Limits(memory=1 << 28, cpu=2, wall=60)
STEP = Step(RUNTIME, ("inspect", "x"))


@pytest.fixture(scope="module")
def found() -> str:
    """In a process of its own, which forks faster than one that has loaded torch, and has no threads."""
    done = subprocess.run([sys.executable, HERE, "--seed", "0", "--cases", str(len(campaign.KINDS) * CASES)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", campaign.KINDS)
def test_every_promise_is_kept(kind, found):
    lines = [line for line in found.splitlines() if line.startswith(f"{kind} ")]
    assert lines[:-1] == []
    accepted = re.fullmatch(rf"{kind} +{CASES} cases, (\d+) accepted, (\d+) by every command, 0 faulty", lines[-1])
    assert accepted and int(accepted[1]) >= int(accepted[2]) > CASES // 20, lines[-1]


def ran(monkeypatch, tmp_path, main, step: Step = STEP) -> tuple[Done, list[str]]:
    """What a planted command is found to have done, and the sorts of its faults."""
    monkeypatch.setitem(child.MAINS, RUNTIME, main)
    done = child.forked(step, tmp_path, LIMITS)
    return done, [fault.sort for fault in judge.faults(Change("planted"), [done])]


def raising(error: BaseException):
    def main(argv):
        raise error

    return main


def printing(err: str, code: int = 1, out: str = ""):
    def main(argv):
        print(err, file=sys.stderr, end="")
        print(out)
        return code

    return main


def busy(argv):
    while True:
        pass


def greedy(argv):
    bytearray(1 << 30)


def lingering(argv):
    Path("left").write_text("over")
    raise InputError("refused")


def crashing(argv):
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.parametrize(
    "main, sorts",
    [
        (raising(InputError("refused")), []),
        (printing("warning: cut\n", 0), []),
        (printing("warning: cut\nerror: refused\n"), []),
        (printing("usage: x\nx: error: y\n", 2), []),
        (raising(ValueError("a fault")), ["traceback"]),
        (raising(InputError("two\nlines")), []),  # the one exception family mends this by itself
        (printing("error: two\nlines\n"), ["not one line"]),
        (printing("error: no end"), ["not one line"] * 2),
        (printing(""), ["not one line"]),
        (printing("x\n", 2), ["not one line"]),
        (printing("RuntimeWarning: overflow\n", 0), ["noise"]),
        (printing("error: refused\n", 3), ["exit code"]),
        (crashing, ["signal"]),
        (busy, ["hang"]),
        (lingering, ["left behind"]),
    ],
)
def test_a_planted_fault_is_found(main, sorts, monkeypatch, tmp_path):
    assert ran(monkeypatch, tmp_path, main)[1] == sorts


def test_a_command_that_asks_for_more_memory_than_a_case_may_is_refused_in_one_line(monkeypatch, tmp_path):
    done, sorts = ran(monkeypatch, tmp_path, greedy)
    assert sorts == [] and "there is not enough memory" in done.err


def test_a_command_that_waits_for_ever_is_ended(monkeypatch, tmp_path):
    monkeypatch.setitem(child.MAINS, RUNTIME, lambda argv: time.sleep(1000))
    done = child.forked(STEP, tmp_path, child.Limits(wall=0.2))
    assert [f.sort for f in judge.faults(Change("planted"), [done])] == ["hang"]


def test_two_executors_that_differ_are_found(monkeypatch, tmp_path):
    """Through the whole of it: a kind's own seeds, a change that changes nothing, `verify` and `classify` with a `fast` that errs."""
    from fuzz.kinds import program

    def wrong(found):
        return planted.flipped("layer.0.output")(replace(found, read={name: read + 64 * (read < 1) for name, read in found.read.items()}))

    planted.replaced(monkeypatch, "fast", wrong)
    kind = Kind("planted", program.KIND.seeds, lambda rng, folder: Change("nothing"), program.KIND.steps)
    monkeypatch.setitem(campaign.KINDS, "planted", kind)
    campaign._seeds(tmp_path / "seeds", "planted")
    how = campaign.Campaign(0, tmp_path / "seeds", kept=tmp_path / "kept")
    outcomes = [campaign.run_case(how, kind, number) for number in range(12)]
    sorts = {fault.sort for outcome in outcomes for fault in outcome.faults}
    assert sorts == {"difference"} and sum(bool(o.faults) for o in outcomes) > 6
    assert len(tally(o for o in outcomes).groups) == len(list((tmp_path / "kept" / "planted").iterdir())) < 8


def test_a_twin_that_refuses_alone_is_found():
    def twins(*codes):
        steps = (Step(RUNTIME, ("classify", "x")), Step(RUNTIME, ("classify", "x"), twin=True))
        done = [Done(step, code, "a\n" if code == 0 else "", "error: no\n" if code else "") for step, code in zip(steps, codes)]
        return [fault.sort for fault in judge.faults(Change(""), done)]

    assert (twins(0, 0), twins(1, 1), twins(0, 1), twins(1, 0)) == ([], [], ["one refuses"], ["one refuses"])


def test_damage_under_a_checksum_may_not_be_accepted():
    assert [f.sort for f in judge.faults(Change("a flip", damaged=True), [Done(STEP, 0, "", "")])] == ["damage accepted"]
    assert judge.faults(Change("a flip", damaged=True), [Done(STEP, 1, "", "error: no\n")]) == ()


def test_a_kept_case_is_replayed(monkeypatch, tmp_path):
    """Its files lie there as they were given, links and FIFOs too, and its commands say the same again."""
    campaign_folder, kept = tmp_path / "seeds", tmp_path / "kept"
    (campaign_folder / "planted" / "one").mkdir(parents=True)
    (campaign_folder / "planted" / "one" / "file").write_text("whole")

    def change(rng: Random, folder: Path) -> Change:
        os.mkfifo(folder / "fifo")
        (folder / "file").write_text("changed")
        return Change("changed")

    kind = Kind("planted", lambda folder: None, change, lambda rng, folder: (STEP,))
    monkeypatch.setitem(child.MAINS, RUNTIME, lambda argv: int(Path("file").read_text()))
    outcome = campaign.run_case(campaign.Campaign(0, campaign_folder, kept=kept), kind, 3)
    (folder,) = (kept / "planted").iterdir()
    assert sorted(p.name for p in folder.iterdir()) == ["case.json", "fifo", "file"] and (folder / "file").read_text() == "changed"
    name, what, steps = keep.read_steps(folder)
    done = campaign.carried_out(steps, campaign.copied(folder, tmp_path / "again"), LIMITS)
    assert (name, what.what, judge.faults(what, done)) == ("planted", "changed", outcome.faults) and len(outcome.faults) == 1


def test_ctrl_c_ends_it_with_what_was_found(tmp_path):
    """No worker, no command and no folder is left."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    plain = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    command = [sys.executable, "-c", plain, HERE, "--seed", "1", "--cases", "1000", "--kind", "map"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        while not any(path.name.startswith("fuzz-") and "seeds" not in path.name for path in tmp_path.iterdir()):
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        out = run.communicate(timeout=120)[0]
    assert (run.returncode, out.splitlines()[0], "cases in" in out, list(tmp_path.iterdir())) == (0, "seed 1", True, [])
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)


def test_a_worker_that_dies_is_told():
    with pytest.raises(RuntimeError, match="ended with 3"):
        list(workers.shared(lambda item: os._exit(3), [1, 2, 3], 1))


def test_the_same_seed_makes_the_same_files(tmp_path):
    kind = campaign.KINDS["checkpoint"]
    campaign._seeds(tmp_path, "checkpoint")

    def contents(folder):
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_size < 1 << 20}

    for number in range(20):
        how = campaign.Campaign(7, tmp_path)
        one, other = (campaign.made(how, kind, number, tmp_path / f"{number}{name}") for name in "ab")
        assert one == other and contents(tmp_path / f"{number}a") == contents(tmp_path / f"{number}b")


@pytest.mark.parametrize("kind", campaign.KINDS)
def test_what_is_whole_is_accepted(kind, tmp_path):
    """Else refusals of what was changed would mean nothing."""
    campaign.warm()
    campaign._seeds(tmp_path, kind)
    for shape in sorted((tmp_path / kind).iterdir()):
        steps = campaign.KINDS[kind].steps(Random(1), shape)
        done = campaign.carried_out(steps, shape, LIMITS)
        assert ([d.code for d in done], judge.faults(Change("none"), done)) == ([0] * len(steps), ()), shape.name


def test_trees_are_changed_and_written_out():
    rng, tree = Random(0), {"a": [1, 2.5, "x"], "b": {"c": None, "d": True}}
    texts = {trees.dumps(trees.mutated(rng, tree)[0]) for _ in range(300)}
    assert len(texts) > 150 and tree == {"a": [1, 2.5, "x"], "b": {"c": None, "d": True}}
    assert any("[" * 200 in text for text in texts) and any("NaN" in text for text in texts) and any("0" * 400 in text for text in texts)


def test_properties_are_the_same_unless_asked(request):
    assert settings().derandomize == (request.config.getoption("--hypothesis-profile") != "fresh")
