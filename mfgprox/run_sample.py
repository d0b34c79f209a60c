"""The command `sample`: a result file in, points drawn from P and carried to R out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mfgprox.exits import BadInput, Exit, say
from mfgprox.interruption import Interruption
from mfgprox.outputs import require_writable, writing
from mfgprox.run import announce_compilation

TELLING = 1e-2
"""Difference between the law of the samples and R from which a user is warned."""

if TYPE_CHECKING:
    from mfgprox.solution import Solution


def run_sample(
    result: Path,
    count: int,
    output: Path | None,
    seed: int,
    times: str | None,
    method: str,
    quiet: bool,
) -> Exit:
    """Draw and write samples. Raises what `exits.guarded` turns into messages."""
    from mfgprox.sampling import SamplingError, draw
    from mfgprox.sampling.files import require_suffix, write
    from mfgprox.storage import StorageError

    output = output or Path(f"{result.stem}_samples.npy")
    try:
        require_suffix(output)
        levels = _times(times)
        require_writable(output)
        solution = _load(result)
        announce_compilation(quiet)
        with Interruption():
            drawn = draw(solution, count, seed=seed, times=levels, method=method)
    except (StorageError, SamplingError) as error:
        raise BadInput(str(error)) from error
    with Interruption(), writing(output):
        write(drawn.points, drawn.times, output)
    if not quiet:
        print(f"{output}: {count} samples by {drawn.method} ({drawn.reason})")
    if drawn.misplaced > TELLING:
        say(
            f"the samples miss R: the mean of a cosine differs by {drawn.misplaced:.1e}; "
            "solve to a smaller tolerance or on more cells"
        )
    return Exit.OK


def _load(path: Path) -> Solution:
    from mfgprox import hdf5
    from mfgprox.flows.files import FLOW_FORMAT
    from mfgprox.storage import StorageError, load

    with hdf5.reading(path, StorageError) as file:
        if hdf5.format_of(file) == FLOW_FORMAT:
            raise StorageError(
                "a flow, whose map from first to last is not known; samples need the "
                "result of `mfgprox run`"
            )
    return load(path)


def _times(text: str | None) -> tuple[float, ...]:
    if text is None:
        return (1.0,)
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(
            f"--times must be numbers from 0 to 1, separated by commas; got {text!r}"
        ) from None
