"""Property tests draw the same examples on every machine; fewer where kernels are plain Python."""

import os

import measured
import pytest
from hypothesis import settings

pytest.register_assert_rewrite("dynamic_identities")
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
PLAIN_PYTHON = os.environ.get("NUMBA_DISABLE_JIT") == "1"


def pytest_collection_modifyitems(items):
    """Without the compiler, take the small problems: what needs compiled speed is marked so."""
    if PLAIN_PYTHON:
        items[:] = [item for item in items if "compiled" not in item.keywords]


def pytest_make_parametrize_id(val, argname):
    """Name bytes by their argument: compressed ones may hold the time, and workers must agree."""
    return argname if isinstance(val, bytes) else None


def pytest_runtest_logreport(report):
    if report.when == "call":
        measured.record(report.nodeid, report.outcome, dict(report.user_properties))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Leave what the test measured with its report, for tests/paper/paper_page.py."""
    measured.begin()
    outcome = yield
    item.user_properties.append(("measured", measured.closest()))
    item.user_properties.append(("wrong", measured.least_wrong()))
    return outcome
