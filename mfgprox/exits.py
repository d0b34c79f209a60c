"""Exit statuses, and the one place where exceptions become messages."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable
from enum import IntEnum
from pathlib import Path


class Exit(IntEnum):
    """What a shell sees."""

    OK = 0
    VALIDATION_FAILED = 1
    BAD_INPUT = 2
    NOT_CONVERGED = 3
    CANNOT_WRITE = 4
    INTERNAL = 70
    INTERRUPTED = 130
    TERMINATED = 143


class BadInput(ValueError):
    """What the user gave cannot be used; the message says what is accepted."""


class CannotWrite(OSError):
    """The output cannot be written where it was asked for."""


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """ " (did you mean "…"?)", or nothing where no name is close."""
    close = difflib.get_close_matches(word[:50].lower(), list(names), 1)
    return f' (did you mean "{close[0]}"?)' if close else ""


def say(message: str) -> None:
    """One message on standard error, as `mfgprox: message`."""
    print(f"mfgprox: {message}", file=sys.stderr, flush=True)


def guarded(command: Callable[[], Exit]) -> Exit:
    """Run a command; answer every failure with one message and its exit status."""
    from mfgprox.case import CaseError
    from mfgprox.density import DensityError
    from mfgprox.interruption import Interruption, Stopped

    try:
        with Interruption():
            status = command()
            sys.stdout.flush()
            return status
    except (BadInput, CaseError, DensityError) as error:
        say(str(error))
        return Exit.BAD_INPUT
    except CannotWrite as error:
        say(str(error))
        return Exit.CANNOT_WRITE
    except Stopped as stopped:
        say(str(stopped))
        return stopped.exit
    except KeyboardInterrupt:
        say("interrupted")
        return Exit.INTERRUPTED
    except MemoryError:
        say("not enough memory for this case; use fewer cells or time steps")
        return Exit.BAD_INPUT
    except BrokenPipeError:
        _print_no_more()
        return Exit.OK
    except Exception as error:
        if isinstance(error, OSError) and (reason := _output_refused()):
            say(f"cannot write standard output: {reason}")
            return Exit.CANNOT_WRITE
        say(f"internal error: {type(error).__name__}: {error}".splitlines()[0] + _saved_traceback())
        return Exit.INTERNAL


def _output_refused() -> str:
    """Why standard output takes no more, or "" if it does: what is left in its buffer tells."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _print_no_more()
        return error.strerror or str(error)
    return ""


def _print_no_more() -> None:
    """Let go of what is left to print, which the interpreter would try once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _saved_traceback() -> str:
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="mfgprox-", suffix=".traceback.txt", delete=False
        ) as file:
            file.write(traceback.format_exc())
        return f" (please report it; the traceback is in {Path(file.name)})"
    except OSError:
        return " (the traceback could not be saved)"
