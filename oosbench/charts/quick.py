"""`break_even` and `tornado` while prices are being changed: the same charts, in a few milliseconds instead of 200.

Drawn as SVG by hand, as `grid` is, in the ink of the page. What is saved is drawn by `worth`, whose words these are.
"""

from __future__ import annotations

import html

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator

from ._style import PAGE_FAINT, PAGE_INK, PALETTE
from ._style import WIDTH as INCHES
from .images import Html
from .worth import (
    BREAK_EVEN,
    COMPARED,
    DIRTY,
    ENDS,
    GUESTS,
    TORNADO,
    break_even_text,
    decisive,
    form,
    net_label,
    out_of_sight,
    placed,
    source,
    tornado_text,
)

WIDTH = round(96 * INCHES)  # as wide as a figure
_LOW, _HIGH = map(to_hex, PALETTE[:2])
_STAR = "m0-7l1.7 4.8 5 .1-4 3.1 1.4 4.9-4.1-2.9-4.1 2.9 1.4-4.9-4-3.1 5-.1z"
#: How a bar looks for each end of a price's range: full, or an outline.
_BARS = (f'fill="{_LOW}" stroke="{_LOW}"', f'fill="{_HIGH}" fill-opacity=".15" stroke="{_HIGH}" stroke-width="2"')


def _text(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
    return words and f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{html.escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, more: str = f'stroke="{PAGE_FAINT}"') -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {more}/>'


def _points(x: np.ndarray, y: np.ndarray) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _picture(height: float, title: tuple[str, str], body: str, text: str) -> Html:
    """Return a picture with its title and subtitle, and what it says for those who cannot see it."""
    heading = _text(0, 16, title[0], more='font-size="16" font-weight="bold"') + _text(0, 37, title[1])
    return Html(
        f'<div role="img" aria-label="{html.escape(text, quote=True)}" style="margin: 8px 0 0">'
        f'<svg viewBox="0 0 {WIDTH} {height}" fill="{PAGE_INK}" font-size="12.5" style="display: block; width: 100%; '
        f'font-family: var(--jp-ui-font-family, sans-serif)" aria-hidden="true">{heading}{body}</svg></div>'
    )


def quick_break_even(curves: pd.DataFrame, guests: pd.DataFrame) -> Html:
    """Draw at which share of dirty entries a snapshot stops paying.

    Parameters
    ----------
    curves : DataFrame
        From `oosbench.costs.breakeven.curves`, of one processor.
    guests : DataFrame
        From `oosbench.costs.worth`.

    Returns
    -------
    Html
        To be shown as it is. Its accessible name is that of `break_even_text`.
    """
    left, right, top, bottom = 58, WIDTH - 24, 52, 380
    (first, last), (least, most) = COMPARED.limits, DIRTY.limits

    def across(compared: np.ndarray | float) -> np.ndarray | float:
        return left + (right - left) * np.log2(np.asarray(compared) / first) / np.log2(last / first)

    def up(ratio: np.ndarray | float) -> np.ndarray | float:
        near = np.clip(ratio, least - 10, most + 10)  # far out of sight is far enough
        return bottom - (bottom - top) * (near - least) / (most - least)

    body = ""
    for tick in COMPARED.ticks:
        body += _line(across(tick), top, across(tick), bottom) + _text(across(tick), bottom + 17, f"{tick:,}", "middle")
    for tick in DIRTY.ticks:
        ink = {} if tick else {"more": f'stroke="{PAGE_INK}"'}
        body += _line(left, up(tick), right, up(tick), **ink)
        body += _text(left - 7, up(tick) + 4, f"{100 * tick:.0f} %", "end")
    x = across(curves.compared.to_numpy())
    low, curve, high = (up(curves[column].to_numpy()) for column in ("low", "dirty_ratio", "high"))
    band = f"{_points(x, low)} {_points(x[::-1], high[::-1])}"
    # A picture in the picture cuts off what goes beyond it.
    body += (
        f'<svg x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" '
        f'viewBox="{left} {top} {right - left} {bottom - top}">'
        f'<polygon points="{band}" fill="{_LOW}" fill-opacity=".17"/>'
        f'<polyline points="{_points(x, curve)}" fill="none" stroke="{_LOW}" stroke-width="2.5"/></svg>'
    )
    body += _text((left + right) / 2, top + 50, out_of_sight(curves), "middle")
    for row in placed(guests).itertuples():
        at, high = across(row.compared), up(row.dirty_ratio)
        body += f'<path d="M{at:.1f} {high:.1f}{_STAR}"/>' + _text(at + 11, high + 4, row.recording)
    body += _text((left + right) / 2, bottom + 40, COMPARED.label, "middle")
    middle = (top + bottom) / 2
    body += _text(13, middle, DIRTY.label, "middle", f'transform="rotate(-90 13 {middle})"')
    key = bottom + 66
    body += _line(left, key - 4, left + 26, key - 4, f'stroke="{_LOW}" stroke-width="2.5"')
    body += _text(left + 34, key, form(curves.processor.iloc[0]))
    body += f'<path d="M{left + 330} {key - 4}{_STAR}"/>' + _text(left + 344, key, GUESTS)
    return _picture(key + 8, BREAK_EVEN, body, break_even_text(curves, guests=guests))


def quick_tornado(table: pd.DataFrame) -> Html:
    """Draw how far each price alone moves the answer.

    Parameters
    ----------
    table : DataFrame
        From `oosbench.costs.sensitivity`.

    Returns
    -------
    Html
        To be shown as it is. Its accessible name is that of `tornado_text`.
    """
    shown, base = decisive(table), float(table.attrs["net_cycles"])
    left, right, top, row = 262, WIDTH - 24, 52, 36
    bottom = top + row * max(len(shown), 2)
    ends = [0.0, base, *shown.low, *shown.high]
    ticks = MaxNLocator(6, steps=(1, 2, 5, 10)).tick_values(min(ends), max(ends))
    least, most = ticks[0], ticks[-1]

    def across(cycles: float) -> float:
        return left + (right - left) * (cycles - least) / (most - least)

    body = ""
    for tick in ticks:
        body += _line(across(tick), top, across(tick), bottom)
        body += _text(across(tick), bottom + 17, f"{tick / 1e6:g} M".replace("-", "\N{MINUS SIGN}"), "middle")
    for i, price in enumerate(shown.itertuples()):
        middle = top + row * (i + 0.5)
        body += _text(left - 12, middle - 3, price.about, "end")
        body += _text(left - 12, middle + 12, f"({source(price.trust)})", "end", 'font-size="11.5"')
        for end, look in zip((price.low, price.high), _BARS, strict=True):
            x1, x2 = sorted((across(base), across(end)))
            body += f'<rect x="{x1:.1f}" y="{middle - 10:.1f}" width="{x2 - x1:.1f}" height="20" {look}/>'
    if not len(shown):
        body += _text((left + right) / 2, (top + bottom) / 2, "no price has a range", "middle")
    body += _line(across(0), top, across(0), bottom, f'stroke="{PAGE_INK}" stroke-dasharray="2 3"')
    body += _line(across(base), top, across(base), bottom, f'stroke="{PAGE_INK}"')
    body += _text((left + right) / 2, bottom + 40, net_label(table), "middle")
    key = bottom + 66
    for x, words, look in zip((left, left + 190), ENDS, _BARS, strict=True):
        body += f'<rect x="{x}" y="{key - 10}" width="24" height="11" {look}/>' + _text(x + 33, key, words)
    return _picture(key + 8, TORNADO, body, tornado_text(table))
