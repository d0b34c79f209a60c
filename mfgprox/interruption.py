"""Ctrl-C and SIGTERM: stop at the next sound state, save it, leave with the right status."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from mfgprox.exits import Exit

_EXITS = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}
_NAMES = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Stopped(BaseException):
    """A signal ended the command."""

    def __init__(self, signum: int, note: str = "") -> None:
        super().__init__(_NAMES[signal.Signals(signum)] + (f"; {note}" if note else ""))
        self.signum, self.exit = signum, _EXITS[signal.Signals(signum)]

    def with_note(self, note: str) -> Stopped:
        """The same signal, with what is left to be told."""
        return Stopped(self.signum, note)


class Interruption:
    """Context in which a signal stops the command at once, or, while `deferred` is true, sets
    `signum` for a loop to notice; a second signal stops at once whatever happens."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self.deferred = False
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in _EXITS:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def __call__(self) -> bool:
        """Whether a signal came."""
        return self.signum is not None

    def stopped(self, note: str) -> Stopped:
        """The exception to leave with, once what was reached is safe."""
        assert self.signum is not None
        return Stopped(self.signum, note)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if not self.deferred or self.signum is not None:
            raise Stopped(signum)
        self.signum = signum
