"""The command `report`: a result file in, a page out."""

from __future__ import annotations

from pathlib import Path

from mfgprox.draw import load_result, require_suffix
from mfgprox.exits import Exit
from mfgprox.run import require_writable, writing

PAGES = (".html", ".htm")


def write_page(result: Path, output: Path | None) -> Exit:
    """Write the page of a result; default: its name with .html, in the working directory."""
    output = output or Path(result.with_suffix(".html").name)
    require_suffix(output, PAGES)
    require_writable(output)
    solution = load_result(result)
    from mfgprox.report import write_report

    with writing(output):
        write_report(solution, output)
    print(output)
    return Exit.OK
