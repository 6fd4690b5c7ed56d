"""The command that goes through a design."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from ..errors import SweepError, UsageError
from ..recordings import data_folder
from ..reports import sweep_columns, table_text, write_sweep
from ..sweeps import MOST, Design, Pace, Store, summary, sweep
from ._options import Command, write

_TOLD = 5  # failures on the screen


def _find(name: str) -> tuple[Path, Path]:
    """Return the file of a design, and where its results go; a word without dot or slash names a bundled one."""
    if any(sign in name for sign in "./\\"):
        if Path(name).is_dir():
            raise UsageError(f"{name}: is a folder, must be a design (TOML)")
        return Path(name), Path(name).with_suffix(".sqlite")
    folder = data_folder() / "sweeps"
    if not (folder / f"{name}.toml").is_file():
        there = ", ".join(sorted(path.stem for path in folder.glob("*.toml")))
        raise UsageError(f"no bundled sweep {name!r}; there are {there}; a file is written ./{name}")
    return folder / f"{name}.toml", Path(f"{name}.sqlite")


@contextmanager
def _cluster(address: str | None) -> Iterator[object | None]:
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--cluster needs Dask: pip install 'oosbench[cluster]'") from None
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise UsageError(f"--cluster is {address}, which gives no answer: {error}") from None
    with client:
        yield client


@contextmanager
def _bar(total: int) -> Iterator[Callable[[Pace], None]]:
    """Show how far the sweep is, its rate and the time left, on a terminal only."""
    with tqdm(total=total, unit="pt", leave=False, disable=None, dynamic_ncols=True, smoothing=0.1) as bar:

        def progress(pace: Pace) -> None:
            if pace.rate == 0:  # those known from the store are no part of the rate
                bar.initial = bar.n = pace.done
            bar.update(pace.done - bar.n)
            if pace.failed:
                bar.set_postfix_str(f"{pace.failed:,} failed", refresh=False)

        yield progress


def _sweep(options: argparse.Namespace) -> None:
    if options.jobs == 0 or options.jobs < -1:
        raise UsageError(f"--jobs is {options.jobs}, must be at least 1, or -1 for as many as there are processors")
    path, stored = _find(options.design)
    stored = options.store or stored
    design = Design.from_toml(path, options.most)
    if options.out is not None:
        Path(options.out).mkdir(parents=True, exist_ok=True)
    with Store(stored) as store:
        try:
            with _cluster(options.cluster) as client, _bar(len(design)) as progress:
                frame = sweep(design, store, jobs=options.jobs, client=client, retry=options.retry, progress=progress)
        except (KeyboardInterrupt, SweepError):
            done = f"{len(store.known(design.points())):,} of {len(design):,} points"
            print(f"oosbench: {done} are stored in {stored}; the same command goes on from there", file=sys.stderr)
            raise
    table = summary(frame)
    if options.csv is not None:
        write(options.csv, [frame.to_csv(index=False)])
    if options.csv != "-":
        print(table_text(table, sweep_columns(table.drop(columns="error", errors="ignore")), "workload"))
    failed = frame[frame.error != ""]
    for row in failed.head(_TOLD).itertuples():
        print(f"oosbench: failed: {row.workload} on {row.preset}: {row.error}", file=sys.stderr)
    if len(failed) > _TOLD:
        print(f"oosbench: {len(failed):,} points failed in all; --csv and --out have the rest", file=sys.stderr)
    if options.out is not None:
        for file in write_sweep(Path(options.out), frame, table):
            print(file, file=sys.stderr)


def add(command: Command) -> None:
    """Add the command of this file."""
    sub = command("sweep", _sweep, "go through a design: workloads, presets, axes and seeds, many at once")
    sub.add_argument(
        "design", metavar="FILE", help="a design (TOML, see oosbench.sweeps.design), or the name of a bundled one"
    )
    sub.add_argument("--store", metavar="FILE", help="SQLite file that keeps every result (default: FILE.sqlite)")
    sub.add_argument("--most", type=int, metavar="N", help=f"points it may have (default: {MOST:,}, or what it says)")
    sub.add_argument("--jobs", type=int, default=-1, metavar="N", help="processes (default: one for each processor)")
    sub.add_argument("--cluster", metavar="ADDRESS", help="run on the Dask cluster of this scheduler instead")
    sub.add_argument("--retry", action="store_true", help="run points that failed once more")
    sub.add_argument("--csv", metavar="FILE", help="write every axis and counter of every point; '-' prints them")
    sub.add_argument("--out", metavar="DIR", help="write tables (CSV) and a chart of each metric (SVG, PNG) there")
