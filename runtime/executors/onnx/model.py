"""A graph as a model that others read: its functions, its constants, and in its metadata all that somebody needs who has no program file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

import tritspike
from tritspike.runtime.executors.onnx.build import Body, interface, played, read, state
from tritspike.runtime.executors.onnx.functions import functions
from tritspike.runtime.executors.onnx.here import OPSET
from tritspike.runtime.executors.onnx.nodes import DOMAIN, Constants
from tritspike.runtime.network import file
from tritspike.runtime.network.network import Scheduled

FORMAT = 1  # of the metadata
ALIGNED = 4096  # bytes: external arrays begin at a page, so that they can be mapped
_SMALL = 1024  # bytes of a constant that is always inside
_INSIDE = 1 << 31  # bytes that one file of protobuf holds


@dataclass(frozen=True)
class Options:
    """record: populations whose spikes are outputs too. about: more metadata, by name."""

    opset: int = OPSET
    compact: bool = False
    record: Collection[str] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Graph:
    """A model but for its constants, and these, as they are stored."""

    proto: ModelProto
    arrays: dict[str, NDArray[Any]]

    @property
    def size(self) -> int:
        """Bytes, all told."""
        return self.proto.ByteSize() + sum(map(stored_bytes, self.arrays.values()))

    def whole(self) -> ModelProto:
        """With its constants inside."""
        found = ModelProto()
        found.CopyFrom(self.proto)
        found.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in self.arrays.items())
        return found

    def beside(self, location: str, first: int) -> ModelProto:
        """With its large constants in another file, `location`, from the byte `first` on, as `pieces` has them."""
        found, at = ModelProto(), first
        found.CopyFrom(self.proto)
        found.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in self.arrays.items() if _small(array))
        for name, array in self._large():
            tensor = TensorProto(name=name, data_type=_kind(array), dims=array.shape, data_location=TensorProto.EXTERNAL)
            for key, value in (("location", location), ("offset", at), ("length", stored_bytes(array))):
                tensor.external_data.add(key=key, value=str(value))
            found.graph.initializer.append(tensor)
            at += _up(stored_bytes(array))
        return found

    def pieces(self) -> Iterator[bytes]:
        """The other file's content."""
        for name, array in self._large():
            content = numpy_helper.from_array(array, name).raw_data
            yield content + bytes(_up(len(content)) - len(content))

    def _large(self) -> Iterator[tuple[str, NDArray[Any]]]:
        return ((name, array) for name, array in self.arrays.items() if not _small(array))

    @property
    def fits(self) -> bool:
        """Whether one file holds it."""
        return self.size < _INSIDE


def graph(program: Scheduled, options: Options = Options()) -> Graph:
    """Of a sound program whose ranges are proved."""
    constants = Constants(options.compact)
    body = Body(program, constants, options.record)
    loop = body.loop()
    inputs, outputs = interface(body)
    whole = helper.make_graph([*constants.casts, loop], "tritspike", inputs, outputs, doc_string=_DOC)
    imports = [helper.make_opsetid("", options.opset), helper.make_opsetid(DOMAIN, 1)]
    about = {"producer_name": "tritspike", "producer_version": tritspike.__version__, "ir_version": helper.find_min_ir_version_for(imports[:1])}
    proto = helper.make_model(whole, opset_imports=imports, functions=functions(options.opset), **about)
    helper.set_model_props(proto, {"tritspike": json.dumps(described(program) | dict(options.about))})
    return Graph(proto, {name: _in_two_bits(array) if name in constants.packed else array for name, array in constants.arrays.items()})


_DOC = (
    "One step of the chip an iteration: spikes are played at port/NAME, int32 readings come out at probe/NAME, and state/NAME goes on as next/NAME, "
    "all zero before the first step. What is read of window (or token) n of a population of latency l is there after the step l + (n + 1) * period, "
    "which counts from 1; the metadata `tritspike` has latencies, timing, and what every port plays."
)


def described(program: Scheduled) -> dict[str, Any]:
    """What is played, read and kept, and when."""
    network, timing = program.network, program.timing
    sizes = {p.name: p.size for p in network.populations}
    return {
        "format": FORMAT,
        "program": file.digest(program),
        "timing": {"kind": type(timing).__name__, **vars(timing), "period": timing.period},
        "ports": [_end(played(p.name), p.population, sizes) | {"plays": p.plays} for p in network.ports],
        "probes": [
            _end(read(p.name), p.population, sizes) | {"reads": p.reads.value, "latency": program.latency[p.population]} for p in network.probes
        ],
        "state": [{"input": kept.comes, "output": kept.goes, "dtype": np.dtype(kept.dtype).name, "neurons": kept.neurons} for kept in state(program)],
        "latency": program.latency,
    }


def _end(name: str, population: str, sizes: Mapping[str, int]) -> dict[str, Any]:
    return {"name": name, "population": population, "neurons": sizes[population]}


def _in_two_bits(codes: NDArray[np.int8]) -> NDArray[Any]:
    return codes.astype(helper.tensor_dtype_to_np_dtype(TensorProto.INT2))


def _kind(array: NDArray[Any]) -> int:
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def stored_bytes(array: NDArray[Any]) -> int:
    """Of an array in a file: four numbers of two bits share one."""
    return -(-array.size // 4) if array.dtype.name == "int2" else array.nbytes


def _small(array: NDArray[Any]) -> bool:
    """Shapes are, which must be known where shapes are inferred."""
    return stored_bytes(array) <= _SMALL


def _up(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED
