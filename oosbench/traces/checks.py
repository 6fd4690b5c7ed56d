"""What a trace must keep to: what is possible, and what its text form can say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import TraceError
from ..x86 import PAGE_SIZE, PFEC_I, PFEC_U, PFEC_W, entry_size
from .events import ACCESS, CR3, EVENT, FIELDS, INVLPG, MEANING, NX, OPS, P2M, POKE, PSE, WP, WRITE, WRITEHL
from .text import Parsed, parse, spell

#: By op and column: whether events of this op have the column; elsewhere it is 0.
_HAS = {
    name: np.array([any(MEANING[letter][1] == name for letter in FIELDS[op][0]) for op in OPS])
    for name in ("vcpu", "width", "access", "address", "value")
}
_HAS["access"][WRITE] = True  # W always
_OPTIONAL = np.array([len(letters) - least for letters, least in FIELDS.values()])


def fields_needed(events: np.ndarray, levels: int) -> np.ndarray:
    """Return how many optional fields of each event must be written out for it to be read again as it is."""
    sized = (events.op == POKE) | (events.op == WRITE)
    by_user = (events.op == WRITE) & (events.access & PFEC_U != 0)
    return np.where(by_user, 2, sized & (events.width != entry_size(levels))).astype(EVENT["spelled"])


def numbered(events: np.ndarray) -> np.ndarray:
    """Return a copy of events as lines from 2 on, with 0 in what their ops do not have."""
    events = np.array(events, EVENT).view(np.recarray)
    events.line = np.arange(2, len(events) + 2)
    op = np.minimum(events.op, len(OPS) - 1)
    for name, has in _HAS.items():
        events[name][~has[op]] = 0
    return events


def filled_in(events: np.ndarray, levels: int) -> np.ndarray:
    """Return events with what nobody has said yet: their lines, if all are 0, and optional fields that it takes."""
    spelled = np.where(events.spelled < 0, events.spelled, np.maximum(events.spelled, fields_needed(events, levels)))
    unnumbered = len(events) > 0 and not events.line.any()
    if unnumbered or np.any(spelled != events.spelled):
        events = events.copy()
        events.spelled = spelled
        if unnumbered:
            events.line = np.arange(2, len(events) + 2)
    return events


def complaints(events: np.ndarray, mode: tuple[int, int, int, int], remarked: bool) -> Iterator[tuple[np.ndarray, str]]:
    """Yield, for each rule, which events break it (bool[n]) and what the rule is.

    Parameters
    ----------
    events : EVENT[n]
    mode : tuple of int
        Levels, vCPUs, guest pages, shadow pages.
    remarked : bool
        Whether there are lines beside those of the events.
    """
    levels, vcpus, guest_pages, _ = mode
    op, address, width, value = (events[name] for name in ("op", "address", "width", "value"))
    physical = (op == POKE) | (op == CR3)
    virtual = (op == ACCESS) | (op == WRITE) | (op == WRITEHL) | (op == INVLPG)
    sized = (op == POKE) | (op == WRITE)
    switch = (op == WP) | (op == NX) | (op == PSE)
    yield op >= len(OPS), "unknown op"
    yield (virtual | switch | (op == CR3)) & (events.vcpu >= vcpus), f"vcpu must be below {vcpus}"
    yield sized & ~np.isin(width, (1, 2, 4, 8)), "size must be 1, 2, 4 or 8"
    length = np.where(op == WRITEHL, 8, width)
    yield (sized | (op == WRITEHL)) & ((address & 4095) + length > PAGE_SIZE), "a store must not cross a page"
    shift = np.minimum(8 * width.astype(np.int64), 63)
    yield sized & (width < 8) & (value >> shift != 0), "the value is wider than its size"
    top = guest_pages * PAGE_SIZE
    align = 32 if levels == 3 else PAGE_SIZE
    bare = "a root must be aligned to {} bytes; PCID, PWT, PCD and the bit that spares the TLB are no part of it"
    yield (op == CR3) & ((address % align != 0) | (address < 0)), bare.format(align)
    yield physical & ((address < 0) | (address >= top)), f"guest memory ends at {top:#x}"
    yield (op == P2M) & ((address < 0) | (address >= guest_pages)), f"gfn must be below {guest_pages}"
    yield (op == P2M) & ((value < 0) | (value > 2)), "type of memory must be ram, ro or mmio"
    yield switch & (value != 0) & (value != 1), "must be 0 or 1"
    if levels == 4:
        yield virtual & (address != address << 16 >> 16), "the address is not canonical"
    else:
        yield virtual & ((address < 0) | (address >= 2**32)), "the address is wider than 32 bits"
    yield from _unspeakable(events, remarked)


def _unspeakable(events: np.ndarray, remarked: bool) -> Iterator[tuple[np.ndarray, str]]:
    """Yield what the text form could not say."""
    op = np.minimum(events.op, len(OPS) - 1)
    kind = events.access & ~np.uint8(PFEC_U)
    yield (op == WRITE) & (kind != PFEC_W), f"access must be {PFEC_W} (W), or {PFEC_W | PFEC_U} (W and U) of a user"
    odd = ~np.isin(kind, (0, PFEC_W, PFEC_I))
    yield (
        (op == ACCESS) & odd,
        f"access must be 0 (a read), {PFEC_W} (W) or {PFEC_I} (I), {PFEC_U} more (U) of a user",
    )
    for name, has in _HAS.items():
        yield ~has[op] & (events[name] != 0), f"{name} must be 0: this op has none"
    yield (events.spelled < 0) | (events.spelled > _OPTIONAL[op]), "spelled must be how many optional fields it has"
    if remarked:
        yield np.append(False, np.diff(events.line) <= 0)[: len(events)] | (events.line < 1), "lines must rise"
    else:
        numbers = np.arange(2, len(events) + 2)
        yield events.line != numbers, "lines must be numbered from 2 on; Trace.from_events numbers them"


def refuse_verbatim(told: Parsed, name: str) -> None:
    """Refuse lines kept from a text that do not say what the events do.

    Raises
    ------
    TraceError
        If the text form would be another trace.
    """
    try:
        again = parse(spell(told).encode(), f"{name}, its text form")
    except UnicodeEncodeError:
        raise TraceError(f"{name}: a line of verbatim is no text") from None
    if again.mode != told.mode:
        raise TraceError(f"{name}: verbatim says MODE {again.mode}, must be {told.mode}")
    same = np.array([False]) if len(again.events) != len(told.events) else again.events == told.events
    if not np.all(same):
        line = told.events.line[int(np.argmin(same))] if len(told.events) else 1
        raise TraceError(f"{name}, line {line}: verbatim says something else than the event")
