"""What the main job leaves: a table to read, and files to go on with."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from . import charts
from .output import whole_file
from .shadow import counters as ctr

# Column of the headline table, what it is called, and how its numbers are written.
_COLUMNS = (
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


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the headline table with column names and numbers as people read them."""
    shown = {
        label: [style.format(value) if pd.notna(value) else "–" for value in table[name]]
        for name, label, style in _COLUMNS
        if name in table
    }
    return pd.DataFrame(shown)


def table_text(table: pd.DataFrame) -> str:
    """Return the headline table as text, a blank line between traces."""
    lines = readable(table).to_string(index=False).splitlines()
    out = lines[:1]
    for i, line in enumerate(lines[1:]):
        if i and table.trace.iloc[i] != table.trace.iloc[i - 1]:
            out.append("")
        out.append(line)
    return "\n".join(out)


def table_html(table: pd.DataFrame) -> str:
    """Return the headline table as HTML; the panels' style sheet aligns it."""
    return f'<div class="oos-scroll">{readable(table).to_html(index=False, border=0)}</div>'


def write_comparison(folder: Path, table: pd.DataFrame, counters: pd.DataFrame, resyncs: pd.DataFrame) -> list[Path]:
    """Write tables and charts into a folder; return the files.

    ``summary.csv`` is the table, ``counters.csv`` every counter (long form: trace, preset, group, counter,
    value), ``resyncs.csv`` every content pass. The charts come as SVG and PNG.
    """
    group = {name: kind for kind in ("perfc", "oracle", "model") for name in getattr(ctr, kind.upper())}
    long = counters.melt(["trace", "preset"], var_name="counter", value_name="value")
    long.insert(2, "group", long.counter.map(group))
    contents = {
        "summary.csv": table.to_csv(index=False).encode(),
        "counters.csv": long.to_csv(index=False).encode(),
        "resyncs.csv": resyncs.to_csv(index=False).encode(),
    }
    for name, draw in (("dirty_ratio", charts.dirty_ratio), ("resync_work", charts.resync_work)):
        contents[f"{name}.svg"] = charts.as_svg(draw(table))
        contents[f"{name}.png"] = charts.as_png(draw(table))
    for name, data in contents.items():
        with whole_file(folder / name) as file:
            file.write(data)
    return [folder / name for name in contents]
