"""The table of docs/fast.md, from benchmarks/results/fast.json: `python benchmarks/rows.py` prints it, to be put there.

A figure is of the clock where the machine had nothing else to do before its section was measured, and of processor time, which others
disturb little, where it had; the row says which.
"""

from __future__ import annotations

import json
from typing import Any

from measure import CORES, HERE, QUIET


def quiet(section: dict[str, Any]) -> bool:
    return section.get("load before", 0.0) <= QUIET


def rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(what, measured, beside) for each row."""
    return [*_sentences(found), lava_row(found["lava"]), *bert_base_rows(found["bert-base"], found), _memory(found["growth"])]


def _sentences(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    (dev,), section = found["dev"]["rows"], found["sentences"]
    ms, kind = _by_name(section)
    int8, float32, torch = (_sig(ms[f"MiniLM, 6 layers of 384, {how}"]) for how in ("int8, onnxruntime", "float32, onnxruntime", "float32, torch"))
    rivals = (
        f"the student in torch: {_sig(ms['torch, float32 student'])} in float32, "
        f"{_sig(ms['torch, float student with exact bfloat16 products'])} with exact bfloat16 products; "
        f"MiniLM: {int8} in int8 and {float32} in float32 in onnxruntime, {torch} in torch"
    )
    took = f"{dev['again, s']:.2f} s, in a process of {dev['peak MiB']:.0f} MiB"
    return [
        (
            "SST-2 dev, 872 sentences, text to logits, kernels compiled before",
            took,
            f"counting all spikes and synaptic events as well: {dev['counting too, s']:.2f} s",
        ),
        (
            f"the same, ms{kind} a sentence",
            f"{_sig(ms['fast, from tokens to logits'])} from tokens, {_sig(ms['fast, from text to logits'])} from text",
            rivals,
        ),
    ]


def lava_row(section: dict[str, Any]) -> tuple[str, str, str]:
    """Ratios of one step; both sides by the clock, or both in processor time."""
    clock, table = quiet(section), section["rows"]
    times = [r["times" if clock else "times, processor"] for r in table]
    lava = [r["Lava, ms a step" if clock else "Lava, processor ms a step"] for r in table]
    ours = [r["fast, ms a step" if clock else "fast, processor ms a step"] for r in table]
    lengths = _listed(str(r["tokens"]) for r in table)
    return (
        f"same program, length and sentences on stock Lava, a step{'' if clock else ' in processor time'}, start-up apart",
        f"{_listed(f'{t:,.0f}' for t in times)} times at {lengths} tokens",
        f"Lava: {_listed(_sig(v) for v in lava)} ms a step, of which a sentence takes 4; fast: {_listed(_sig(v) for v in ours)}",
    )


def bert_base_rows(section: dict[str, Any], found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """At the random program's own spike rate, and at one like that of trained models."""
    key, kind = ("ms a sentence", "ms") if quiet(section) else ("processor ms", "ms of processor time")
    ours, rivals = section["rows"][:2], section["rows"][2:]
    int8, float32, torch = (_sig(r[key]) for r in rivals)
    (lowered,) = found["compile"]["rows"]
    at_rates = _listed(f"{_sig(r[key])} at a spike rate of {r['spike rate']:.2f}" for r in ours)
    return [
        (
            f"a ternary program of BERT-base's size, 128 tokens, T=4: {lowered['neurons']:,} neurons",
            f"{kind} a sentence: {at_rates}; lowered in {lowered['seconds']:.1f} s and {lowered['peak MiB']:.0f} MiB",
            f"BERT-base: {int8} in int8 and {float32} in float32 in onnxruntime, {torch} in torch",
        ),
        _linear(ours, key, "G synapses/s" if quiet(section) else "G synapses a processor second", found["products"]["rows"]),
    ]


def _linear(ours: list[dict[str, Any]], key: str, each: str, products: list[dict[str, Any]]) -> tuple[str, str, str]:
    """Synapses a second of the linear layers, counted once a token and over all steps; `key`: the time that they are divided by."""
    once, every = ([r[name] * r["ms a sentence"] / r[key] for r in ours] for name in ("once a token", "G synapses/s, all steps"))
    shares = _listed(f"{r['of the roofline']:.2f}" for r in ours)
    top = f"{shares} of the population-count roofline; " if key == "ms a sentence" else ""
    int8, float32 = ([r[f"{kind}, GMAC/s"] for r in products] for kind in ("int8", "float32"))
    return (
        "its linear layers, 84.9 M synapses a token, all time counted",
        f"{_listed(map(_sig, once))} {each} at these rates, counted once a token; {_listed(map(_sig, every))} over all T steps",
        f"{top}torch's int8 product alone: {min(int8):.0f}-{max(int8):.0f} GMAC/s, float32 {min(float32):.0f}-{max(float32):.0f}",
    )


def _memory(section: dict[str, Any]) -> tuple[str, str, str]:
    peaks = {r["value"]: r["peak MiB"] for r in section["rows"] if r["varied"] == "sentences"}
    least, most = min(peaks), max(peaks)
    measured = f"{peaks[least]:.0f} MiB for {least} sentences and {peaks[most]:.0f} for {most:,}"
    return "memory", measured, "time grows linearly with layers and steps, and nearly so with tokens"


def _by_name(section: dict[str, Any]) -> tuple[dict[str, float], str]:
    key, kind = ("ms a sentence", "") if quiet(section) else ("processor ms", " of processor time")
    return {r["what"]: r[key] for r in section["rows"]}, kind


def _listed(values: Any) -> str:
    *most, last = values
    return f"{', '.join(most)} and {last}" if most else last


def _sig(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:#.3g}"


def main() -> None:
    """The command."""
    found = json.loads((HERE / "results" / "fast.json").read_text())
    print("\n".join(["| | measured | beside |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows(found))]))
    loads = {name: section.get("load before", 0.0) for name, section in found.items() if name != "machine"}
    print(f"\nmeasured while others used the {CORES} cores: {', '.join(n for n in loads if loads[n] > QUIET) or 'nothing'}")


if __name__ == "__main__":
    main()
