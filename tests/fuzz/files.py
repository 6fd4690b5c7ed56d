"""Files that are nearly traces: as text, and as columns."""

from __future__ import annotations

import io
import random
from contextlib import suppress

import numpy as np

from oosbench import RecordingError, Trace, TraceError
from oosbench.recordings import Recording
from oosbench.traces.events import FIELDS, OPS

_ODD = ("", "-1", "0x", "00", "1e3", "0X10", "\u0663", "9" * 20, "9" * 50, "#", "\r", "\0", "u", "MODE", "\ufeff")
_VALUES = ("0x0", "0x1", "0xff", "7", "0x67")
# What the fields of an op may well be; what is odd is put in afterwards.
_FIELDS = {
    "a": ("0x0", "0x8", "0x1000", "0x2010", "4096", "0xff8"),
    "g": ("0", "3", "15"),
    "n": _VALUES,
    "v": "000001",
    "w": "1248",
    "b": "01",
    "t": ("ram", "ro", "mmio"),
    "k": "rwx",
    "u": "us",
}


def _line(draw: random.Random) -> str:
    if draw.random() < 0.05:
        return draw.choice(("", "# a remark", "MODE 4 1 16 256", " BLOW", "BLOW ", "\t", "AUDIT\0", "FROB 1"))
    op = draw.choice(OPS)
    letters, least = FIELDS[op]
    fields = [draw.choice(_FIELDS[letter]) for letter in letters[: draw.randint(least, len(letters))]]
    if op == "CR3":
        fields[1] = draw.choice(("0x0", "0x1000", "0x2000"))
    if fields and draw.random() < 0.03:
        fields[draw.randrange(len(fields))] = draw.choice(_ODD)
    if draw.random() < 0.01:
        fields.append("8")
    return draw.choice((" ", " ", " ", " ", "  ", "\t")).join([op, *fields])


def some_text(draw: random.Random) -> bytes:
    """Return what is nearly a trace."""
    levels, vcpus, pages = (draw.choice(of) for of in ((2, 3, 4) * 6 + (5,), (2,) * 19 + (65,), (16,) * 19 + (0,)))
    lines = [f"MODE {levels} {vcpus} {pages} 256", *(_line(draw) for _ in range(draw.randint(0, 6)))]
    text = bytearray("\n".join(lines).encode() + b"\n" * draw.randint(0, 2))
    for _ in range(draw.choice((0, 0, 0, 1, 3))):
        if text:
            at = draw.randrange(len(text))
            change = draw.randrange(3)
            if change == 0:
                text[at] = draw.randrange(256)
            elif change == 1:
                del text[at : at + draw.randint(1, 8)]
            else:
                text[at:at] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 8)))
    return bytes(text)


def text(draw: random.Random) -> str:
    """Read what is nearly a trace; if it is one, it is the same in both forms."""
    data = some_text(draw)
    try:
        trace = Trace.from_bytes(data)
    except TraceError:
        return "refused"
    assert trace.to_text().encode() == data, "another text"
    _same(trace, _through_npz(trace))
    return "right"


def _through_npz(trace: Trace) -> Trace:
    file = io.BytesIO()
    np.savez(file, **trace._npz_columns())
    return Trace.from_bytes(file.getvalue())


def _same(one: Trace, other: Trace) -> None:
    assert one.mode == other.mode, "another mode"
    assert np.array_equal(one.events, other.events), "other events"
    assert one.to_text() == other.to_text(), "another text"


def npz(draw: random.Random) -> str:
    """Read columns that are nearly a trace, of a file that is nearly whole."""
    try:
        columns = Trace.from_text("\n".join(["MODE 4 2 64 0", *(_line(draw) for _ in range(8))]))._npz_columns()
    except TraceError:
        return "refused"
    for _ in range(draw.choice((0, 0, 1, 2))):
        name = draw.choice(list(columns))
        columns[name] = _spoiled(draw, columns[name])
    file = io.BytesIO()
    (np.savez if draw.random() < 0.5 else np.savez_compressed)(file, **columns)
    data = bytearray(file.getvalue())
    for _ in range(draw.choice((0, 0, 0, 1, 5))):
        data[draw.randrange(len(data))] = draw.randrange(256)
    if draw.random() < 0.1:
        del data[draw.randrange(len(data)) :]
    with suppress(RecordingError):
        Recording.from_bytes(bytes(data), "drawn.npz").trace()
    try:
        read = Trace.from_bytes(bytes(data))
    except TraceError:
        return "refused"
    _same(read, Trace.from_text(read.to_text()))
    return "right"


def _spoiled(draw: random.Random, column: np.ndarray) -> np.ndarray:
    """Return a column with something wrong: a number, mostly."""
    how = draw.randrange(8)
    if how == 0:
        return draw.choice((column[:-1], column.astype("f4"), column.reshape(1, -1), np.append(column, column)))
    column = column.copy()
    if len(column) and column.dtype.kind in "iu":
        column[draw.randrange(len(column))] = draw.choice((0, 1, 2, 4, 8, np.iinfo(column.dtype).max))
    return column
