"""Commands about traces: what there is, what is in it, made, written."""

from __future__ import annotations

import argparse
import sys

from ..errors import UsageError
from ..guests import Workload
from ..guests.generate import EVENTS
from ..recordings import open_trace
from ..traces import MAX_VCPUS
from ..x86 import LEVELS
from ._options import SOURCE, Bar, Command, from_recording, to_chart


def _export(options: argparse.Namespace) -> None:
    trace = open_trace(options.source, options.direct_map)
    trace.write(options.out)
    print(f"{options.out}: {len(trace):,} events of {trace.name}", file=sys.stderr)


def _validate(options: argparse.Namespace) -> None:
    print(open_trace(options.file).describe())


def _describe(options: argparse.Namespace) -> None:
    draw = to_chart(options.chart)
    trace = open_trace(options.source, options.direct_map)
    summary = trace.summary()
    print(summary)
    draw(lambda charts: charts.glance(trace, summary))


def _generate(options: argparse.Namespace) -> None:
    given: dict[str, object] = {}
    for words in options.set:
        name, equals, value = words.partition("=")
        if not (name and equals):
            raise UsageError(f"--set is {words!r}, must be NAME=VALUE")
        given[name.replace("-", "_")] = value
    workload = Workload(options.family, options.levels, options.vcpus, options.seed, **given)
    with Bar() as bar:
        workload.write(options.out, options.events, lambda done, total: bar(workload.name, done, total))
    print(f"{options.out}: {options.events:,} lines of {workload.name}", file=sys.stderr)


def add(command: Command) -> None:
    """Add the commands of this file."""
    sub = command("describe", _describe, "say what a guest does to its page tables")
    sub.add_argument("source", metavar="NAME|FILE", help=SOURCE)
    sub.add_argument("--chart", metavar="FILE", help="draw it over time (.svg, .png or .pdf)")
    from_recording(sub)
    sub = command("validate", _validate, "read a trace, and say what it holds or what is wrong with it")
    sub.add_argument("file", metavar="FILE", help=SOURCE)
    sub = command("export", _export, "write a trace as text, gzip or .npz, by the name of OUT")
    sub.add_argument("source", metavar="NAME|FILE", help=SOURCE)
    sub.add_argument("out", metavar="OUT")
    from_recording(sub)
    sub = command("generate", _generate, "make a trace of a generated workload")
    sub.add_argument("family", metavar="FAMILY", help="see 'list'; its parameters are in 'list --json'")
    sub.add_argument("out", metavar="OUT", help="text, packed text (.gz, .xz) or .npz, by its name")
    sub.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of a parameter; repeatable")
    sub.add_argument("--levels", type=int, choices=LEVELS, help="of paging (default: the most that FAMILY has)")
    sub.add_argument("--vcpus", type=int, default=1, metavar="N", help=f"1 to {MAX_VCPUS} (default 1)")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed gives the same bytes (default 0)")
    sub.add_argument("--events", type=int, default=EVENTS, metavar="N", help="lines to make (default %(default)s)")
