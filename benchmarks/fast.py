"""`fast` against the machine and its rivals: writes benchmarks/results/fast.{json,md}, all of it or the sections that are named.

Needs GLUE_DIR, torch, onnxruntime, Lava; some 12 minutes. Beside each section stands how busy the machine was before it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import BERT_BASE, CHECKPOINT, CORES, HERE, ROOT, alone, best, busy, peak_mib, write

sys.path[:0] = [str(ROOT / "tests")]
import random_checkpoint

from tritspike.compiler.lower import lower
from tritspike.runtime.host import batches
from tritspike.runtime.host import file as program_file
from tritspike.runtime.host.batches import How
from tritspike.runtime.host.text import Encoder
from tritspike.runtime.tasks import dataset, labelled


def dev() -> dict[str, Any]:
    """One process: SST-2 dev from its file to accuracy, compiled kernels loaded from their cache."""
    start = time.perf_counter()
    encoder = Encoder(lower(CHECKPOINT, "loihi2"))
    examples = dataset.read(labelled.task_named("sst2"), os.environ["GLUE_DIR"], "dev")
    answers = batches.answer(encoder, [e.text for e in examples], "fast", How())
    right = sum(int(a) == int(e.label) for a, e in zip(answers.logits.argmax(1), examples))
    seconds = time.perf_counter() - start
    counting = [_again(encoder, examples, count) for count in (False, True)]
    return {"accuracy": right / len(examples), "seconds": seconds, "peak MiB": peak_mib(), "again, s": counting[0], "counting too, s": counting[1]}


def _again(encoder: Encoder, examples: list[labelled.Example], count: bool) -> float:
    return best(lambda: batches.answer(encoder, [e.text for e in examples], "fast", How(count=count)))


def compile_bert_base() -> dict[str, Any]:
    """One process: a random checkpoint of BERT-base's size is lowered and saved."""
    with tempfile.TemporaryDirectory() as folder:
        path = random_checkpoint.write(Path(folder) / "c", 0, **BERT_BASE, readout="first")
        made = peak_mib()
        start = time.perf_counter()
        program = lower(path, "hala-point")
        program_file.save(program, Path(folder) / "p.tsp")
        return {"seconds": time.perf_counter() - start, "neurons": program.neurons(), "peak MiB": peak_mib(), "peak before MiB": made}


def kernel() -> dict[str, Any]:
    """The linear kernel beside the machine's roofline, which BERT-base's size is set beside too."""
    import roofline

    found = roofline.measure()
    return found.pop("kernel") | found


def beside_lava() -> dict[str, Any]:
    import beside_lava

    return beside_lava.measure()


def sentences() -> dict[str, Any]:
    import rivals  # torch, which the processes of their own above do without

    return rivals.same_sentences()


def products() -> dict[str, Any]:
    import rivals

    return rivals.products()


def bert_base_size() -> dict[str, Any]:
    import bert_base

    kernel = json.loads((HERE / "results" / "fast.json").read_text())["kernel"]
    return bert_base.measure(kernel["tops"][str(CORES)])


def lowering() -> dict[str, Any]:
    return {"title": "Lowering BERT-base's size", "remark": "Checkpoint to saved program.", "rows": [alone("fast.py", "--only", "compile_bert_base")]}


def end_to_end() -> dict[str, Any]:
    remark = "One process, from import to accuracy, and the same again in it."
    return {"title": "SST-2 dev, end to end", "remark": remark, "rows": [alone("fast.py", "--only", "dev")]}


def growing() -> dict[str, Any]:
    import growth

    return growth.measure()


# in order: "bert-base" reads what "kernel" wrote
SECTIONS = {
    "kernel": kernel,
    "lava": beside_lava,
    "sentences": sentences,
    "products": products,
    "bert-base": bert_base_size,
    "compile": lowering,
    "dev": end_to_end,
    "growth": growing,
}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all, where none is named")
    parser.add_argument("--only", choices=["dev", "compile_bert_base"], help=argparse.SUPPRESS)
    o = parser.parse_args()
    if unknown := set(o.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}: they are {', '.join(SECTIONS)}")
    if "GLUE_DIR" not in os.environ:
        sys.exit("error: set GLUE_DIR to a folder in the GLUE layout")
    if o.only:
        print(json.dumps({"dev": dev, "compile_bert_base": compile_bert_base}[o.only]()))
        return
    for name in o.sections or SECTIONS:
        before = busy()
        found = SECTIONS[name]()
        write("fast", {name: found | {"load before": before}})
        print(f"{name}: written (load before: {before:.2f} of {CORES} cores)", flush=True)


if __name__ == "__main__":
    main()
