"""A guest L1 table, its snapshot and its shadow side by side: a cell for each entry, 32 in a row.

Drawn as SVG by hand, in a millisecond: it is redrawn at every step of a walk through a trace. The kinds of entry
differ in shape as well as in colour, and ink is that of the page, so light and dark themes both do.
"""

from __future__ import annotations

import html

import numpy as np
from matplotlib.colors import to_hex

from ..shadow.state import INVALID
from ..stepping import GuestL1
from ..stepping.guest_l1 import ABSENT, EMPTY, GNP, MMIO, READ_ONLY, WRITABLE, kinds
from ._style import FAINT, INK, PAGE_FAINT, PAGE_INK, PALETTE
from .images import Html

COLUMNS, SHOWN = 32, 512  # of 1024 entries, half are shown
_BLUE, _RED, _GREEN, _PURPLE, _GREY = map(to_hex, PALETTE)
#: By kind: what it is called, its colour, and its shape in a cell of 10 by 10.
KINDS = {
    WRITABLE: ("writable", _GREEN, "m1 1h8v8h-8z"),
    READ_ONLY: ("read-only", _BLUE, "m1 5h8v4h-8z"),
    ABSENT: ("not present, not empty", _PURPLE, "m1 7h8v2h-8z"),
    GNP: ("magic: guest not present", _GREY, "m3.5 3.5h3v3h-3z"),
    MMIO: ("magic: MMIO", _RED, "m5 .5l4.5 4.5l-4.5 4.5l-4.5 -4.5z"),
}
_DOT = "m5 2.4a2.6 2.6 0 1 0 .01 0z"
_LINES = "".join(f"M0 {10 * y}h320" for y in range(17)) + "".join(f"M{10 * x} 0v160" for x in range(33))
_DOTS = 'fill="#fff" stroke="#000" stroke-width="1.1"'


def _at(cells: np.ndarray, shape: str) -> str:
    """Return the path that draws a shape in each of some cells."""
    return "".join(f"M{10 * (i % COLUMNS)} {10 * (i // COLUMNS)}{shape}" for i in cells.tolist())


def _svg(box: str, body: str, style: str) -> str:
    return f'<svg viewBox="{box}" style="{style}" aria-hidden="true">{body}</svg>'


def _drawn(entries: np.ndarray, marked: np.ndarray, cell: int) -> str:
    """Return one grid."""
    kind = kinds(entries)
    body = f'<path d="{_LINES}" stroke="{PAGE_FAINT}" stroke-width=".6" fill="none"/>'
    for k, (_, colour, shape) in KINDS.items():
        cells = np.flatnonzero(kind == k)
        if len(cells):
            body += f'<path d="{_at(cells, shape)}" fill="{colour}"/>'
    if marked.any():
        body += f'<path d="{_at(np.flatnonzero(marked), _DOT)}" {_DOTS}/>'
    if cell >= 0:
        x, y = 10 * (cell % COLUMNS) - 1, 10 * (cell // COLUMNS) - 1
        body += f'<rect x="{x}" y="{y}" width="12" height="12" fill="none" stroke="{PAGE_INK}" stroke-width="2"/>'
    return body


def _sheets(l1: GuestL1 | None, cell: int) -> list[tuple[str, str]]:
    """Return the caption of each grid, and what is drawn in it."""
    first = cell // SHOWN * SHOWN if cell >= 0 else 0
    part = slice(first, first + SHOWN)
    nothing = np.zeros(first + SHOWN, bool)
    sheets = [("guest L1", None, nothing), ("snapshot", None, nothing), ("shadow L1", None, nothing)]
    if l1 is not None:
        dirty = l1.dirty
        sheets = [("guest L1", l1.guest, dirty), ("snapshot", l1.snapshot, dirty), ("shadow L1", l1.shadow, l1.stale)]
    drawn = []
    for name, entries, marked in sheets:
        there = entries is not None
        body = _drawn((entries if there else nothing)[part], (marked if there else nothing)[part], cell - first)
        drawn.append((name if there or l1 is None else f"{name}: none", body))
    return drawn


def legend() -> Html:
    """Return what shapes, colours and marks mean."""
    keys = [(name, f'<path d="M0 0{shape}" fill="{colour}"/>') for name, colour, shape in KINDS.values()]
    keys.append(("dirty, differs from the snapshot; in the shadow: stale", f'<path d="M0 0{_DOT}" {_DOTS}/>'))
    frame = f'<rect width="10" height="10" fill="none" stroke="{PAGE_FAINT}"/>'
    spelled = (
        f'<span style="white-space: nowrap">{_svg("-1 -1 12 12", frame + key, "width: 13px; vertical-align: -2px")}'
        f" {html.escape(name)}</span>"
        for name, key in keys
    )
    return Html(
        '<div style="display: flex; flex-wrap: wrap; gap: 0 14px; font-size: 12px; line-height: 1.5">'
        f"<span>32 entries a row</span>{''.join(spelled)}</div>"
    )


def grid(l1: GuestL1 | None, cell: int = -1) -> Html:
    """Draw a guest L1 table, its snapshot and its shadow side by side.

    Parameters
    ----------
    l1 : GuestL1 or None
        Of 1024 entries, the half that `cell` is in is drawn. None gives empty grids.
    cell : int
        The entry to outline; -1 for none.

    Returns
    -------
    Html
        To be shown as it is; `legend` explains it. Its accessible name is that of `grid_text`.
    """
    drawn = ""
    for caption, body in _sheets(l1, cell):
        drawn += (
            '<div style="flex: 1 1 190px; min-width: 0">'
            f'<div style="font-size: 12px; line-height: 1.6">{caption}</div>'
            f"{_svg('-2 -2 324 164', body, 'display: block; width: 100%')}</div>"
        )
    return Html(
        f'<div style="font-weight: bold; line-height: 1.6">{grid_title(l1)}</div>'
        f'<div role="img" aria-label="{html.escape(grid_text(l1, cell), quote=True)}" '
        f'style="display: flex; gap: 10px; max-width: 1150px">{drawn}</div>'
    )


def grid_svg(l1: GuestL1 | None, cell: int = -1) -> str:
    """Return what `grid` shows as an SVG file, in the colours of a light page."""
    text = f'font-family="sans-serif" fill="{INK}"'
    drawn = f'<text x="4" y="16" font-size="13" font-weight="bold" {text}>{html.escape(grid_title(l1))}</text>'
    for i, (caption, body) in enumerate(_sheets(l1, cell)):
        drawn += (
            f'<g transform="translate({6 + 335 * i} 44)"><text y="-6" font-size="12" {text}>{caption}</text>{body}</g>'
        )
    for themed, plain in ((PAGE_FAINT, FAINT), (PAGE_INK, INK)):
        drawn = drawn.replace(themed, plain)
    told = f"<title>{html.escape(grid_text(l1, cell))}</title>"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="1004" height="210" viewBox="0 0 1004 210">'
        f'{told}<rect width="1004" height="210" fill="#fff"/>{drawn}</svg>'
    )


def grid_title(l1: GuestL1 | None) -> str:
    """Say which table it is, and in what state."""
    if l1 is None:
        return "No L1 table yet"
    if l1.splintered:
        return f"Superpage from frame {l1.gmfn:#x}: a shadow L1 without a guest L1"
    state = "out of sync" if l1.out_of_sync else "in sync" if l1.shadow is not None else "not shadowed"
    held = f", in slot {l1.slot} of vCPU {l1.vcpu}" if l1.slot != INVALID else ""
    title = f"L1 table {l1.gmfn:#x}: {state}{held}"
    if l1.snapshot is None:
        return title
    return f"{title}; {np.count_nonzero(l1.dirty)} dirty, {np.count_nonzero(l1.stale)} stale"


def grid_text(l1: GuestL1 | None, cell: int = -1) -> str:
    """Say what `grid` shows."""
    if l1 is None:
        return "Three empty grids."
    text = f"{grid_title(l1)}. Guest: {_counted(l1.guest)}. Shadow: {_counted(l1.shadow)}."
    differ = np.flatnonzero(l1.dirty).tolist()
    if differ:
        text += f" Dirty: {', '.join(map(str, differ[:8]))}{', …' if len(differ) > 8 else ''}."
    if l1.entries > SHOWN:
        first = cell // SHOWN * SHOWN if cell >= 0 else 0
        text += f" Entries {first} to {first + SHOWN - 1} of {l1.entries} are drawn."
    return text + (f" Entry {cell} is outlined." if cell >= 0 else "")


def _counted(entries: np.ndarray | None) -> str:
    """Say how many entries there are of each kind."""
    if entries is None:
        return "none"
    kind = kinds(entries)
    counts = [(int(np.count_nonzero(kind == k)), name) for k, (name, *_) in KINDS.items()]
    told = [f"{n} {name}" for n, name in counts if n]
    return ", ".join([*told, f"{int(np.count_nonzero(kind == EMPTY))} empty"])
