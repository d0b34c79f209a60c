"""The commands called in this process, with standard error apart from standard output."""

import inspect

from typer.testing import CliRunner


def client() -> CliRunner:
    """Of click 8.2, or of an older one that is told not to mix the two."""
    apart = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    return CliRunner(**apart)
