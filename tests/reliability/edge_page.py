"""Writes the table of numbers at the edge: `python tests/reliability/edge_page.py`.

Every problem of edge_problems.py with every solver, one row each, between two marks of
docs/reliability.md. An answer that is not sound, or an exception, ends it with an error.
"""

import warnings
from pathlib import Path

from edge_problems import EDGES, SOLVERS, outcome

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- edges: begin -->\n", "<!-- edges: end -->\n"
SHORT = {"not finite": "stopped: not finite", "iteration limit": "iterations"}


def rows() -> list[str]:
    lines = [
        f"| problem | {' | '.join(SOLVERS)} |",
        f"|---|{'---|' * len(SOLVERS)}",
    ]
    for name, make in EDGES.items():
        found = [outcome(make, solver) for solver in SOLVERS]
        lines.append(f"| {name} | {' | '.join(SHORT.get(word, word) for word in found)} |")
    return lines


def main() -> None:
    warnings.simplefilter("error")
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(before + BEGIN + "\n".join(rows()) + "\n" + END + after)
    print(f"wrote {len(EDGES)} rows to {PAGE}")


if __name__ == "__main__":
    main()
