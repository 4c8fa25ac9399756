"""The functions of `import tritspike as ts`. A model is a name, a .tsp file, a checkpoint folder, hf://owner/name, a `Program` or a `Model`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from tritspike import names
from tritspike.model import Model
from tritspike.runtime.errors import InputError
from tritspike.runtime.executors.base import How
from tritspike.runtime.executors.table import DEFAULT, ORACLE
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Text
from tritspike.runtime.limits import MEMORY, cores
from tritspike.runtime.tasks.evaluation import Evaluation, Verified
from tritspike.runtime.tasks.labelled import Example, Task

if TYPE_CHECKING:
    from tritspike.hw_profiles.profile import HardwareProfile
    from tritspike.runtime.host.language import Score

Source = str | Path | Program | Model
_RANDOM, _LONGEST = 8, 64  # samples that `verify` makes up, and the most that it takes of a file, as the command does


def load(
    source: Source, *, executor: str = DEFAULT, threads: int | None = None, memory: int = MEMORY, time_limit: float = How.limit, strict: bool = False
) -> Model:
    """A model that answers texts.

    source: a checkpoint is lowered for the smallest board that holds it; a program runs as it is.
    threads (default: all cores) and memory (bytes of spikes at once) bound "fast"; time_limit: seconds that one run of "lava" may take.
    strict: refuse texts longer than the compiled length instead of cutting them. Raises `TritspikeError`: one line that says what to do.
    """
    how = How(threads=threads or cores(), memory=memory, limit=time_limit, strict=strict)
    program = _program(source)
    name = source.name if isinstance(source, Model) else source.host.task if isinstance(source, Program) else str(source)
    return Model(program, name, executor, how)


def lower(
    checkpoint: str | Path, profile: HardwareProfile | str = "auto", *, length: int | None = None, head: str = "host", dump: Path | None = None
) -> Program:
    """The program of a checkpoint, by name or folder. profile: a board's name, a .toml file, a record, or "auto": the smallest that holds it.

    length: most tokens that a text may have (default: the checkpoint's). head: "host" or "chip", where a language model's last product is made.
    dump: a folder for the printed graph after each pass. Raises `CompileError`, `FileError`.
    """
    from tritspike.compiler import lower as compiler

    return compiler.lower(names.find(checkpoint), profile, length=length, dump=dump, head=head)


def verify(
    source: Source,
    texts: Text | Iterable[Text] | None = None,
    *,
    executors: Sequence[str] | str = (DEFAULT,),
    against: str = ORACLE,
    random: int = _RANDOM,
    seed: int = 0,
) -> Verified:
    """Compare every spike of every population at every step, of `texts` or of so many random token sequences.

    Raises `MismatchError`, which names the first difference; `ExecutorError` where one cannot run (Lava is optional).
    """
    from tritspike.runtime.tasks import evaluation, sampling

    model = _model(source)
    encoder = model.encoder
    given = None if texts is None else [texts] if isinstance(texts, str | tuple) else list(texts)
    tokens = sampling.random_tokens(encoder, random, seed) if given is None else encoder.tokens(given)
    names = [executors] if isinstance(executors, str) else list(executors)
    return evaluation.verify(encoder, tokens, names, against, model.how)


def evaluate(
    source: Source,
    data: str | Path | Iterable[tuple[Text, float | str]],
    *,
    task: str | None = None,
    split: str = "dev",
    limit: int | None = None,
    executor: str | None = None,
) -> Evaluation:
    """A task's metrics. data: a folder in the GLUE layout, an own task's .toml, "hub", or (text, label) pairs, a label by number or name.

    task: by name or .toml; that of the program, where it is not given. Raises `DataError`, `InputError`.
    """
    from tritspike.runtime.tasks import evaluation

    model = _model(source)
    evaluation.require_classifier(model.program, model.name)
    found, examples = _examples(model, data, task, split, limit)
    if not examples:
        raise InputError("no examples to score")
    return evaluation.evaluate(model.encoder, found, examples, executor or model.executor, model.how)


def _examples(
    model: Model, data: str | Path | Iterable[tuple[Text, float | str]], task: str | None, split: str, limit: int | None
) -> tuple[Task, list[Example]]:
    """(the task, its examples) of what `evaluate` takes."""
    from tritspike.runtime.tasks import dataset, labelled

    host, own = model.program.host, isinstance(data, str | Path) and str(data).endswith(labelled.SUFFIX)
    word = task or (str(data) if own else None)
    found = labelled.task_named(word) if word else labelled.of_labels(host.task, host.labels)
    labelled.require_task(found, host.task, model.name, labels=host.labels if found.file else None)
    if not isinstance(data, str | Path):
        return found, labelled.examples(found, data)[:limit]
    return found, dataset.read(found, labelled.place(found, None if own else str(data)), split, limit)


@overload
def generate(source: Source, prompt: str, *, tokens: int = ..., temperature: float = ..., top_p: float = ..., seed: int = ...) -> str: ...


@overload
def generate(
    source: Source, prompt: list[str] | tuple[str, ...], *, tokens: int = ..., temperature: float = ..., top_p: float = ..., seed: int = ...
) -> list[str]: ...


def generate(
    source: Source, prompt: str | list[str] | tuple[str, ...], *, tokens: int = 64, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0
) -> str | list[str]:
    """The prompt and what a language model writes behind it; of several prompts each as if it were alone, by a model through which tokens flow
    all at once. temperature 0 takes the likeliest token. Raises `InputError`."""
    how: dict[str, Any] = {"tokens": tokens, "temperature": temperature, "top_p": top_p, "seed": seed}
    if isinstance(prompt, str):
        return prompt + "".join(stream(source, prompt, **how))
    model = language_model(source)
    if not model.program.flows or not prompt:
        return [generate(model, one, **how) for one in prompt]
    from tritspike.runtime.host.language import Sampling
    from tritspike.runtime.host.together import go_on

    samplings = [Sampling(temperature, top_p, seed)] * len(prompt)
    return [a + b for a, b in zip(prompt, go_on(model.encoder, prompt, count_of(tokens), samplings, model.executor, model.how))]


def stream(source: Source, prompt: str, *, tokens: int = 64, temperature: float = 0.0, top_p: float = 1.0, seed: int = 0) -> Iterator[str]:
    """What `generate` adds, piece by piece as it is found."""
    from tritspike.runtime.host.continuation import pieces
    from tritspike.runtime.host.language import Sampling

    model = language_model(source)
    return pieces(model.encoder, prompt, count_of(tokens), Sampling(temperature, top_p, seed), model.executor, model.how)


def count_of(tokens: int) -> int:
    """It. Raises `InputError` for what counts no tokens."""
    if type(tokens) is not int or tokens < 1:
        raise InputError(f"tokens is {tokens!r}", "a whole number from 1 on")
    return tokens


def perplexity(source: Source, text: str | Path, *, stride: int | None = None) -> Score:
    """How well a language model predicts a text, or with a `Path` a UTF-8 file. stride: tokens between windows (default: half a window)."""
    from tritspike.runtime.host import language
    from tritspike.runtime.host.reading import Reading
    from tritspike.runtime.tasks import sampling

    model = language_model(source)
    read = sampling.read_text(text) if isinstance(text, Path) else text
    if model.program.flows:
        if stride is not None:
            raise InputError(f"stride={stride!r} of a program through which tokens flow", "no stride: each is read once")
        return language.flowed(model.encoder, read, Reading(model.encoder, model.executor, model.how))
    window = model.program.positions
    between = stride or max(1, window // 2)
    language.require_stride(between, window)
    return language.score(model.encoder, read, between, model.executor, model.how)


def _program(source: Source) -> Program:
    if isinstance(source, Model):
        return source.program
    if not isinstance(source, str | Path | Program):
        raise InputError(f"a model is needed, not {type(source).__name__}", "a name, a file, a folder, a program")
    return source if isinstance(source, Program) else names.program(source)


def _model(source: Source) -> Model:
    return source if isinstance(source, Model) else load(source)


def language_model(source: Source) -> Model:
    """Raises `InputError` for one that writes no text."""
    from tritspike.runtime.host import language

    model = _model(source)
    language.require_language_model(model.program, model.name)
    return model
