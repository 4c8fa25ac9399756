"""What a program is made of: populations, synapses, and by which rule `fast` runs each population."""

from __future__ import annotations

from collections.abc import Iterable

from tritspike.runtime.executors.fast.plan import plan
from tritspike.runtime.executors.fast.taken import GENERIC, Taken
from tritspike.runtime.network.network import Scheduled, Synapse
from tritspike.runtime.report.records import Bar, Bars, Section, Table
from tritspike.runtime.tables import COINCIDENCE, COLUMNS, HOST, RELAY, kind, rows

_SYNAPSES = ("synapse", "from", "to", "wiring", "synapses", "exponent", "delay")
_ABOUT = {"lif": "a rule of their own", COINCIDENCE: "an AND of two spikes", RELAY: "a spike one step later", "readout": "read, never fired"}


def section(program: Scheduled) -> Section:
    """Raises what planning raises."""
    found, taken = _by_kind(program), plan(program)[1]
    populations = Table("Populations, relays of one in a row", COLUMNS, tuple(rows(program)), 3, folded=True)
    synapses = Table("Synapses", _SYNAPSES, tuple(_synapse(program, s) for s in program.network.synapses), 4, folded=True)
    planned = Table("The plan of fast: which rule runs which populations, and why the rules before declined", *_plan(taken), 3, folded=True)
    return Section("network", _heading(found), (_planned(taken),), (_bars(found),), (populations, synapses, planned))


def _by_kind(program: Scheduled) -> dict[str, int]:
    """Neurons on the chip."""
    found: dict[str, int] = {}
    for p in program.network.populations:
        name = kind(program, p)
        if name != HOST:
            found[name] = found.get(name, 0) + p.size
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _heading(found: dict[str, int]) -> str:
    total, apart = sum(found.values()), sum(found.get(name, 0) for name in (RELAY, COINCIDENCE))
    if not apart:
        return f"All {total:,} neurons have a rule of their own"
    return f"{total:,} neurons, of which {apart / total:.0%} only relay spikes or find coincidences"


def _bars(found: dict[str, int]) -> Bars:
    total = max(sum(found.values()), 1)
    bars = tuple(
        Bar(f"{name}: {_ABOUT.get(name, '')}", n, f"{n:,} ({n / total:.1%})", "apart" if name in (RELAY, COINCIDENCE) else "")
        for name, n in found.items()
    )
    return Bars("Neurons on the chip by what they provably are; hatched: what no model has off the chip.", bars)


def _planned(taken: Iterable[Taken]) -> str:
    rules: dict[str, int] = {}
    for t in taken:
        rules[t.rule] = rules.get(t.rule, 0) + 1
    if rules.keys() == {GENERIC}:
        return "The fast executor runs all of it by its generic engine: no rule for a known kind of network took a population."
    told = ", ".join(f"{name} {count:,}" for name, count in rules.items())
    return f"By these rules, each with the number of populations that it took, the fast executor runs it: {told}."


def _plan(taken: Iterable[Taken]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """(head, rows): populations that one rule took, and that others declined for the same, together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for t in taken:
        alike.setdefault((t.rule, "; ".join(f"{rule}: {why}" for rule, why in t.declined)), []).append(t.population)
    return ("populations", "rule", "declined by"), tuple((_some(names), rule, declined) for (rule, declined), names in alike.items())


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6:,} more" if len(names) > 6 else "")


def _synapse(program: Scheduled, s: Synapse) -> tuple[str, ...]:
    count = s.wiring.count(*program.network.grids(s))
    return (s.name, s.source, s.target, type(s.wiring).__name__.lower(), f"{count:,}", str(s.exponent), str(s.delay))
