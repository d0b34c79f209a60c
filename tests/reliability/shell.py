"""Commands within this process: what they print, and their exit status."""

from __future__ import annotations

import contextlib
import functools
import io
from dataclasses import dataclass

import typer

from mfgprox import cli


@dataclass(frozen=True)
class Answer:
    exit_code: int
    stdout: str
    stderr: str


@functools.cache
def _command():
    """Built once: typer takes longer for that than many commands do for their work."""
    return typer.main.get_command(cli.app)


def invoke(*words: object) -> Answer:
    """A command as a shell would call it. Raises what escapes from it as an exception."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            _command().main([str(word) for word in words], prog_name="mfgprox")
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Answer(status, out.getvalue(), err.getvalue())
