"""Commands about what things cost, and what the snapshot is worth."""

from __future__ import annotations

import argparse
import sys

import pandas as pd

from .. import recordings
from ..costs import Processor, processor, processors, read_processor, verdict, worth, write_processor
from ..costs.calibration import BASE, NAME, measure, this_machine, told
from ..reports import PRICES, RIVALS, TIMES, WORTH, Columns, table_text
from ..rivals import rivals
from ._options import SOURCE, Bar, Command, from_recording, write

_PROCESSOR = f"a processor of 'prices'; '{NAME}', which is measured first; or a file that 'calibrate --save' wrote"


def _find(name: str) -> Processor:
    if any(sign in name for sign in "./\\"):
        return read_processor(name)
    if name != NAME:
        return processor(name)
    times = measure()
    if not times.attrs["steady"]:
        print(f"oosbench: {told(times)}", file=sys.stderr)
    return this_machine(times=times)


def _tell(table: pd.DataFrame, columns: Columns, json: str | None, by: str | None = None, last: str = "") -> None:
    """Print a table, unless its rows go to standard output as JSON; write those if they are asked for."""
    if json != "-":
        print(table_text(table, columns, by))
        if last:
            print(last)
    if json is not None:
        write(json, [table.to_json(orient="records", indent=1) + "\n"])


def _worth(options: argparse.Namespace) -> None:
    names = options.names or recordings.studied()
    of = list(processors()) if options.processor is None else [_find(options.processor)]
    with Bar() as bar:
        table = worth(names, of, direct_map=options.direct_map, progress=bar)
    _tell(table, WORTH, options.json, "recording", verdict(table))


def _rivals(options: argparse.Namespace) -> None:
    of = _find(options.processor)
    with Bar() as bar:
        table = rivals(options.source, of, direct_map=options.direct_map, progress=bar)
    _tell(table, RIVALS, options.json, last=f"({table.recording[0]} at the prices of {of.name})")


def _prices(options: argparse.Namespace) -> None:
    if options.name is None:
        for one in processors().values():
            exits = one.prices["vmexit_pf"]
            print(f"{one.name:<14}{one.ghz:g} GHz, exit and entry {exits.cycles:,.0f} cycles ({exits.trust})")
        return
    of = _find(options.name)
    print(f"{of.name}: {of.ghz:g} GHz; {of.note}")
    print(table_text(of.frame(), PRICES, None))


def _calibrate(options: argparse.Namespace) -> None:
    times = measure()
    _tell(times.rename_axis("piece").reset_index(), TIMES, options.json, last=told(times))
    if options.save is not None:
        name = write_processor(this_machine(options.base, times), options.save)
        print(f"{options.save}: {name}, exits as of {processor(options.base).name}", file=sys.stderr)


def add(command: Command) -> None:
    """Add the commands of this file."""
    sub = command("worth", _worth, "say what the snapshot is worth on recordings or traces")
    sub.add_argument("names", nargs="*", metavar="NAME|FILE", help=f"{SOURCE} (default: the five studied recordings)")
    sub.add_argument("--processor", metavar="P", help=f"{_PROCESSOR} (default: all there are prices for)")
    sub.add_argument("--json", metavar="FILE", help="write the rows as JSON; '-' prints them")
    from_recording(sub)
    sub = command("rivals", _rivals, "set all systems side by side on one recording or trace")
    sub.add_argument("source", metavar="NAME|FILE", help=SOURCE)
    sub.add_argument("--processor", default="Core 2 6420", metavar="P", help=f"{_PROCESSOR} (default %(default)s)")
    sub.add_argument("--json", metavar="FILE", help="write the rows as JSON; '-' prints them")
    from_recording(sub)
    sub = command("prices", _prices, "list processors, or what everything costs on one, with sources")
    sub.add_argument("name", nargs="?", metavar="PROCESSOR", help=f"or '{NAME}': measured, exits as of {BASE}")
    sub = command("calibrate", _calibrate, "measure copying, comparing and deriving on this machine, and keep it")
    sub.add_argument("--json", metavar="FILE", help="write the times as JSON; '-' prints them")
    sub.add_argument("--save", metavar="FILE", help="write this machine's prices as JSON, for --processor FILE")
    sub.add_argument("--base", default=BASE, metavar="P", help="whose prices for what cannot be measured (%(default)s)")
