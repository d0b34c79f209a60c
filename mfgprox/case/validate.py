"""Data of a case file → settings, or everything that is wrong with it at once."""

from __future__ import annotations

import difflib
import math
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mfgprox.case import checks, schema
from mfgprox.case.errors import Fault, Path, dotted
from mfgprox.case.schema import CaseSettings

MAX_BITS = 1000


def validate(data: dict[str, Any]) -> tuple[CaseSettings | None, list[Fault]]:
    """The settings and no faults, or None and the faults."""
    try:
        settings = CaseSettings.model_validate(_printable(data))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=False)
        return None, [_fault(detail, data) for detail in details[:50]]
    faults = list(checks.faults(settings))
    return (None, faults) if faults else (settings, [])


def _printable(value: Any) -> Any:
    """The data with infinity, which no key accepts, for whole numbers too long to be printed:
    pydantic prints what is no kind of density, and a failure of that ends up on the screen."""
    if isinstance(value, dict):
        return {key: _printable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_printable(inner) for inner in value]
    return math.inf if isinstance(value, int) and value.bit_length() > MAX_BITS else value


def value_at(data: Any, path: Path) -> Any:
    """What the data hold there; raises KeyError or IndexError where there is nothing."""
    for part in path:
        if not isinstance(data, dict | list):
            raise KeyError(part)
        data = data[part]  # type: ignore[index]
    return data


def _fault(detail: ErrorDetails, data: dict[str, Any]) -> Fault:
    path = _path_in(data, detail["loc"])
    kind = detail["type"]
    if kind == "extra_forbidden":
        return Fault(path, _unknown_key(path, data))
    if kind == "missing":
        parent = dotted(path[:-1]) or "the case"
        return Fault(path, f"is missing; {parent} requires {_required(path[:-1], data)}")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        kinds = list(schema.DENSITIES if len(path) == 1 else schema.DENSITIES.keys() - {"mixture"})
        listed = ", ".join(f'"{k}"' for k in sorted(kinds, key=list(schema.DENSITIES).index))
        missing = "is missing; " if kind == "union_tag_not_found" else ""
        meant = _meant(_kind(data, path), kinds)
        return Fault((*path, "kind"), f"{missing}must be one of {listed}{meant}")
    if kind in ("model_type", "model_attributes_type"):
        name = "the name of an f-divergence or " if path == ("f_divergence",) else ""
        return Fault(path, f"must be {name}a table")
    if kind in ("tuple_type", "too_short", "too_long"):
        return Fault(path, "must be a list of tables, 1 to 1000")
    return Fault(path, detail["msg"])


def _path_in(data: Any, loc: tuple[str | int, ...]) -> Path:
    """pydantic's location without the names of union members that it puts in."""
    path: list[str | int] = []
    node, tagged = data, False
    for part in loc:
        if path and not isinstance(node, dict | list):
            break  # a name that stands for a table: f_divergence = "kl"
        if _is_density(tuple(path)) and not tagged:
            tagged = True
            continue
        tagged = False
        path.append(part)
        try:
            node = value_at(node, (part,))
        except (KeyError, IndexError, TypeError):
            node = None
    return tuple(path)


def _is_density(path: Path) -> bool:
    """Whether a table of many kinds is here, of which pydantic names the kind next."""
    return path in (("P",), ("Q",)) or (len(path) > 1 and path[-2] == "components")


def _kind(data: Any, path: Path) -> str:
    try:
        return str(value_at(data, (*path, "kind")))
    except (KeyError, IndexError, TypeError, ValueError):
        return ""


def _unknown_key(path: Path, data: dict[str, Any]) -> str:
    if path in schema.MISPLACED:
        return schema.MISPLACED[path]
    accepted = list(_table(path[:-1], data).model_fields)
    parent = dotted(path[:-1]) or "the case"
    meant = _meant(str(path[-1]), accepted)
    return f"is not a key of {parent}{meant}; accepted: {', '.join(accepted)}"


def _meant(word: str, names: list[str]) -> str:
    close = difflib.get_close_matches(word[:50], names, 1)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _required(path: Path, data: dict[str, Any]) -> str:
    fields = _table(path, data).model_fields
    return ", ".join(name for name, field in fields.items() if field.is_required())


def _table(path: Path, data: dict[str, Any]) -> type[BaseModel]:
    """The schema of the table at a path."""
    tables: dict[str, type[BaseModel]] = {
        "grid": schema.GridSettings,
        "f_divergence": schema.DivergenceSettings,
        "transport": schema.TransportSettings,
        "solver": schema.SolverSettings,
        "output": schema.OutputSettings,
    }
    if not path:
        return CaseSettings
    return tables.get(str(path[0])) or schema.DENSITIES[_kind(data, path)]
