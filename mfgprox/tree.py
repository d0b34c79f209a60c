"""Trees of plain Python values and arrays, taken apart into JSON and arrays and put together again.

A solver's state is such a tree: dataclasses of this package, enumerations, dicts, lists, tuples,
arrays, numbers, text, None. Arrays that the tree holds twice stay one array. No pickle: a file can
only name dataclasses and enumerations that live in this package.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import re
import struct
from enum import Enum
from typing import Any

import numpy as np

PLAIN = (bool, int, float, str, type(None))
_NAME = re.compile(r"(mfgprox(?:\.[a-z][a-z0-9_]*)+):([A-Za-z_]\w*)")


class TreeError(ValueError):
    """A value that cannot be stored, or a stored tree that cannot be restored."""


def take_apart(value: Any) -> tuple[Any, list[np.ndarray]]:
    """A tree as a JSON document and the arrays that it refers to by number.

    Dataclass fields with the metadata `transient` are left out. Raises TreeError naming the place
    of a value that cannot be stored.
    """
    arrays: list[np.ndarray] = []
    numbers: dict[int, int] = {}

    def number(array: np.ndarray, place: str) -> int:
        if array.dtype.kind not in "biufc":
            raise TreeError(f"{place}: an array of {array.dtype} cannot be stored")
        if id(array) not in numbers:
            numbers[id(array)] = len(arrays)
            arrays.append(array)
        return numbers[id(array)]

    def encode(value: Any, place: str) -> Any:
        if type(value) is float and math.isnan(value):
            return {"nan": struct.pack("<d", value).hex()}
        if type(value) in PLAIN:
            return value
        if isinstance(value, np.ndarray):
            return {"array": number(value, place)}
        if isinstance(value, np.generic):
            return {"scalar": number(np.array(value), place)}
        if isinstance(value, Enum):
            return {"enum": _name_of(type(value), place), "member": value.name}
        if type(value) in (list, tuple):
            parts = [encode(v, f"{place}[{i}]") for i, v in enumerate(value)]
            return {type(value).__name__: parts}
        if type(value) is dict:
            pairs = [(encode(k, place), encode(v, f"{place}[{k!r}]")) for k, v in value.items()]
            return {"dict": pairs}
        if dataclasses.is_dataclass(value):
            kept = [f.name for f in dataclasses.fields(value) if not f.metadata.get("transient")]
            fields = {k: encode(getattr(value, k), f"{place}.{k}") for k in kept}
            return {"object": _name_of(type(value), place), "fields": fields}
        raise TreeError(f"{place}: a {type(value).__name__} cannot be stored")

    return encode(value, "state"), arrays


def put_together(document: Any, arrays: list[np.ndarray]) -> Any:
    """The tree that `take_apart` took apart. Raises TreeError for a document that is not one."""

    def decode(node: Any) -> Any:
        if type(node) in PLAIN:
            return node
        if type(node) is not dict or not node:
            raise TreeError("the stored tree is malformed")
        kind = next(iter(node))
        match kind:
            case "nan":
                return struct.unpack("<d", bytes.fromhex(node[kind]))[0]
            case "array":
                return arrays[_index(node[kind], arrays)]
            case "scalar":
                return arrays[_index(node[kind], arrays)][()]
            case "list":
                return [decode(v) for v in node[kind]]
            case "tuple":
                return tuple(decode(v) for v in node[kind])
            case "dict":
                return {decode(k): decode(v) for k, v in node[kind]}
            case "enum":
                return _type_named(node[kind], Enum)[node["member"]]
            case "object":
                return _restored(node[kind], {k: decode(v) for k, v in node["fields"].items()})
        raise TreeError("the stored tree is malformed")

    return decode(document)


def _index(number: Any, arrays: list[np.ndarray]) -> int:
    if type(number) is not int or not 0 <= number < len(arrays):
        raise TreeError("the stored tree names an array that is not there")
    return number


def _name_of(kind: type, place: str) -> str:
    name = f"{kind.__module__}:{kind.__qualname__}"
    if not _NAME.fullmatch(name):
        raise TreeError(f"{place}: a {kind.__name__} is not a type of this package")
    return name


def _type_named(name: Any, required: type | None = None) -> Any:
    """A dataclass or enumeration of this package by its name, module:Class."""
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise TreeError(f"{name!r} is not a type of this package")
    try:
        kind = getattr(importlib.import_module(match[1]), match[2])
    except (ImportError, AttributeError) as error:
        raise TreeError(f"this version of the package has no {name}") from error
    fits = isinstance(kind, type) and kind.__module__ == match[1]
    fits = fits and (issubclass(kind, required) if required else dataclasses.is_dataclass(kind))
    if not fits:
        raise TreeError(f"{name!r} is not a type that a checkpoint may hold")
    return kind


def _restored(name: Any, fields: dict[str, Any]) -> Any:
    """An object of a dataclass with these fields; transient ones get their defaults, or None."""
    kind = _type_named(name)
    value = object.__new__(kind)
    for field in dataclasses.fields(kind):
        if field.name in fields:
            content = fields.pop(field.name)
        elif not field.metadata.get("transient"):
            raise TreeError(f"{name} is stored without its {field.name}")
        elif field.default_factory is not dataclasses.MISSING:
            content = field.default_factory()
        else:
            content = None if field.default is dataclasses.MISSING else field.default
        object.__setattr__(value, field.name, content)
    if fields:
        raise TreeError(f"{name} is stored with fields that it does not have")
    return value
