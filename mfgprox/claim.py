"""One writer at a time: a run claims its output, and a second one is told so at its start.

The claim is a lock (flock) on a hidden file beside the output. The system lets go of it when its
process ends, however it ends: a killed run leaves the file, which claims nothing and goes with the
next run that writes there. Linux carries such locks over NFS; where a file system knows none, runs
go on unclaimed, and each still writes whole.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on this system
    fcntl = None  # type: ignore[assignment]

MOST_READ = 200


class Claimed(OSError):
    """Another process is writing there; str() says which."""


def lock_path(path: str | Path) -> Path:
    """Where the claim of an output lies. OUT and OUT.h5 share a checkpoint, and so a claim."""
    target = Path(os.path.realpath(path))
    return target.with_name(f".{target.name.removesuffix('.h5')}.lock")


@contextlib.contextmanager
def claimed(path: str | Path) -> Iterator[None]:
    """Hold the claim of an output during the block, which need not write it.

    Raises Claimed where another one holds it, OSError where the system refuses.
    """
    lock = lock_path(path)
    descriptor = _taken(lock)
    try:
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                # While it is held: who has just opened it finds it gone, and opens a new one.
                if _is(lock, descriptor):
                    lock.unlink()
            os.close(descriptor)


def _taken(lock: Path) -> int | None:
    """The open file that holds the claim; None where there are no locks."""
    if fcntl is None:
        return None
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Claimed(
                    f"another run is writing it{_holder(descriptor)}; wait for it, or choose "
                    "another name"
                ) from None
            except OSError:  # a file system without locks
                lock.unlink(missing_ok=True)
                os.close(descriptor)
                return None
            if _is(lock, descriptor):
                os.ftruncate(descriptor, 0)
                os.pwrite(
                    descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0
                )
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder has removed it between our opening and locking


def _is(lock: Path, descriptor: int) -> bool:
    """Whether the file that is open is the one of this name."""
    try:
        return os.path.samestat(lock.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    """Who says to hold it, in brackets."""
    said = os.pread(descriptor, MOST_READ, 0).decode("utf-8", "replace")
    return f" ({said})" if said and said.isprintable() else ""
