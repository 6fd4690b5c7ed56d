"""The text form of a trace: one event a line.

Lines in the usual spelling (one blank between fields, addresses and values in lower-case hexadecimal, the rest
decimal) are read by compiled code. Any other line, a comment or an empty one among them, is read by itself
and kept as it is, so that writing a trace gives the bytes that were read.
"""

from __future__ import annotations

import re
from itertools import count, repeat
from typing import NamedTuple

import numpy as np

from ..errors import TraceError
from ..x86 import PFEC_I, PFEC_U, PFEC_W, entry_size, signed
from .events import EVENT, FIELDS, MEANING, OPS, P2M_TYPES, POKE, WRITE
from .scan import scan

_KINDS = {"r": 0, "w": PFEC_W, "x": PFEC_I}
_MODE = "levels vcpus guest_pages shadow_pages"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,19}|0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,15})")


_REMARKS = re.compile(rb"(?:(?:#[^\n\r]*)?\n)*")


class Parsed(NamedTuple):
    """A text trace, taken apart.

    Attributes
    ----------
    mode : tuple of int
        Levels, vCPUs, pages of guest memory, pages of shadow memory.
    events : EVENT[n]
    verbatim : dict of int to str
        Lines by number (from 1) that are not spelled as usual. Line 0 stands for a missing last line end.
    """

    mode: tuple[int, int, int, int]
    events: np.ndarray
    verbatim: dict[int, str]


def usage(op: str) -> str:
    """Return what a line with this op looks like."""
    if op == "MODE":
        return f"MODE {_MODE}"
    letters, least = FIELDS[op]
    names = [MEANING[letter][0] for letter in letters]
    return " ".join([op, *names[:least], *(f"[{name}" for name in names[least:])]) + "]" * (len(names) - least)


# --- reading -----------------------------------------------------------------------------------------------------


def _number(field: str, what: str, where: str) -> int:
    if not _NUMBER.fullmatch(field) or int(field, 0) >= 2**64:
        raise TraceError(
            f"{where}: {what} is {field[:40]!r}, must be a number of at most 64 bits, "
            "decimal or 0x.., without sign or leading zeros"
        )
    return int(field, 0)


def _word(field: str, words: tuple[str, ...], what: str, where: str) -> int:
    if field not in words:
        raise TraceError(f"{where}: {field[:40]!r} stands where {what} must")
    return words.index(field)


def _read_mode(fields: list[str], where: str) -> tuple[int, int, int, int]:
    names = _MODE.split()
    if len(fields) != 5:
        raise TraceError(f"{where}: MODE has {len(fields) - 1} fields, must be: {usage('MODE')}")
    levels, vcpus, guest, shadow = (_number(f, name, where) for f, name in zip(fields[1:], names, strict=True))
    return levels, vcpus, guest, shadow


def _read_event(fields: list[str], line: int, default_width: int, where: str) -> tuple[int, ...]:
    """Return the `EVENT` of a line, however it is spelled."""
    op = fields[0]
    if op not in FIELDS:
        raise TraceError(f"{where}: unknown op {op[:20]!r}; there are MODE, {', '.join(OPS)}")
    letters, least = FIELDS[op]
    if not least <= len(fields) - 1 <= len(letters):
        raise TraceError(f"{where}: {op} has {len(fields) - 1} fields, must be: {usage(op)}")
    event = dict.fromkeys(EVENT.names, 0)
    event |= {"op": OPS.index(op), "line": line, "spelled": len(fields) - 1 - least}
    if event["op"] in (POKE, WRITE):
        event["width"] = default_width
    if event["op"] == WRITE:
        event["access"] = PFEC_W
    for letter, field in zip(letters, fields[1:], strict=False):
        what, column = MEANING[letter]
        if letter == "k":
            event["access"] = list(_KINDS.values())[_word(field, tuple(_KINDS), what, where)]
        elif letter == "u":
            event["access"] |= PFEC_U * (_word(field, ("u", "s"), what, where) == 0)
        elif letter == "t":
            event["value"] = _word(field, P2M_TYPES, what, where)
        else:
            event[column] = signed(_number(field, what, where))
            if letter in "vw" and not 0 <= event[column] <= 255:
                raise TraceError(f"{where}: {what} is {field}, which is out of range")
    return tuple(event[name] for name in EVENT.names)


def parse(text: bytes, name: str) -> Parsed:
    """Take a text trace apart.

    Parameters
    ----------
    text : bytes
    name : str
        What to call it in messages.

    Raises
    ------
    TraceError
        If a line is malformed. Whether what it says is possible, `Trace.validate` knows.
    """
    data = np.frombuffer(text, np.uint8)
    events = np.zeros(text.count(b"\n") + 1, EVENT).view(np.recarray)
    verbatim: dict[int, str] = {}
    mode: tuple[int, int, int, int] | None = None
    at, line, row = 0, 1, 0
    while True:
        if mode is not None:
            at, line, row = scan(data, at, line, events, row, entry_size(mode[0]))
        if at >= len(text):
            break
        end = text.find(b"\n", at)
        end = end if end >= 0 else len(text)
        where = f"{name}, line {line}"
        try:
            spelled = text[at:end].decode()
        except UnicodeDecodeError:
            raise TraceError(f"{where}: is no text (UTF-8)") from None
        if spelled.endswith("\r") and mode is None:  # not one line alone
            raise TraceError(f"{where}: ends in CR LF, as lines do on Windows; must end in LF alone")
        fields = re.split("[ \t]+", spelled.strip(" \t"))
        if "#" in spelled and not fields[0].startswith("#"):
            raise TraceError(f"{where}: a remark (#) must have a line of its own")
        if fields[0] == "MODE":
            if mode is not None:
                raise TraceError(f"{where}: a second MODE; there is one, before everything else")
            mode = _read_mode(fields, where)
        elif fields[0] and not fields[0].startswith("#"):
            if mode is None:
                raise TraceError(f"{where}: {fields[0][:20]!r} before MODE; a trace begins with: {usage('MODE')}")
            events[row] = _read_event(fields, line, entry_size(mode[0]), where)
            row += 1
        if not (line == 1 and mode is not None and spelled == mode_line(mode)):
            verbatim[line] = spelled
        at, line = _remarks(text, end + 1, line + 1, verbatim)
    if mode is None:
        raise TraceError(f"{name}: holds no event; a trace begins with: {usage('MODE')}")
    if not text.endswith(b"\n"):
        verbatim[0] = ""
    return Parsed(mode, events[:row].copy(), verbatim)


def _remarks(text: bytes, at: int, line: int, verbatim: dict[int, str]) -> tuple[int, int]:
    """Keep the empty lines and remarks that begin at a place; return where they end, as place and number of a line.

    They stand together, often enough by the million, so they are not looked at one by one.
    """
    told = _REMARKS.match(text, at)
    kept = told[0].split(b"\n")[:-1]
    try:
        verbatim.update(zip(count(line), map(bytes.decode, kept)))
    except UnicodeDecodeError:
        return at, line  # the line is found, and refused, when it is read by itself
    return told.end(), line + len(kept)


# --- writing -----------------------------------------------------------------------------------------------------


def mode_line(mode: tuple[int, int, int, int]) -> str:
    """Return the first line of a text trace: levels, vCPUs, pages of guest and shadow memory."""
    return " ".join(["MODE", *map(str, mode)])


def _hex(column: np.ndarray) -> list[str]:
    return list(map(hex, column.astype(np.int64).view(np.uint64).tolist()))


_SPELL = {
    "v": lambda part: list(map(str, part.vcpu.tolist())),
    "a": lambda part: _hex(part.address),
    "g": lambda part: list(map(str, part.address.tolist())),
    "n": lambda part: _hex(part.value),
    "w": lambda part: list(map(str, part.width.tolist())),
    "b": lambda part: list(map(str, part.value.tolist())),
    "t": lambda part: [P2M_TYPES[value] for value in part.value.tolist()],
    "k": lambda part: ["w" if access & PFEC_W else "x" if access & PFEC_I else "r" for access in part.access.tolist()],
    "u": lambda part: ["u" if access & PFEC_U else "s" for access in part.access.tolist()],
}


def spell_events(events: np.ndarray) -> dict[int, str]:
    """Return events (EVENT[n]) in the usual spelling, by the number of their line."""
    lines: dict[int, str] = {}
    for op, spelled in set(zip(events.op.tolist(), events.spelled.tolist(), strict=True)):
        part = events[(events.op == op) & (events.spelled == spelled)]
        letters, least = FIELDS[OPS[op]]
        columns = [_SPELL[letter](part) for letter in letters[: least + spelled]]
        words = zip(repeat(OPS[op], len(part)), *columns, strict=True)
        lines.update(zip(part.line.tolist(), map(" ".join, words), strict=True))
    return lines


def spell(parsed: Parsed) -> str:
    """Return the text that a trace was read from, or, if it never was text, the usual spelling."""
    lines = {1: mode_line(parsed.mode)} | spell_events(parsed.events) | parsed.verbatim
    end = "" if lines.pop(0, None) is not None else "\n"
    return "\n".join(lines[i] for i in sorted(lines)) + end
