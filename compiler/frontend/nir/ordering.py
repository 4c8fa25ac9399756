"""Layers in an order in which they can be run; which edges lead back."""

from __future__ import annotations

from dataclasses import replace

from tritspike.compiler.frontend.nir.floats import FloatNetwork, Layer, Read, Way
from tritspike.compiler.frontend.nir.steps import Steps


def ordered(layers: list[Layer], ways: list[Way], read: tuple[Read, ...], steps: Steps, notes: tuple[str, ...]) -> FloatNetwork:
    """Edges that lead back wait a step, as every framework has it; a Delay on one is that wait."""
    names = [layer.name for layer in layers]
    followers: dict[str, list[str]] = {name: [] for name in names}
    for w in ways:
        if not w.delay and w.source != w.target:
            followers[w.source].append(w.target)
    rank = {name: n for n, name in enumerate(_behind(names, followers))}
    turned = tuple(replace(w, delay=1) if not w.delay and rank[w.source] >= rank[w.target] else w for w in ways)
    return FloatNetwork(layers=tuple(sorted(layers, key=lambda layer: rank[layer.name])), ways=turned, read=read, steps=steps, notes=notes)


def _behind(names: list[str], followers: dict[str, list[str]]) -> list[str]:
    """Each before those that it leads to, as far as circles allow: depth first from the inputs, the last one left first."""
    done, seen = list[str](), set[str]()
    for start in names:
        stack = [(start, iter(followers[start]))] if start not in seen else []
        seen.add(start)
        while stack:
            name, rest = stack[-1]
            nearest = next((n for n in rest if n not in seen), None)
            if nearest is None:
                done.append(name)
                stack.pop()
            else:
                seen.add(nearest)
                stack.append((nearest, iter(followers[nearest])))
    return done[::-1]
