"""Types of the values in a case file, each with the sentence that says what is accepted."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError


def accept(sentence: str) -> WrapValidator:
    """Refuse a value with the sentence that says what is accepted."""

    def validate(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except (ValidationError, OverflowError):
            raise PydanticCustomError(
                "refused", "must be {sentence}", {"sentence": sentence}
            ) from None

    return WrapValidator(validate)


def as_tuple(value: Any) -> Any:
    """A list of TOML as a tuple; anything else as it is, to be refused."""
    return tuple(value) if isinstance(value, list) else value


def one_of(names: tuple[str, ...], later: tuple[str, ...] = ()) -> Any:
    """A type for one of some names; those of `later` are refused as not available yet."""

    def validate(value: Any) -> Any:
        if isinstance(value, str) and value in names:
            return value
        listed = ", ".join(f'"{n}"' for n in names)
        if isinstance(value, str) and value in later:
            listed = f"one that is available in this version: {listed}"
        elif len(names) > 1:
            listed = f"one of {listed}{_meant(value, names)}"
        raise PydanticCustomError("refused", "must be {sentence}", {"sentence": listed})

    return Annotated[str, BeforeValidator(validate)]


def _meant(value: Any, names: tuple[str, ...]) -> str:
    word = value.lower().replace("_", "-")[:50] if isinstance(value, str) else ""
    close = difflib.get_close_matches(word, names, 1)
    return f' (did you mean "{close[0]}"?)' if close else ""


Coordinate = Annotated[float, Field(ge=-1e9, le=1e9)]
Length = Annotated[float, Field(ge=1e-9, le=1e9)]
PerAxis = Annotated[
    tuple[Coordinate, ...],
    BeforeValidator(as_tuple),
    Field(min_length=1, max_length=3),
    accept("a list of one finite number per axis, in the order x, y, z, within ±1e9"),
]
Lengths = Annotated[
    tuple[Length, ...],
    BeforeValidator(as_tuple),
    Field(min_length=1, max_length=3),
    accept("a list of one number above 0 per axis, in the order x, y, z (1e-9 to 1e9)"),
]
Entry = Annotated[float, Field(ge=-1e18, le=1e18)]
Row = Annotated[tuple[Entry, ...], BeforeValidator(as_tuple)]
Rows = Annotated[
    tuple[Row, ...],
    BeforeValidator(as_tuple),
    Field(min_length=1, max_length=3),
    accept("a symmetric positive definite matrix, a list of one row of finite numbers per axis"),
]
