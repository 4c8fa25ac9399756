"""Files of arrays: .npy, .npz and NIR's own data in; .npz out."""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritspike.hw_profiles.errors import decoding
from tritspike.runtime import hdf5
from tritspike.runtime.errors import FileError, InputError
from tritspike.runtime.files import read_bytes
from tritspike.runtime.host.arrays import played
from tritspike.runtime.network.network import Scheduled

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_MOST = 1 << 31  # cells of an array
_LONGEST_HEADER = 10_000  # bytes
_VALUED = "ValuedEventData"


def read(path: Path, program: Scheduled, dt: float | None = None) -> dict[str, NDArray[Any]]:
    """(samples, steps, ...) by what a port plays; the one array of a .npy file for the one port. dt: seconds a step, of NIR events.

    Raises `FileError`, `InputError`.
    """
    if hdf5.is_hdf5(path):
        return _nir_data(path, dt)
    content = _content(path)
    if content.startswith(_ZIP):
        return _archive(content, path)
    ports = played(program)
    if len(ports) != 1:
        raise InputError(f"{path}: one array, for a program that plays {', '.join(ports) or 'nothing'}", "a .npz file with one of each name")
    return {ports[0]: _array(content, path, "the array")}


def to_npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """What a .npz file of these holds, compressed; the same arrays give the same bytes."""
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _content(path: Path) -> bytes:
    """An archive too, which `read_bytes` takes for what torch pickles."""
    from tritspike.hw_profiles.reading import read_regular, reason

    try:
        content = read_regular(path)
    except OSError as error:
        raise FileError(f"{path}: {reason(error)}") from None
    return content if content.startswith(_ZIP) else read_bytes(path)


def _array(content: bytes, path: Path, what: str) -> NDArray[Any]:
    """Of a .npy file: header and size are looked at before any memory is taken, and objects are refused."""
    with decoding(path, f".npy file ({what})", FileError):
        if not content.startswith(_NPY):
            raise FileError(f"{path}: {what} is no .npy array, no .npz archive and no NIR data")
        header, begin = _header(content)
        kind = np.dtype(header["descr"]) if isinstance(header["descr"], str) else None
        if kind is None or kind.kind not in "biuf":
            raise FileError(f"{path}: {what} is of type {str(header['descr'])[:60]}", "0 and 1 as numbers or truth values")
        shape = header["shape"]
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 16:
            raise FileError(f"{path}: {what} is of shape {str(shape)[:60]}", "(samples, steps, ...)")
        size = 1
        for side in shape:
            size *= side
        if size > _MOST or len(content) - begin < size * kind.itemsize:
            raise FileError(f"{path}: {what} is cut: {shape} of {kind} need {size * kind.itemsize:,} bytes, {len(content) - begin:,} are there")
        found = np.frombuffer(content, kind, size, begin)
        return found.reshape(shape, order="F" if header["fortran_order"] is True else "C")


def _header(content: bytes) -> tuple[dict[str, Any], int]:
    """(what it says, where its numbers begin)."""
    long = content[6] >= 2
    begin = 12 if long else 10
    size = int.from_bytes(content[8:begin], "little")
    if size > _LONGEST_HEADER:
        raise ValueError(f"a header of {size:,} bytes")
    try:
        header = ast.literal_eval(content[begin : begin + size].decode("latin1"))
    except SyntaxError:
        raise ValueError("its header is not one of numpy's") from None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header is not one of numpy's")
    return header, begin + size


def _archive(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    with decoding(path, ".npz archive", FileError):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if sum(item.file_size for item in archive.infolist()) > _MOST or len(archive.infolist()) > 1000:
                    raise FileError(f"{path}: an archive of more than 1,000 arrays or {_MOST:,} bytes")
                for item in archive.infolist():
                    name = item.filename.removesuffix(".npy")
                    found[name] = _array(archive.read(item), path, name)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
            raise FileError(f"{path}: not a whole .npz archive: {error}") from None
        except Exception as error:  # zlib's own class is no ValueError
            if isinstance(error, FileError):
                raise
            raise FileError(f"{path}: not a whole .npz archive: {type(error).__name__}") from None
    return found


def _nir_data(path: Path, dt: float | None) -> dict[str, NDArray[Any]]:
    """NIRGraphData: of each node the observable `spikes`, or its only one."""
    tree = hdf5.read(path, "NIR data")
    if tree.get("@__type__") != "NIRGraphData":
        raise FileError(f"{path}: an HDF5 file, but no NIRGraphData", "nir.write_data writes one")
    with decoding(path, "NIRGraphData", FileError):
        return {name: _observed(node, f"{path}: {name}", dt) for name, node in hdf5.group(tree, "nodes").items()}


def _observed(node: hdf5.Tree, where: str, dt: float | None) -> NDArray[Any]:
    seen = hdf5.group(node, "observables")
    name = "spikes" if "spikes" in seen else next(iter(seen), None)
    if name is None or (len(seen) > 1 and name != "spikes"):
        raise FileError(f"{where}: observables {', '.join(seen) or 'none'}", "one, or one called spikes")
    found = seen[name]
    if found["@__type__"] == "TimeGriddedData":
        return np.asarray(found["data"])
    if found["@__type__"] == _VALUED:
        raise FileError(f"{where}: events with values", "spikes alone")
    if dt is None:
        raise InputError(f"{where}: events in seconds", "--dt SECONDS of a step")
    return _gridded(found, where, dt)


def _gridded(found: hdf5.Tree, where: str, dt: float) -> NDArray[np.bool_]:
    """Events as spikes in steps; an index of -1 is no event."""
    index, time = np.asarray(found["idx"], np.int64), np.asarray(found["time"], np.float64)
    neurons, steps = int(found["@n_neurons"]), int(np.rint(float(found["@t_max"]) / dt))
    if index.ndim != 2 or index.shape != time.shape or not 0 < neurons * steps * len(index) <= _MOST:
        raise FileError(f"{where}: events of shape {index.shape} and {time.shape}, {neurons} neurons, {steps} steps", "(samples, events) of both")
    sample, event = np.nonzero(index >= 0)
    at = np.floor(time[sample, event] / dt + 1e-6)
    neuron = index[sample, event]
    if len(at) and (not np.isfinite(at).all() or at.min() < 0 or at.max() >= steps or neuron.max() >= neurons):
        raise FileError(f"{where}: events beyond {steps} steps or {neurons} neurons")
    out = np.zeros((len(index), steps, neurons), np.bool_)
    out[sample, at.astype(np.int64), neuron] = True
    return out
