"""Solutions as xarray datasets, without a file between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfgprox.export.arrays import IN_TIME, arrays_of, coordinates_of, numbers_of
from mfgprox.layout import NAMES
from mfgprox.solution import Solution

if TYPE_CHECKING:
    import xarray


def to_xarray(solution: Solution) -> xarray.Dataset:
    """rho, U, P, Q, R and first_variation with their coordinates, the numbers as attributes.

    The arrays are the solution's own, not copies. Raises ImportError, saying what to install,
    where xarray is missing.
    """
    try:
        import xarray
    except ImportError as error:
        raise ImportError("to_xarray needs xarray: pip install xarray") from error
    space = tuple(coordinates_of(solution))[::-1]
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for name, values in arrays_of(solution).items():
        if values.ndim == 1 and name in ("time", *space):
            coordinates[name] = (name, values)
        else:
            axes = ("time", *space) if name in IN_TIME else space
            variables[name] = (axes, values, {"long_name": NAMES[name]})
    return xarray.Dataset(variables, coordinates, numbers_of(solution))
