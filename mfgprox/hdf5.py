"""HDF5 files as bytes out, and suspicious bytes in.

Writing happens in memory: the image of a file is complete before a byte of it reaches the disk, and
the same content gives the same bytes. Reading trusts nothing: no links that lead elsewhere, no
virtual or external data, no array that is larger than its stored bytes can hold. HDF5 keeps text
of any length in heaps without checksums, in which one flipped byte can send the library into an
endless loop. So attributes for people and their tools are such text, and what this package reads
back is a copy of fixed length in the group TEXT.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

DEFLATE_RATIO = 1100
"""No deflated stream expands more than about 1032 times."""
TEXT = "text"
"""The group whose attributes repeat the root's text at a fixed length."""
COMPRESSION: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class HDF5Error(ValueError):
    """A file that is not what it should be: one sentence that names the file and what is wrong."""


def image(fill: Callable[[h5py.File], None]) -> bytes:
    """The bytes of the HDF5 file that `fill` writes into.

    Raises OSError where the HDF5 library cannot open again what it has made.
    """
    with h5py.File(
        "image", "w", driver="core", backing_store=False, libver=("v110", "v110")
    ) as file:
        fill(file)
        file.flush()
        data: bytes = file.id.get_file_image()
    try:
        with h5py.File(io.BytesIO(data), "r") as back:
            list(back)
    except OSError as error:
        raise OSError(
            f"h5py {h5py.__version__} with HDF5 {h5py.version.hdf5_version} made a file that it "
            f"cannot open again ({' '.join(str(error).split())[:100]}); h5py 3.16 and later can"
        ) from error
    return data


def write_array(
    group: h5py.Group, name: str, data: np.ndarray, chunks: tuple[int, ...] | None, **filters: Any
) -> h5py.Dataset:
    """A checksummed dataset in chunks of that shape; contiguous where there is nothing to chunk."""
    if chunks is None or data.size == 0:
        written = group.create_dataset(name, data=data, track_times=False)
    else:
        written = group.create_dataset(
            name, data=data, chunks=chunks, fletcher32=True, track_times=False, **filters
        )
    # Its place in the file is taken now, not when the last reference to it goes, which a debugger
    # or a profiler that looks at this thread may delay.
    written.flush()
    return written


@contextlib.contextmanager
def reading(path: str | Path, error: type[HDF5Error]) -> Iterator[h5py.File]:
    """The file opened for reading; whatever goes wrong inside the block becomes `error`."""
    path = Path(path)
    try:
        if not path.exists():
            raise error(f"{path}: there is no such file")
        if not path.is_file():
            raise error(f"{path}: is a directory, not a file")
        if path.suffix == ".toml":
            raise error(f"{path}: a case, not a result; solve it first: mfgprox run {path}")
        if not h5py.is_hdf5(path):
            raise error(f"{path}: not an HDF5 file, or cut off at its beginning")
        with _opened(path) as file:
            yield file
    except HDF5Error as problem:
        text = str(problem)
        raise error(text if text.startswith(str(path)) else f"{path}: {text}") from problem
    except MemoryError as problem:
        raise error(f"{path}: there is not enough memory to read it") from problem
    except PermissionError as problem:
        raise error(f"{path}: cannot be read: {os.strerror(errno.EACCES)}") from problem
    except Exception as problem:
        reason = " ".join(str(problem).split())[:200] or type(problem).__name__
        if "truncated file" in reason:
            reason = "it is cut off"
        elif "filter returned failure" in reason:
            reason = "its data do not fit their checksum"
        raise error(f"{path}: damaged or not readable ({reason})") from problem


def _opened(path: Path) -> h5py.File:
    """Without a lock; as another reader in this process (xarray, say) has it open, if one does."""
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as problem:
        if "locking flag" not in str(problem):
            raise
        return h5py.File(path, "r")


def write_text(target: h5py.HLObject, name: str, text: str) -> None:
    """A text attribute of fixed length; NUL and halves of surrogate pairs are replaced."""
    content = plain(text).encode()
    target.attrs.create(name, content, dtype=h5py.string_dtype("utf-8", max(len(content), 1)))


def write_string(target: h5py.HLObject, name: str, text: str) -> None:
    """A text attribute of any length, which other tools show as a string."""
    target.attrs.create(name, plain(text), dtype=h5py.string_dtype())


def plain(text: str) -> str:
    """Text as HDF5 can hold it."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def attribute(target: h5py.HLObject, name: str, kind: type) -> Any:
    """An attribute as str, float or int. Raises HDF5Error where it is missing or another kind."""
    if kind is str and isinstance(target, h5py.File) and TEXT in target:
        target = _text_group(target)
    value = attribute_value(target, name)
    if kind is str:
        if not isinstance(value, bytes):
            raise HDF5Error(f"the attribute {name!r} is not text of a fixed length")
        return value.decode()
    if not isinstance(value, np.number) or np.iscomplexobj(value):
        raise HDF5Error(f"the attribute {name!r} is not a number")
    if kind is int and not isinstance(value, np.integer):
        raise HDF5Error(f"the attribute {name!r} is not a whole number")
    return kind(value)


def _text_group(file: h5py.File) -> h5py.Group:
    group = file[TEXT] if isinstance(file.get(TEXT, getlink=True), h5py.HardLink) else None
    if not isinstance(group, h5py.Group):
        raise HDF5Error(f"{TEXT!r} is not a group of this file")
    return group


def attribute_value(target: h5py.HLObject, name: str) -> Any:
    """An attribute of numbers or text of fixed length. Raises HDF5Error for any other."""
    if name not in target.attrs:
        raise HDF5Error(f"the attribute {name!r} is missing")
    kind = target.attrs.get_id(name).get_type()
    text = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
    if not text and not isinstance(kind, h5py.h5t.TypeIntegerID | h5py.h5t.TypeFloatID):
        raise HDF5Error(f"the attribute {name!r} is neither a number nor text of a fixed length")
    return target.attrs[name]


def format_of(file: h5py.File) -> str:
    """What the file says it is; empty where it says nothing of the kind."""
    try:
        return attribute(file, "format", str)
    except HDF5Error:
        return ""


def dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """A dataset whose data lie in this very file. Raises HDF5Error otherwise."""
    link = group.get(name, getlink=True)
    if link is None:
        raise HDF5Error(f"the dataset {name!r} is missing")
    if not isinstance(link, h5py.HardLink):
        raise HDF5Error(f"{name!r} is a link that leads elsewhere")
    found = group[name]
    if not isinstance(found, h5py.Dataset):
        raise HDF5Error(f"{name!r} is not a dataset")
    if found.is_virtual or found.external:
        raise HDF5Error(f"the data of {name!r} lie elsewhere")
    return found


def read_array(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: str | np.dtype = "float64"
) -> np.ndarray:
    """A dataset of exactly this shape and type. Raises HDF5Error otherwise."""
    found = dataset(group, name)
    if found.shape != tuple(shape) or found.dtype != np.dtype(dtype):
        raise HDF5Error(
            f"{name!r} is {found.dtype} of shape {found.shape}, where {np.dtype(dtype)} of shape "
            f"{tuple(shape)} is expected"
        )
    _require_stored(found, name)
    return found[()]


def _require_stored(found: h5py.Dataset, name: str) -> None:
    """Refuse an array that promises more than its bytes hold, before memory is given to it."""
    require_chunks(found)
    stored = found.id.get_storage_size()
    if found.nbytes > stored * (DEFLATE_RATIO if found.chunks else 1):
        raise HDF5Error(f"the data of {name!r} are incomplete")
    if found.chunks:
        expected = np.prod([-(-n // c) for n, c in zip(found.shape, found.chunks, strict=True)])
        if found.id.get_num_chunks() != expected:
            raise HDF5Error(f"the data of {name!r} are incomplete")


def require_chunks(found: h5py.Dataset) -> None:
    """Refuse chunks far larger than the array: to read a number is to unpack its whole chunk."""
    if found.chunks and math.prod(found.chunks) > max(2 * found.size, 2**20):
        raise HDF5Error(f"the chunks {found.chunks} are larger than the array {found.shape}")
