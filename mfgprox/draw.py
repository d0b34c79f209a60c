"""The commands `plot`, `animate` and `info`: a result file in, a picture, film or text out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mfgprox.exits import BadInput, Exit
from mfgprox.interruption import Interruption
from mfgprox.outputs import require_suffix, require_writable, writing

if TYPE_CHECKING:
    from mfgprox.solution import Solution

FIGURES = (".png", ".svg", ".pdf")
FILMS = (".gif", ".mp4")


def draw_figure(result: Path, output: Path | None) -> Exit:
    """Write the figure of a result; default: beside the working directory's name of the result."""
    output = output or Path(result.with_suffix(".png").name)
    require_suffix(output, FIGURES)
    require_writable(output)
    solution = load_result(result)
    from mfgprox.plot import save_figure

    with writing(output):
        save_figure(solution, output)
    print(output)
    return Exit.OK


def draw_film(result: Path, output: Path, fps: int) -> Exit:
    """Write the film of a result."""
    require_suffix(output, FILMS)
    require_writable(output)
    solution = load_result(result)
    from mfgprox.plot import animate

    with Interruption(), writing(output):
        animate(solution, output, fps=fps)
    print(output)
    return Exit.OK


def print_info(result: Path, recompute: bool) -> Exit:
    """Print what is in a file; recompute: and its certificate anew, which may contradict it."""
    from mfgprox.info import describe
    from mfgprox.storage import StorageError

    try:
        print(describe(result))
        if not recompute:
            return Exit.OK
        from mfgprox.recheck import recheck

        text, contradictions = recheck(result)
    except (StorageError, ValueError) as error:
        raise BadInput(str(error)) from error
    print(f"\n{text}")
    for sentence in contradictions:
        print(f"contradiction: {sentence}")
    return Exit.VALIDATION_FAILED if contradictions else Exit.OK


def load_result(path: Path) -> Solution:
    """The solution in a result file, or the flow in one as a solution. Raises BadInput."""
    from mfgprox import hdf5
    from mfgprox.flows.files import FLOW_FORMAT, load_flow
    from mfgprox.storage import StorageError, load

    try:
        with hdf5.reading(path, StorageError) as file:
            flow = hdf5.format_of(file) == FLOW_FORMAT
        return load_flow(path).as_solution() if flow else load(path)
    except StorageError as error:
        raise BadInput(str(error)) from error
