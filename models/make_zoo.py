"""Fine-tune every teacher and train every checkpoint of `models/zoo`: one explicit table, what is there already is not made again.

    python -m models.make_zoo --data DIR --unlabelled FILE --out DIR [NAME ...]

Each line of the table becomes one `tritspike finetune-teacher` or `tritspike train`, which is what the card then says. Runs of one
thread give the same bytes again on the same machine. Dev is not read here: `--dev` adds its one score, for a run that goes into the zoo.
"""

from __future__ import annotations

if __name__ == "__main__":  # before what is imported below, which the command has too
    from tritspike.models.commands.table import alone

    alone("zoo", __spec__.name)

import os
from dataclasses import dataclass
from pathlib import Path

from tritspike.runtime.errors import InputError

CONFIGS = Path(os.path.relpath(Path(__file__).resolve().parent / "configs"))  # cards hold commands, not where a clone lies


@dataclass(frozen=True)
class TeacherRun:
    """Fine-tuning of one teacher, the best of `rates`. `apart`: it embeds the texts of a pair apart, as it was pretrained to."""

    task: str
    epochs: float
    rates: tuple[float, ...]
    checks: int
    apart: bool = False


@dataclass(frozen=True)
class StudentRun:
    """Training of one checkpoint by its task's recipe, or another. `earlier`: the run that it starts from."""

    name: str
    task: str
    earlier: str | None = None
    settings: tuple[str, ...] = ()
    recipe: str | None = None


TEACHERS = (
    TeacherRun("sst2", 2, (5e-5,), 6),
    TeacherRun("stsb", 3, (1e-4,), 4),
    TeacherRun("cola", 5, (5e-5, 1e-4), 5),
    TeacherRun("mrpc", 3, (2e-5, 1e-4), 3, apart=True),
    TeacherRun("rte", 3, (2e-5, 1e-4), 3, apart=True),
    TeacherRun("wnli", 2, (3e-5,), 2, apart=True),
)

_SHORTER = ("schedule.rate=1e-3",)  # it starts where another one ended
_LOOSE = ("start.loosened=2.0",)  # 1 and 4 left STS-B's binary student farther from its teacher after 600 steps


def _steps(floats: int, integers: int, integer_rate: str = "") -> tuple[str, ...]:
    steps = (f"schedule.float_steps={floats}", f"schedule.integer_steps={integers}")
    return (*steps, f"schedule.integer_rate={integer_rate}") if integer_rate else steps


def _binary(task: str, *settings: str) -> StudentRun:
    return StudentRun(f"{task}-binary", task, f"{task}-ternary", ("model.weights='binary'", *_SHORTER, *settings))


STUDENTS = (
    StudentRun("sst2-ternary", "sst2"),
    StudentRun("sst2-stream-ternary", "sst2", recipe="sst2_stream"),
    StudentRun("stsb-start", "stsb"),
    StudentRun("stsb-ternary", "stsb", "stsb-start", (*_SHORTER, *_steps(1500, 3000, "1e-3"))),
    StudentRun("cola-ternary", "cola"),
    *(StudentRun(f"{task}-ternary", task, "stsb-ternary") for task in ("mrpc", "rte", "wnli")),
    _binary("sst2", *_steps(2200, 900)),
    _binary("stsb", *_LOOSE, *_steps(2500, 4000, "4e-4")),
    _binary("cola", *_steps(1000, 500)),
    _binary("rte", *_LOOSE, *_steps(3000, 3000)),
    _binary("mrpc", *_LOOSE, *_steps(1500, 1000)),
    _binary("wnli", *_LOOSE, *_steps(750, 450)),
    *(StudentRun(f"mrpc-ternary-{n}", "mrpc", "stsb-ternary", (f"schedule.seed={n}",)) for n in (1, 2)),
    *(StudentRun(f"cola-ternary-{n}", "cola", None, (f"schedule.seed={n}",)) for n in (1, 2)),
    StudentRun("sst2-ternary-1", "sst2", None, ("schedule.seed=1",)),
)


@dataclass(frozen=True)
class Places:
    """Where the pretrained encoder and the data are, and where teachers, runs and cached logits go."""

    base: str
    data: str
    unlabelled: tuple[str, ...]
    out: Path

    def teacher(self, task: str) -> Path:
        """Folder of a fine-tuned teacher."""
        return self.out / "teachers" / task

    def run(self, name: str) -> Path:
        """Folder of a student's run."""
        return self.out / "runs" / name


def teacher_command(run: TeacherRun, at: Places) -> list[str]:
    """Arguments of `finetune-teacher`."""
    numbers = [
        *(["--apart"] if run.apart else []),
        "--epochs",
        str(run.epochs),
        "--rate",
        *map(str, run.rates),
        "--checks",
        str(run.checks),
        "--max-length",
        "128",
    ]
    return ["--base", at.base, "--task", run.task, "--data", at.data, "--out", str(at.teacher(run.task)), *numbers, "--no-dev"]


def student_command(run: StudentRun, at: Places, dev: bool) -> list[str]:
    """Arguments of `train`."""
    out = [
        "--config",
        str(CONFIGS / f"{run.recipe or run.task}.toml"),
        "--teacher",
        str(at.teacher(run.task)),
        "--data",
        at.data,
        "--out",
        str(at.run(run.name)),
    ]
    out += ["--unlabelled", *at.unlabelled, "--cache", str(at.out / "cache"), "--threads", "1"]
    out += [] if run.earlier is None else ["--from", str(at.run(run.earlier))]
    return [*out, *(["--set", *run.settings] if run.settings else []), *([] if dev else ["--no-dev"])]


def needed(names: list[str]) -> list[StudentRun]:
    """The runs of these names and those that they start from, in the table's order. Raises `InputError`."""
    known = {run.name: run for run in STUDENTS}
    for name in names:
        if name not in known:
            raise InputError(f"run {name!r} is unknown", f"one of {', '.join(known)}")
    wanted = set(names or known)
    while more := {known[n].earlier for n in wanted} - wanted - {None}:
        wanted |= {n for n in more if n is not None}
    return [run for run in STUDENTS if run.name in wanted]
