"""`fast` against the machine and its rivals: writes benchmarks/results/fast.{json,md}. Needs GLUE_DIR, torch, onnxruntime, Lava; 10 minutes."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import CHECKPOINT, CORES, ROOT, alone, best, peak_mib, write

sys.path[:0] = [str(ROOT / "tests")]
import random_checkpoint

from compiler.lower import lower
from runtime import executors, glue, program_file
from runtime.executors import How
from runtime.text import Encoder

BERT_BASE = {"hidden": 768, "heads": 12, "head_dim": 64, "ffn": 3072, "layers": 12, "steps": 4, "max_length": 128, "embedding_rank": 128}


def dev() -> dict[str, Any]:
    """One process: SST-2 dev from its file to accuracy, compiled kernels loaded from their cache."""
    start = time.perf_counter()
    encoder = Encoder(lower(CHECKPOINT, "loihi2"))
    examples = glue.read(glue.task_named("sst2"), os.environ["GLUE_DIR"], "dev")
    answers = executors.answer(encoder, [e.text for e in examples], "fast", How())
    right = sum(int(a) == int(e.label) for a, e in zip(answers.logits.argmax(1), examples))
    seconds = time.perf_counter() - start
    counting = [_again(encoder, examples, count) for count in (False, True)]
    return {"accuracy": right / len(examples), "seconds": seconds, "peak MiB": peak_mib(), "again, s": counting[0], "counting too, s": counting[1]}


def _again(encoder: Encoder, examples: list[glue.Example], count: bool) -> float:
    return best(lambda: executors.answer(encoder, [e.text for e in examples], "fast", How(count=count)))


def compile_bert_base() -> dict[str, Any]:
    """One process: a random checkpoint of BERT-base's size is lowered and saved."""
    with tempfile.TemporaryDirectory() as folder:
        path = random_checkpoint.write(Path(folder) / "c", 0, **BERT_BASE, readout="first")
        made = peak_mib()
        start = time.perf_counter()
        program = lower(path, "hala-point")
        program_file.save(program, Path(folder) / "p.tsp")
        return {"seconds": time.perf_counter() - start, "neurons": program.neurons(), "peak MiB": peak_mib(), "peak before MiB": made}


def sections() -> dict[str, Any]:
    """All tables of the report."""
    import growth
    import rivals  # torch, which the processes of their own above do without
    import roofline

    found = roofline.measure()
    kernel = found.pop("kernel")
    out = {"kernel": kernel | found, "lava": _lava(rivals), "sentences": rivals.same_sentences(), "products": rivals.products()}
    with tempfile.TemporaryDirectory() as folder:
        program = lower(random_checkpoint.write(Path(folder) / "c", 0, **BERT_BASE, readout="first"), "hala-point")
    out["bert-base"] = rivals.bert_base(program, Encoder(program), found["tops"][CORES])
    compiled = alone("fast.py", "--only", "compile_bert_base")
    out["compile"] = {"title": "Lowering BERT-base's size", "remark": "Checkpoint to saved program.", "rows": [compiled]}
    remark = "One process, from import to accuracy, and the same again in it."
    out["dev"] = {"title": "SST-2 dev, end to end", "remark": remark, "rows": [alone("fast.py", "--only", "dev")]}
    out["growth"] = growth.measure()
    return out


def _lava(rivals: Any) -> dict[str, Any]:
    rows = [rivals.beside_lava(24, 32, 160), rivals.beside_lava(56, 16, 48)]
    remark = (
        "The same program, length and sentences, from encoded spikes to logits. Lava's start-up is not counted: what 32 or 128 sentences more took."
    )
    return {"title": "(b) Stock Lava", "remark": remark, "rows": rows}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["dev", "compile_bert_base"])
    only = parser.parse_args().only
    if "GLUE_DIR" not in os.environ:
        sys.exit("error: set GLUE_DIR to a folder in the GLUE layout")
    if only:
        print(json.dumps({"dev": dev, "compile_bert_base": compile_bert_base}[only]()))
    else:
        write("fast", sections())


if __name__ == "__main__":
    main()
