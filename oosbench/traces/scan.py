"""Reading lines of a trace in the usual spelling, compiled.

One blank between fields, addresses and values in lower-case hexadecimal, the rest decimal. Whatever is spelled
otherwise is left to `oosbench.traces.text`.
"""

from __future__ import annotations

import numpy as np

from ..compiled import entry, jit
from ..x86 import PFEC_I, PFEC_U, PFEC_W
from .events import FIELDS, OPS, POKE, WRITE

_BLANK, _NEWLINE, _ZERO, _NINE, _A, _F, _X = b" \n09afx"
_LETTER_V, _LETTER_A, _LETTER_N, _LETTER_W, _LETTER_B, _LETTER_K, _LETTER_U = b"vanwbku"
_READ, _STORE, _FETCH, _USER, _SUPERVISOR = b"rwxus"


def _padded(words: list[str]) -> np.ndarray:
    """Return words as rows of eight bytes."""
    return np.array([list(word.encode().ljust(8, b"\0")) for word in words], np.uint8)


_OP_NAMES = _padded(list(OPS))
_OP_FIELDS = _padded([FIELDS[op][0] if op != "P2M" else "" for op in OPS])
_OP_LENGTHS = np.array([len(op) for op in OPS])
_OP_LEAST = np.array([FIELDS[op][1] for op in OPS])


@jit
def _field_end(text, at):
    while at < len(text) and text[at] != _BLANK and text[at] != _NEWLINE:
        at += 1
    return at


@jit
def _find_op(text, begin, end):
    """Return the number of the op spelled between two places, -1 if there is none."""
    for op in range(len(_OP_NAMES)):
        same = end - begin == _OP_LENGTHS[op]
        for i in range(_OP_LENGTHS[op] if same else 0):
            same = same and text[begin + i] == _OP_NAMES[op, i]
        if same:
            return op
    return -1


@jit
def _read_number(text, begin, end, hexadecimal):
    """Return (spelled as usual, number)."""
    value = np.int64(0)
    if hexadecimal:
        if end - begin > 18 or text[begin] != _ZERO or text[begin + 1] != _X:
            return False, value
        begin += 2
    elif end - begin > 3:
        return False, value
    if end - begin < 1 or (text[begin] == _ZERO and end - begin > 1):
        return False, value
    for i in range(begin, end):
        digit = np.int64(text[i])
        if _ZERO <= digit <= _NINE:
            digit -= _ZERO
        elif hexadecimal and _A <= digit <= _F:
            digit -= _A - 10
        else:
            return False, value
        value = value << 4 | digit if hexadecimal else value * 10 + digit
    return True, value


@jit
def _read_field(text, begin, end, letter, event):
    """Read a field into `event`; say whether it is spelled as usual."""
    if begin == end:
        return False
    if letter == _LETTER_K or letter == _LETTER_U:
        word = text[begin] if end - begin == 1 else _BLANK
        if letter == _LETTER_K:
            event.access = PFEC_W if word == _STORE else PFEC_I if word == _FETCH else 0
            return word == _READ or word == _STORE or word == _FETCH
        event.access |= PFEC_U if word == _USER else 0
        return word == _USER or word == _SUPERVISOR
    understood, value = _read_number(text, begin, end, letter == _LETTER_A or letter == _LETTER_N)
    if letter == _LETTER_A:
        event.address = value
    elif letter == _LETTER_N or letter == _LETTER_B:
        event.value = value
    elif value > 255:
        return False
    elif letter == _LETTER_V:
        event.vcpu = value
    elif letter == _LETTER_W:
        event.width = value
    else:
        return False
    return understood


@entry
def scan(text, at, line, events, row, default_width):
    """Read lines in the usual spelling.

    Parameters
    ----------
    text : uint8[n]
    at, line : int
        Where to begin: the place in the text, and the number of the line that begins there.
    events : EVENT[m]
        Filled from `row` on.
    default_width : int
        Bytes of a store that does not say.

    Returns
    -------
    at, line, row : int
        The same for the first line that is spelled otherwise, or for the end.
    """
    while at < len(text):
        begin = at
        at = _field_end(text, at)
        op = _find_op(text, begin, at)
        if op < 0 or (_OP_LEAST[op] > 0 and _OP_FIELDS[op, 0] == 0):
            return begin, line, row
        event = events[row]
        event.op = op
        event.line = line
        event.vcpu = 0
        event.address = event.value = 0
        event.width = default_width if op == POKE or op == WRITE else 0
        event.access = PFEC_W if op == WRITE else 0
        fields = 0
        understood = True
        while understood and at < len(text) and text[at] == _BLANK:
            first = at + 1
            at = _field_end(text, first)
            understood = _read_field(text, first, at, _OP_FIELDS[op, fields], event)
            fields += 1
        if not understood or fields < _OP_LEAST[op]:
            return begin, line, row
        event.spelled = fields - _OP_LEAST[op]
        at += 1
        line += 1
        row += 1
    return at, line, row
