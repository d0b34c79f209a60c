"""docs/paper.md has a row for every statement, and none without a test that exists."""

import ast

from paper_entries import ENTRIES
from paper_page import ROOT, printed, rows


def test_every_statement_has_a_test():
    assert set(ENTRIES) <= {row.entry for row in rows()}


def test_the_page_has_every_row_and_no_other():
    there = sorted((row["entry"], row["test"]) for row in printed())
    assert there == sorted((row.entry, row.test) for row in rows()), (
        "docs/paper.md is out of date: run python tests/paper/paper_page.py"
    )


def test_every_row_names_a_test_that_exists():
    for row in printed():
        file, _, name = row["test"].partition("::")
        tree = ast.parse((ROOT / file).read_text())
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name.partition("[")[0] in names, row


def test_every_row_was_run_and_passed():
    assert not [row for row in printed() if row["error"] in ("not run", "FAILS", "")]
