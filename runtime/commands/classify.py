"""`classify`: label and score for each text, or pair of them, from the command line, a file or a pipe."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from tritspike.runtime import outputs
from tritspike.runtime.commands.arguments import MOST, how, opened, program_argument, run_arguments, unicode_text
from tritspike.runtime.commands.progress import progress
from tritspike.runtime.errors import InputError
from tritspike.runtime.files import written
from tritspike.runtime.host import answers, texts
from tritspike.runtime.host.answer_lines import CSV, JSONL, TEXT, Form, form
from tritspike.runtime.host.program import Program
from tritspike.runtime.host.text import Encoder, Text
from tritspike.runtime.host.texts import Layout
from tritspike.runtime.host.told import told, told_warnings
from tritspike.runtime.option_values import whole
from tritspike.runtime.outputs import LABELLED, REPORT, Output
from tritspike.runtime.tasks import labelled
from tritspike.runtime.tasks.evaluation import pairs, require_classifier

_STDIN = "-"
_FORMS = {".jsonl": JSONL, ".ndjson": JSONL, ".csv": CSV}


def add_options(command: argparse.ArgumentParser) -> None:
    """Its options."""
    program_argument(command)
    command.add_argument("text", nargs="*", type=unicode_text, help="(default, or -: standard input)")
    command.add_argument("--pairs", action="store_true", help="the texts are pairs: first and second, first and second; in a plain file with a tab")
    command.set_defaults(more=_more_texts)
    _input_options(command.add_argument_group("texts from a file or standard input"))
    _output_options(command.add_argument_group("answers"))
    run_arguments(command)


def _input_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--file", action="append", metavar="FILE", help="one text a line; .csv and .tsv with a header line; .jsonl")
    group.add_argument("--from", dest="source", choices=texts.FORMATS, help="the format, where the file's name does not say it (default: plain)")
    group.add_argument("--text-column", metavar="NAME", help="column or key of the text (default: text, else sentence, else the only one)")
    group.add_argument("--pair-column", metavar="NAME", help="column or key of a pair's second text")


def _output_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--to", choices=(TEXT, JSONL, CSV), help="(default: as the name of --out ends, else text)")
    group.add_argument("--out", type=Path, metavar="FILE", help="write them to a file")
    group.add_argument("--top-k", type=whole(1, MOST), metavar="K", help="the K best labels of each text")


def _more_texts(o: argparse.Namespace, words: list[str]) -> None:
    """Texts behind options."""
    o.text += map(unicode_text, words)


def run(o: argparse.Namespace, out: Console) -> None:
    """The command."""
    _require_sense(o)
    name = o.to or _FORMS.get(o.out.suffix.lower() if o.out else "", TEXT)
    outputs.require([Output(o.out, REPORT if name == JSONL else LABELLED)], [Path(o.program), *_sources(o)])
    program = opened(o)
    require_classifier(program, o.program)
    _require_labels(o, program)
    layout = _layout(o, program)
    shape = form(name, len(program.host.labels), layout.pairs, o.top_k)
    with ExitStack() as open_files, told_warnings():
        given = _given(o, layout, open_files)
        count = _answer(o, Encoder(program), given, shape, name == TEXT)
    if o.out:
        out.print(f"{o.out}: {count:,} text{'' if count == 1 else 's'}", soft_wrap=True)


def _answer(o: argparse.Namespace, encoder: Encoder, given: Iterable[Text], shape: Form, for_people: bool) -> int:
    """How many there were."""
    count, empty = 0, _Empty()
    total = len(given) if isinstance(given, list) else None
    hidden = o.out is None and sys.stdout.isatty()
    with _writing(o.out, for_people) as write, progress(f"classify on {o.executor}", total, hidden) as step:
        write(shape.head)
        for batch in answers.in_batches(encoder, empty.among(given), o.executor, how(o, encoder.program), step):
            write(shape.lines(batch))
            count += len(batch)
    empty.tell()
    return count


class _Empty:
    """Texts that have no word in them: they are answered, for a pipe should not break at an empty line, and told when all were."""

    def __init__(self) -> None:
        self.first = self.count = 0

    def among(self, given: Iterable[Text]) -> Iterator[Text]:
        """The same texts, those counted as they are read."""
        for number, text in enumerate(given, 1):
            if not all(part.strip() for part in ((text,) if isinstance(text, str) else text)):
                self.first, self.count = self.first or number, self.count + 1
            yield text

    def tell(self) -> None:
        """One warning for all."""
        if self.count:
            more = f", and so are {self.count - 1:,} more" if self.count > 1 else ""
            told(f"text {self.first} is empty{more}: its answer is of no word at all")


@contextmanager
def _writing(path: Path | None, for_people: bool) -> Iterator[Callable[[str], None]]:
    """Where answers go: into a file, whole or not at all, or to stdout, batch by batch; what programs read is UTF-8 in any locale."""
    if path is None:
        yield _print if for_people else _print_utf8
        return
    with written(path) as write:
        yield lambda lines: write(lines.encode())


def _print(lines: str) -> None:
    sys.stdout.write(lines)
    sys.stdout.flush()


def _print_utf8(lines: str) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(lines.encode())
    sys.stdout.buffer.flush()


# what is read


def _from_stream(o: argparse.Namespace) -> bool:
    return bool(o.file) or not o.text or o.text == [_STDIN]


def _require_sense(o: argparse.Namespace) -> None:
    """Exit with usage where options contradict each other, or nothing says what the texts are."""
    named = {"--from": o.source, "--text-column": o.text_column, "--pair-column": o.pair_column}
    if len(o.file or ()) > 1:
        o.refuse("--file can be given once")
    if o.file and o.text:
        o.refuse("give texts, or --file, not both")
    for option in (name for name, value in named.items() if value is not None and not _from_stream(o)):
        o.refuse(f"{option} is for --file and standard input, not for texts on the command line")
    if _from_stream(o) and _format(o) == texts.PLAIN and (o.text_column or o.pair_column):
        o.refuse("plain text has no columns: --from csv, tsv or jsonl")
    if _path(o) is None and _from_stream(o) and sys.stdin.isatty():
        o.refuse("no texts: give some, or --file FILE, or standard input from a pipe")


def _path(o: argparse.Namespace) -> Path | None:
    """The file; None for standard input."""
    return Path(o.file[0]) if o.file and o.file[0] != _STDIN else None


def _format(o: argparse.Namespace) -> str:
    return str(o.source or texts.format_of(str(_path(o) or "")))


def _sources(o: argparse.Namespace) -> list[Path]:
    if not _from_stream(o):
        return []
    return [_path(o) or Path("/dev/stdin")]  # a shell's `< FILE` is a file too, which --out may not replace


def _require_labels(o: argparse.Namespace, program: Program) -> None:
    if o.top_k and not program.host.labels:
        raise InputError(f"{o.program}: {program.host.task} gives a number, and no labels of which --top-k could list some")


def _layout(o: argparse.Namespace, program: Program) -> Layout:
    in_pairs = o.pairs or o.pair_column is not None or labelled.texts_of(program.host.task) == 2
    return Layout(format=_format(o), pairs=in_pairs, text=o.text_column, pair=o.pair_column)


def _given(o: argparse.Namespace, layout: Layout, open_files: ExitStack) -> Iterable[Text]:
    if not _from_stream(o):
        return pairs(o.text) if o.pairs else list(o.text)
    path = _path(o)
    stream = sys.stdin.buffer if path is None else open_files.enter_context(texts.opened(path))
    return texts.read(stream, str(path or "standard input"), layout)
