"""docs/paper.md has a row for every statement, and none without a test that exists."""

import ast
import re

from paper_entries import ENTRIES
from paper_page import PAGE, ROOT, rows

LINE = re.compile(r"\| \*\*(?P<entry>[^*]+)\*\*.* \| `(?P<test>[^`]+)` \|$")


def printed():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [m.group("entry", "test") for line in lines if (m := LINE.match(line))]


def test_every_statement_has_a_test():
    assert set(ENTRIES) <= {row.entry for row in rows()}


def test_the_page_has_every_row_and_no_other():
    assert sorted(printed()) == sorted((row.entry, row.test) for row in rows()), (
        "docs/paper.md is out of date: run python tests/paper/paper_page.py"
    )


def test_every_row_names_a_test_that_exists():
    for _, test in printed():
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / file).read_text())
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name.partition("[")[0] in names, test


def test_every_row_was_run_and_passed():
    assert "| not run |" not in PAGE.read_text(encoding="utf-8")
