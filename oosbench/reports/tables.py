"""Frames as people read them: names in words, numbers with separators; as text and as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..sweeps import METRICS

#: Of each column to show: its name in the frame, what people call it, and how its numbers are written.
Columns = Sequence[tuple[str, str, str]]

HEADLINE: Columns = (
    ("trace", "trace", "{}"),
    ("preset", "preset", "{}"),
    ("resyncs", "resyncs", "{:,}"),
    ("found_nothing", "found nothing", "{:.0%}"),
    ("compared", "compared", "{:,}"),
    ("dirty", "dirty", "{:,}"),
    ("dirty_ratio", "dirty ratio", "{:.1%}"),
    ("propagated", "propagated", "{:,}"),
    ("faults", "faults", "{:,}"),
    ("emulated_writes", "emulated writes", "{:,}"),
)
WORTH: Columns = (
    ("recording", "recording", "{}"),
    ("processor", "processor", "{}"),
    ("compared", "compared", "{:,}"),
    ("dirty", "dirty", "{:,}"),
    ("snapshot_copies", "pages copied", "{:,}"),
    ("propagations_avoided", "derivations avoided", "{:,}"),
    ("net_cycles", "net cycles", "{:,.0f}"),
    ("net_cycles_low", "low", "{:,.0f}"),
    ("net_cycles_high", "high", "{:,.0f}"),
    ("net_cycles_worst", "worst", "{:,.0f}"),
    ("net_cycles_best", "best", "{:,.0f}"),
    ("net_us", "net µs", "{:,.0f}"),
    ("share", "of all", "{:.1%}"),
)
DECIDES: Columns = (
    ("about", "price", "{}"),
    ("events", "fewer with the snapshot", "{:,}"),
    ("cycles", "cycles", "{:,.4g}"),
    ("explains", "of the variance", "{:.0%}"),
    ("flips_at", "nothing saved at", "{:,.4g}"),
    ("within", "within its range", "{}"),
    ("trust", "trust", "{}"),
)
DIRTY: Columns = (
    ("trace", "trace", "{}"),
    ("cause", "cause", "{}"),
    ("passes", "passes", "{:,}"),
    ("found_nothing", "found nothing", "{:.0%}"),
    ("compared", "entries compared", "{:,}"),
    ("dirty", "entries dirty", "{:,}"),
    ("dirty_ratio", "dirty", "{:.1%}"),
    ("runs", "runs", "{:,.1f}"),
    ("run", "entries a run", "{:,.1f}"),
    ("age", "age, events", "{:,.0f}"),
    ("writes", "stores absorbed", "{:,.0f}"),
)
RIVALS: Columns = (
    ("system", "system", "{}"),
    ("vm_exits", "exits", "{:,}"),
    ("emulated", "emulated", "{:,}"),
    ("copied", "copied", "{:,}"),
    ("compared", "compared", "{:,}"),
    ("derived", "derived", "{:,}"),
    ("cycles", "cycles", "{:,.0f}"),
    ("us", "µs", "{:,.0f}"),
    ("times_least", "× ideal", "{:.2f}"),
)
PRICES: Columns = (
    ("event", "event", "{}"),
    ("category", "category", "{}"),
    ("cycles", "cycles", "{:,.4g}"),
    ("low", "low", "{:,.4g}"),
    ("high", "high", "{:,.4g}"),
    ("trust", "trust", "{}"),
    ("year", "year", "{}"),
    ("source", "source", "{}"),
)
TIMES: Columns = (
    ("piece", "piece", "{}"),
    ("ns", "ns", "{:.2f}"),
    ("low", "low", "{:.2f}"),
    ("high", "high", "{:.2f}"),
    ("c_ns", "in C, ns", "{:.2f}"),
    ("original_ns", "original C, ns", "{:.2f}"),
)
PIECES: Columns = (
    ("piece", "piece", "{}"),
    ("ns", "ns", "{:.1f}"),
    ("walks", "yardstick walks", "{:.2f}"),
    ("ratio", "× C library", "{:.2f}"),
)
SPEED: Columns = (
    ("trace", "trace", "{}"),
    ("preset", "preset", "{}"),
    ("events", "events", "{:,}"),
    ("ns_per_event", "ns an event", "{:.1f}"),
    ("events_per_s", "events/s", "{:,.0f}"),
    ("walks_per_event", "yardstick walks an event", "{:.1f}"),
    ("spread", "spread", "{:.0%}"),
    ("original_walks", "original C", "{:g}"),
)
AGAINST: Columns = (
    ("trace", "trace", "{}"),
    ("preset", "preset", "{}"),
    ("ns_there", "ns an event there", "{:.1f}"),
    ("ns_here", "here", "{:.1f}"),
    ("ratio", "here / there", "{:.3f}"),
    ("spread", "spread", "{:.0%}"),
)
DEFECTS: Columns = (
    ("defect", "defect", "{}"),
    ("wrong", "what goes wrong", "{}"),
    ("seen", "what a guest would have seen", "{}"),
    ("evidence", "evidence", "{}"),
    ("with", "with it", "{}"),
    ("without", "without", "{}"),
    ("commit", "corrected in", "{}"),
)
PASSES: Columns = (("dirty", "dirty entries", "{:,}"), ("ns", "ns a pass", "{:,.0f}"))


def columns_of(table: pd.DataFrame) -> Columns:
    """Return how a table without columns of its own is shown: names in words, numbers with separators."""
    styles = {}
    for name, column in table.items():
        if pd.api.types.is_integer_dtype(column) and name != "year":
            styles[name] = "{:,}"
        elif pd.api.types.is_float_dtype(column):
            most = column.abs().max()
            styles[name] = "{:,.0f}" if most >= 1000 else "{:.3f}" if most >= 1 else "{:.3g}"
        else:
            styles[name] = "{}"
    return [(name, str(name).replace("_", " "), style) for name, style in styles.items()]


def readable(table: pd.DataFrame, columns: Columns = HEADLINE) -> pd.DataFrame:
    """Return a table with column names and numbers as people read them; columns it does not have are left out."""

    def told(value: object, style: str) -> str:
        if pd.isna(value):
            return "–"
        return ("yes" if value else "no") if isinstance(value, bool | np.bool_) else style.format(value)

    shown = {label: [told(x, style) for x in table[name]] for name, label, style in columns if name in table}
    return pd.DataFrame(shown)


def table_text(table: pd.DataFrame, columns: Columns = HEADLINE, by: str | None = "trace") -> str:
    """Return a table as text, a blank line between rows that differ in column `by`."""
    lines = readable(table, columns).to_string(index=False).splitlines()
    out = lines[:1]
    for i, line in enumerate(lines[1:]):
        if i and by is not None and table[by].iloc[i] != table[by].iloc[i - 1]:
            out.append("")
        out.append(line)
    return "\n".join(out)


def table_html(table: pd.DataFrame, columns: Columns = HEADLINE) -> str:
    """Return a table as HTML; the panels' style sheet aligns it."""
    with pd.option_context("display.max_colwidth", None):
        return f'<div class="oos-scroll">{readable(table, columns).to_html(index=False, border=0)}</div>'


def frame_html(frame: pd.DataFrame, caption: str) -> str:
    """Return a frame as HTML, its values as they are, under a caption."""
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in frame.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in row) + "</tr>"
        for row in frame.itertuples(index=False)
    )
    return (
        f'<div class="oos-scroll"><table><caption style="text-align: left; font-weight: bold">{html.escape(caption)}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def sweep_columns(table: pd.DataFrame) -> Columns:
    """Return how the table of a sweep (`oosbench.sweeps.summary`) is shown."""
    numeric = table.select_dtypes("number").columns
    styles = {name: "{:g}" if name in numeric else "{}" for name in table}
    styles |= {name: one.style for name, one in METRICS.items()}
    return [(name, name.replace("_", " ") if name in METRICS else name, styles[name]) for name in table]
