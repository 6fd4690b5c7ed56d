"""Commands about speed."""

from __future__ import annotations

import argparse

from ..errors import UsageError
from ..presets import DEFAULT, PRESETS
from ..reports import AGAINST, PASSES, PIECES, SPEED, table_text
from ..speed import GROWTHS, Bench, against, bench, doubts, growth
from ..speed.bench import ORIGINAL, PARTS
from ._options import Bar, Command, to_chart, write


def _bench(options: argparse.Namespace) -> None:
    only = options.only.split(",") if options.only else None
    presets = options.presets.split(",") if options.presets else None
    draw = to_chart(options.chart)
    if options.against is not None:
        if options.chart is not None:
            raise UsageError("--chart draws what one build takes; it does not go with --against")
        _against(options, only, presets)
        return
    presets = presets or list(PRESETS)
    with Bar() as bar:
        found = bench(only, options.trace, presets, progress=bar)
    if options.json != "-":
        print("\n\n".join(_told(found)))
    if options.json is not None:
        write(options.json, [found.to_json()])
    draw(lambda charts: charts.speed(found.traces))


def _told(found: Bench) -> list[str]:
    """Return the pieces of the report."""
    told = [table_text(found.pieces, PIECES, None)]
    if len(found.traces):
        told += filter(None, [table_text(found.traces, SPEED), doubts(found.traces)])
    if len(found.resync):
        told.append(table_text(found.resync, PASSES, None))
    labels = {
        "parse_lines_per_s": "text parsed        {:,.0f} lines/s",
        "compile_s": "compile, once      {:.1f} s",
        "warm_start_s": "start afterwards   {:.2f} s",
        "peak_memory_bytes": "peak memory        {:,.0f} bytes",
    }
    told.append("\n".join(line.format(found.single[name]) for name, line in labels.items() if name in found.single))
    return told


def _against(options: argparse.Namespace, only: list[str] | None, presets: list[str] | None) -> None:
    """Time this build against another."""
    with Bar() as bar:
        found = against(options.against, only, options.trace, presets or [DEFAULT], progress=bar)
    if options.json != "-":
        print("\n\n".join(filter(None, [table_text(found, AGAINST), doubts(found)])))
    if options.json is not None:
        write(options.json, [found.to_json(orient="records", indent=1) + "\n"])


def _growth(options: argparse.Namespace) -> None:
    draw = to_chart(options.chart)
    axes = options.axes or list(GROWTHS)
    with Bar() as bar:
        found = growth(axes, most_events=options.most_events, progress=bar)
    print(table_text(found, _GROWTH, "axis"))
    if options.csv is not None:
        write(options.csv, [found.to_csv(index=False)])
    draw(lambda charts: charts.growth(found))


_GROWTH = (
    ("axis", "axis", "{}"),
    ("value", "value", "{:,}"),
    ("events", "events", "{:,}"),
    ("ns_per_event", "ns an event", "{:.1f}"),
    ("setup_ms", "set up, ms", "{:,.1f}"),
    ("resident_mb", "resident, MB", "{:,.1f}"),
)


def add(command: Command) -> None:
    """Add the commands of this file."""
    sub = command("bench", _bench, "time the engine on this machine, in multiples of a yardstick (two minutes)")
    names = f"{', '.join(PARTS)}, {', '.join(ORIGINAL)}, or a bundled recording"
    sub.add_argument("--only", metavar="NAME,...", help=f"time these alone: {names}")
    sub.add_argument("--presets", metavar="P,...", help="on these presets (default: all)")
    sub.add_argument("--trace", metavar="FILE", action="append", default=[], help="add a trace of your own")
    sub.add_argument(
        "--against",
        metavar="COMMIT|FOLDER",
        help=f"time the traces on this build and on that one, in turn (default: the two of the original on {DEFAULT})",
    )
    sub.add_argument("--json", metavar="FILE", help="write the figures as JSON; '-' prints them")
    sub.add_argument("--chart", metavar="FILE", help="draw the traces (.svg, .png or .pdf)")
    sub = command("growth", _growth, "time the engine on ever more events, memory, vCPUs, slots")
    sub.add_argument("axes", nargs="*", metavar="AXIS", help=f"of {', '.join(GROWTHS)} (default: all)")
    sub.add_argument("--most-events", type=int, default=10**7, metavar="N", help="up to so many (default %(default)s)")
    sub.add_argument("--csv", metavar="FILE", help="write the rows; '-' prints them")
    sub.add_argument("--chart", metavar="FILE", help="draw them (.svg, .png or .pdf)")
