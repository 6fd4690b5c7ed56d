"""Reading ``.npz`` files that may come from anywhere: nothing in one is executed, sizes are checked first."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from ..errors import BadInput
from ..input import foreign

ZIP = b"PK"  # what ``.npz`` files begin with
MAX_BYTES = 8 * 2**30  # of all columns together
# What the readers of archives raise: also for a password, a way of packing that is not known, an impossible place.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    OSError,
    UnicodeDecodeError,
    OverflowError,
    ValueError,
    struct.error,
)


def column_names(data: bytes) -> list[str]:
    """Return the names of the columns in an ``.npz`` file; none if it is no such thing."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except _DAMAGE:
        return []  # reading it says what is wrong


def read_columns(data: bytes, path: str, expected: Mapping[str, str], refusal: type[BadInput]) -> dict[str, np.ndarray]:
    """Read columns from an ``.npz`` file.

    Parameters
    ----------
    data : bytes
        What is in the file.
    path : str
        What messages call it.
    expected : mapping of str to str
        Name of each column, and what it must be castable to without loss (``"u4"``, say).
    refusal : type
        The exception to raise if the file is not what it should be.

    Returns
    -------
    dict of str to ndarray
        One-dimensional arrays of the expected types.

    Raises
    ------
    refusal
        If the file is damaged or cut short, a column is missing or of another kind, or it claims to hold more
        than it can.
    """
    if not data.startswith(ZIP):
        raise refusal(f"{path}: {foreign(data) or 'is damaged or cut short, or no .npz file'}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sizes = {item.filename: item.file_size for item in archive.infolist()}
            if not any(name.endswith(".npy") for name in sizes):
                raise refusal(f"{path}: is a zip archive without columns; take the file out of it first")
            for name in expected:
                if f"{name}.npy" not in sizes:
                    raise refusal(f"{path}: has no column {name!r}; it must have {', '.join(expected)}")
            if sum(sizes.values()) > MAX_BYTES:
                raise refusal(f"{path}: claims {sum(sizes.values()):,} bytes, at most {MAX_BYTES:,} are read")
            return {name: _read_column(archive, path, name, wanted, refusal) for name, wanted in expected.items()}
    except BadInput:
        raise
    except _DAMAGE as error:
        raise refusal(f"{path}: is damaged or cut short ({error})") from None


def _read_column(archive: zipfile.ZipFile, path: str, name: str, wanted: str, refusal: type[BadInput]) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        try:
            version = np.lib.format.read_magic(member)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, _, dtype = read_header(member)
        except Exception as error:  # a header is an expression, and there is much that can be wrong with one
            raise refusal(f"{path}: column {name!r} is no NumPy array ({error})") from None
        if len(shape) != 1 or dtype.hasobject or not np.can_cast(dtype, wanted, "safe"):
            raise refusal(f"{path}: column {name!r} is {dtype}{list(shape)}, must be one-dimensional {wanted}")
        claimed = shape[0] * dtype.itemsize
        held = archive.getinfo(f"{name}.npy").file_size - member.tell()
        if claimed != held:
            raise refusal(f"{path}: column {name!r} claims {claimed:,} bytes and holds {held:,}")
        return np.frombuffer(member.read(), dtype).astype(wanted)
