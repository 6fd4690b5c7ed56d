"""What the main job leaves: a table to read, and files to go on with."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from . import charts
from .metrics import METRICS, surface, varied
from .output import whole_file
from .shadow import counters as ctr

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
    ("net_us", "net µs", "{:,.0f}"),
    ("share", "of all", "{:.1%}"),
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
    ("original_walks", "original C", "{:g}"),
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
    shown = {
        label: [style.format(value) if pd.notna(value) else "–" for value in table[name]]
        for name, label, style in columns
        if name in table
    }
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
    return _write(folder, contents)


def sweep_columns(table: pd.DataFrame) -> Columns:
    """Return how the table of a sweep (`oosbench.metrics.summary`) is shown."""
    numeric = table.select_dtypes("number").columns
    styles = {name: "{:g}" if name in numeric else "{}" for name in table}
    styles |= {name: one.style for name, one in METRICS.items()}
    return [(name, name.replace("_", " ") if name in METRICS else name, styles[name]) for name in table]


def sweep_chart(frame: pd.DataFrame, name: str, along: Sequence[str]) -> tuple[Figure, str]:
    """Return the chart of a metric along one axis or over two, and what it says.

    Parameters
    ----------
    frame : DataFrame
        From `oosbench.sweep`.
    name : str
        Of `oosbench.metrics.METRICS`.
    along : sequence of str
        One axis, or two.

    Raises
    ------
    DesignError
        If there is no such metric, or no such axis.
    """
    drawn = surface(frame, name, along)
    told = (*along, METRICS[name].about, METRICS[name].style)
    if len(along) == 2:
        return charts.heatmap(drawn, *told), charts.heatmap_text(drawn, *told)
    return charts.lines(drawn, *told), charts.lines_text(drawn, *told)


def write_sweep(folder: Path, frame: pd.DataFrame, table: pd.DataFrame) -> list[Path]:
    """Write the tables of a sweep, and a chart of every metric, into a folder; return the files.

    ``points.csv`` has every axis and counter, ``summary.csv`` what varies and every metric. The charts are drawn along
    the first axis that varies, or over the first two.
    """
    contents = {"points.csv": frame.to_csv(index=False).encode(), "summary.csv": table.to_csv(index=False).encode()}
    along = [axis for axis in varied(frame) if axis != "seed"][:2]
    for name in METRICS if along else ():
        figure, _ = sweep_chart(frame, name, along)
        contents |= {f"{name}.svg": charts.as_svg(figure), f"{name}.png": charts.as_png(figure)}
    return _write(folder, contents)


def _write(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    for name, data in contents.items():
        with whole_file(folder / name) as file:
            file.write(data)
    return [folder / name for name in contents]
