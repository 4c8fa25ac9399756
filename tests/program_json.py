"""A program file taken apart, and put together again with a checksum that holds."""

from __future__ import annotations

import json

from tritspike.runtime import files
from tritspike.runtime.files import read_tensors, write_tensors


def described(path):
    """(arrays, program as JSON object) of a program file."""
    arrays, metadata = read_tensors(path)
    return arrays, json.loads(json.loads(metadata["tritspike"])["program"])


def named(records, name):
    """The record of that name."""
    return next(record for record in records if record["name"] == name)


def at(*keys, value):
    """A change: one entry of the program's JSON set; strings find the record of that name in a list."""

    def change(arrays, raw):
        for key in keys[:-1]:
            raw = named(raw, key) if isinstance(raw, list) and isinstance(key, str) else raw[key]
        raw[keys[-1]] = value

    return change


def gone(*keys):
    """A change: one entry left out."""

    def change(arrays, raw):
        for key in keys[:-1]:
            raw = named(raw, key) if isinstance(raw, list) and isinstance(key, str) else raw[key]
        raw.pop(keys[-1])

    return change


def put(name, change):
    """A change of one array. name: its own, or (synapse or population, where its record refers to it)."""

    def put_in(arrays, raw):
        found = name if isinstance(name, str) else array_of(raw, *name)
        arrays[found] = change(arrays[found])

    return put_in


def array_of(raw, record, *keys):
    """The name of the array that a record of version 3 refers to at `keys`."""
    found = named(raw["populations"] + raw["synapses"], record)
    for key in keys:
        found = found[key]
    return found


def lose(record, *keys):
    """A change: an array left out, before its name is."""
    return lambda arrays, raw: arrays.pop(array_of(raw, record, *keys))


def drop(what, name):
    """A change: a record left out."""
    return lambda arrays, raw: raw[what].remove(named(raw[what], name))


def again(what, name):
    """A change: a record twice."""
    return lambda arrays, raw: raw[what].append(named(raw[what], name))


def all_axes(name, **changes):
    """A change of every axis of that name, in pairs too."""

    def change(arrays, raw):
        for p in raw["populations"]:
            for axis in p["grid"]:
                for side in (axis["query"], axis["key"]) if "query" in axis else (axis,):
                    if side["name"] == name:
                        side.update(changes)

    return change


def both(*changes):
    """A change: several."""

    def change(arrays, raw):
        for one in changes:
            one(arrays, raw)

    return change


def store(path, arrays, program, checksum=None):
    body = program if isinstance(program, str) else json.dumps(program)
    digest = checksum or files.digest(body, arrays)
    write_tensors(path, arrays, {"tritspike": json.dumps({"sha256": digest, "program": body})})
