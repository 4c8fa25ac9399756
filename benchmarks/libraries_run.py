"""Runs in an environment that has snnTorch, SpikingJelly or Norse: `python benchmarks/libraries_run.py LIBRARY FOLDER`.

Trains small networks of the library's own layers on scikit-learn's digits, has the library's own exporter write each as
FOLDER/LIBRARY-NUMBER.nir, and what its own forward pass fires beside it as .npz: `input` and, by its place in the net, each cell's
spikes, (samples, steps, neurons), and `truth`. The last line is JSON: versions, and by the name of each None, or what the exporter said.
Nothing here is imported by the product, and nothing here imports it.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

STEPS, HIDDEN, CHANNELS, UPDATES, BATCH = 16, 64, 8, 150, 64
PICTURE = (1, 8, 8)


@dataclass(frozen=True)
class Kind:
    """A network. cells: what of it fires. fire: (cell, drive, state) to (spikes, state). begin: clears all states. export: to a NIR graph.

    rate: of learning, None: as it is.
    """

    name: str
    net: nn.Sequential
    cells: tuple[type, ...]
    export: Callable[[], Any]
    begin: Callable[[], Any] = lambda: None
    fire: Callable[[nn.Module, torch.Tensor, Any], tuple[torch.Tensor, Any]] = lambda cell, x, _: (cell(x), None)
    rate: float | None = 5e-3


def example(net: nn.Sequential) -> torch.Tensor:
    """A sample that it reads, in a batch of one."""
    return torch.zeros(1, *(PICTURE if isinstance(net[0], nn.Conv2d) else (64,)))


def flat(cell: Callable[[int], nn.Module], linear: type[nn.Linear] = nn.Linear) -> list[nn.Module]:
    """64 -> HIDDEN -> 10. cell: of so many neurons."""
    return [linear(64, HIDDEN), cell(HIDDEN), linear(HIDDEN, 10), cell(10)]


def pictured(cell: Callable[..., nn.Module]) -> list[nn.Module]:
    """A convolution, a mean over 2 x 2, all of it to 10. cell: of neurons of a shape."""
    return [nn.Conv2d(1, CHANNELS, 3), cell(CHANNELS, 6, 6), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(CHANNELS * 9, 10), cell(10)]


def snntorch() -> Iterator[Kind]:
    """Cells reset by subtraction unless they are told otherwise; the exporter does not write which."""
    import snntorch as snn
    from snntorch import utils
    from snntorch.export_nir import export_to_nir

    def kind(name: str, layers: list[nn.Module], **more: Any) -> Kind:
        net, cells = nn.Sequential(*layers), (snn.Leaky, snn.Synaptic, snn.RLeaky)
        return Kind(name, net, cells, lambda: export_to_nir(net, example(net), ignore_dims=[0]), lambda: utils.reset(net), **more)

    def each(*shape: int, **shares: float) -> dict[str, Any]:
        """One number a neuron: of single ones the exporter cannot tell the shape."""
        return {name: torch.full(shape, share) for name, share in {"threshold": 1.0, "beta": 0.9, **shares}.items()} | {"init_hidden": True}

    zero, at_once = {"reset_mechanism": "zero"}, {"reset_mechanism": "zero", "reset_delay": False}
    leaky = lambda *shape: snn.Leaky(**each(*shape), **zero)  # noqa: E731
    recurrent = snn.RLeaky(**each(HIDDEN), linear_features=HIDDEN, **at_once)
    yield kind("Leaky, zero", flat(leaky))
    yield kind("Leaky, zero, convolution", pictured(leaky))
    yield kind("RLeaky, zero, reset_delay=False", [nn.Linear(64, HIDDEN), recurrent, nn.Linear(HIDDEN, 10), leaky(10)])
    filtered = kind("Synaptic, zero, reset_delay=False", flat(lambda n: snn.Synaptic(**each(n, alpha=0.5), **at_once)))
    yield filtered
    first, _, second, _ = filtered.net
    late = (snn.Synaptic(**each(n, alpha=0.5), **zero) for n in (HIDDEN, 10))
    yield kind("Synaptic, zero", [first, next(late), second, next(late)], rate=None)
    yield kind("Leaky, subtract (default)", flat(lambda n: snn.Leaky(**each(n))))


def spikingjelly() -> Iterator[Kind]:
    """Cells fire at v >= threshold. v_reset None is a soft reset, which its exporter refuses."""
    from spikingjelly.activation_based import functional, layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    def kind(name: str, layers: list[nn.Module], **more: Any) -> Kind:
        net = nn.Sequential(*layers)
        return Kind(name, net, (neuron.BaseNode,), lambda: export_to_nir(net, example(net)), lambda: functional.reset_net(net), **more)

    yield kind("LIFNode", flat(lambda n: neuron.LIFNode(), layer.Linear))
    yield kind("LIFNode, convolution", pictured(lambda *shape: neuron.LIFNode()))
    whole = kind("IFNode", flat(lambda n: neuron.IFNode(), layer.Linear))
    yield whole
    for threshold in ("31/32", "1"):
        above, below = (int(n) for n in f"{threshold}/1".split("/")[:2])
        rounded = _rounded(whole.net, 16)
        for node in (rounded[1], rounded[3]):
            node.v_threshold = above / below
        yield kind(f"IFNode, weights in sixteenths, v_threshold {threshold}", list(rounded), rate=None)
    yield kind("LIFNode, v_reset=None", flat(lambda n: neuron.LIFNode(v_reset=None), layer.Linear))


def _rounded(net: nn.Sequential, parts: int) -> nn.Sequential:
    """A copy whose weights are whole numbers of these parts of 1."""
    found = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.copy_((parameter * parts).round() / parts)
    return found


def norse() -> Iterator[Kind]:
    """The exporter writes time constants as dt/tau_mem_inv, with a dt of its own of 0.001: a step of 0.001 is one of 1e-6 in its files.

    It leaves pools and flattenings out, and input_shape of convolutions None, of which nir.write makes no dataset.
    """
    import norse.torch as norse
    from norse.torch.functional.reset import reset_subtract

    def kind(name: str, layers: list[nn.Module], mend: Callable[[Any], Any] = lambda graph: graph, **more: Any) -> Kind:
        net = norse.SequentialState(*layers)
        fire = lambda cell, x, state: cell(x, state)  # noqa: E731
        return Kind(name, net, (norse.LIFBoxCell, norse.LIFCell), lambda: mend(norse.to_nir(net, example(net))), fire=fire, **{"rate": 3e-2, **more})

    def each(shape: tuple[int, ...], **shares: float) -> dict[str, torch.Tensor]:
        """One number a neuron: of single ones nir.write makes no dataset."""
        found = {"tau_mem_inv": 100.0, "v_th": 1.0, "v_leak": 0.0, **shares}
        return {name: torch.full(shape, share) for name, share in found.items()} | {"alpha": torch.as_tensor(5.0)}

    box = lambda *shape, **more: norse.LIFBoxCell(norse.LIFBoxParameters(**each(shape), **more))  # noqa: E731
    yield kind("LIFBoxCell", _louder(flat(box)))
    pictures = [nn.Conv2d(1, CHANNELS, 3), box(CHANNELS, 6, 6), nn.Conv2d(CHANNELS, 10, 6), box(10, 1, 1)]
    yield kind("LIFBoxCell, convolutions, input_shape set", _louder(pictures), _with_shapes)
    filtered = kind("LIFCell", _louder(flat(lambda n: norse.LIFCell(norse.LIFParameters(**each((n,), tau_syn_inv=200.0))))))
    yield filtered
    yield kind("LIFCell, w_in = tau_syn/dt set", list(filtered.net), _with_w_in, rate=None)
    yield kind("LIFBoxCell, reset_subtract", _louder(flat(lambda n: box(n, reset_method=reset_subtract))))


def _louder(layers: list[nn.Module]) -> list[nn.Module]:
    """Weights to begin with that bring membranes to their thresholds: a step brings a tenth of what is heard."""
    with torch.no_grad():
        for layer in layers:
            if isinstance(layer, nn.Linear | nn.Conv2d):
                layer.weight *= 6
    return layers


def _with_w_in(graph: Any) -> Any:
    """Norse adds what is heard to the current as it is; NIR's default, 1, takes dt/tau_syn of it."""
    for node in graph.nodes.values():
        if isinstance(node, nir.CubaLIF):
            node.w_in = node.tau_syn / 1e-6
    return graph


def _with_shapes(graph: Any) -> Any:
    first, second = (node for node in graph.nodes.values() if isinstance(node, nir.Conv2d))
    first.input_shape, second.input_shape = (8, 8), (6, 6)
    return graph


LIBRARIES = {"snntorch": snntorch, "spikingjelly": spikingjelly, "norse": norse}


def spikes(kind: Kind, pictures: np.ndarray, seed: int) -> torch.Tensor:
    """(steps, pictures, ...) of 0 and 1 as the net reads them: a pixel fires as often as it is bright."""
    found = np.random.default_rng(seed).random((STEPS, *pictures.shape)) < pictures / 16
    return torch.from_numpy(found.astype(np.float32)).reshape(STEPS, len(pictures), *example(kind.net).shape[1:])


def forward(kind: Kind, steps: torch.Tensor) -> dict[str, torch.Tensor]:
    """Spikes of each cell by its place, (steps, samples, ...), from rest."""
    kind.begin()
    states, found = dict[str, Any](), dict[str, list[torch.Tensor]]()
    for x in steps:
        for place, layer in kind.net.named_children():
            if isinstance(layer, kind.cells):
                x, states[place] = kind.fire(layer, x, states.get(place))
                found.setdefault(place, []).append(x)
            else:
                x = layer(x)
    return {place: torch.stack(some) for place, some in found.items()}


def train(kind: Kind, x: np.ndarray, y: np.ndarray) -> None:
    """On the cross entropy of the last cell's spikes, four times their mean over the steps."""
    optimiser = torch.optim.Adam(kind.net.parameters(), kind.rate)
    for update in range(UPDATES):
        some = np.random.default_rng(update).integers(0, len(x), BATCH)
        fired = list(forward(kind, spikes(kind, x[some], update)).values())[-1]
        loss = nn.functional.cross_entropy(4 * fired.mean(0).flatten(1), torch.from_numpy(y[some]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def made(kind: Kind, path: Path) -> str | None:
    """Both files; or what the exporter said, where it exports no such network."""
    x, held, y, truth = train_test_split(*load_digits(return_X_y=True), test_size=0.25, random_state=0)
    try:
        kind.export()
    except NotImplementedError as refusal:
        return str(refusal)
    if kind.rate is not None:
        train(kind, x, y)
    nir.write(path.with_suffix(".nir"), kind.export())
    given = spikes(kind, held, 1 << 20)
    with torch.no_grad():
        found = {"input": given, **forward(kind, given)}
    arrays = {name: a.numpy().astype(bool).swapaxes(0, 1).reshape(len(held), STEPS, -1) for name, a in found.items()}
    np.savez_compressed(path.with_suffix(".npz"), truth=truth, **arrays)
    return None


def main(library: str, folder: Path) -> dict[str, Any]:
    """One library's."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    said = {kind.name: made(kind, folder / f"{library}-{number}") for number, kind in enumerate(LIBRARIES[library]())}
    return {"versions": {name: version(name) for name in (library, "nir", "nirtorch", "torch")}, "kinds": said}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
