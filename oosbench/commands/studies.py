"""Commands about many machines or many guests."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from .. import recordings
from ..errors import UsageError
from ..fitting import fidelity, fit
from ..guests import FITTED
from ..machine import PRESETS_TO_COMPARE, Result, counters_frame, headline, resyncs_frame, run_each
from ..presets import preset
from ..reports import table_text, write_comparison
from ._options import MACHINE, SOURCE, Bar, Command, from_recording, write


def _compare(options: argparse.Namespace) -> None:
    names = options.names or recordings.studied()
    presets = options.presets.split(",")
    for name in presets:
        preset(name)
    if options.out is not None:
        Path(options.out).mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    with Bar() as bar:
        results.extend(run_each(names, presets, direct_map=options.direct_map, progress=bar))
    counters, resyncs = counters_frame(results), resyncs_frame(results)
    table = headline(counters, resyncs)
    print(table_text(table))
    if options.out is not None:
        for path in write_comparison(Path(options.out), table, counters, resyncs):
            print(path, file=sys.stderr)


def _fidelity(options: argparse.Namespace) -> None:
    with tqdm(total=len(options.names or FITTED), unit="guest", leave=False, disable=None) as bar:
        table = fidelity.fidelity(options.names or FITTED, options.events, lambda name: bar.update())
    print(fidelity.told(table))
    if options.out is not None:
        write(options.out, [table.to_csv(index=False)])


def _fit(options: argparse.Namespace) -> None:
    if options.seed < 0:
        raise UsageError(f"--seed is {options.seed}, must be at least 0")
    found = {name: found._asdict() for name, found in FITTED.items()}
    for name in options.names or list(FITTED):
        with tqdm(desc=name, unit="guest", leave=False, disable=None) as bar:
            best, loss = fit.refit(
                name, generations=options.generations, seed=options.seed, progress=lambda loss: bar.update()
            )
        found[name] = best._asdict()
        print(f"{name}: {loss:.3f}", file=sys.stderr)
        if options.out != "-":  # what is fitted stays if the rest is interrupted
            write(options.out, [json.dumps(found, indent=2) + "\n"])
    if options.out == "-":
        write("-", [json.dumps(found, indent=2) + "\n"])


def _warm(options: argparse.Namespace) -> None:
    from ..warm import warm  # which loads every room that is compiled

    warm()
    print("oosbench: the shadow MMU is compiled", file=sys.stderr)


def add(command: Command) -> None:
    """Add the commands of this file."""
    sub = command("compare", _compare, "replay traces on machines of several presets, and set them side by side")
    sub.add_argument("names", nargs="*", metavar="NAME", help=f"{SOURCE} (default: the five studied recordings)")
    sub.add_argument(
        "--presets", default=",".join(PRESETS_TO_COMPARE), metavar="P,...", help=f"{MACHINE}; default: %(default)s"
    )
    sub.add_argument("--out", metavar="DIR", help="write tables (CSV) and charts (SVG, PNG) there")
    from_recording(sub)
    sub = command("fidelity", _fidelity, "set generated guests beside the recorded ones they were fitted to")
    sub.add_argument("names", nargs="*", metavar="NAME", help="bundled recordings (default: all that have a fit)")
    sub.add_argument("--events", type=int, default=fidelity.EVENTS, metavar="N", help="to make (default %(default)s)")
    sub.add_argument("--out", metavar="FILE", help="write the table as CSV")
    sub = command("fit", _fit, "fit the workload families to recordings anew (minutes)")
    sub.add_argument("names", nargs="*", metavar="NAME", help="bundled recordings (default: all that have a fit)")
    sub.add_argument("--generations", type=int, default=fit.GENERATIONS, metavar="N", help="default %(default)s")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")
    sub.add_argument("--out", default="-", metavar="FILE", help="write the parameters (JSON); default: print them")
    command("warm", _warm, "compile the shadow MMU and the guests ahead of time")
