"""The command about published figures."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from ..errors import PublishedError
from ..figures import FIGURES, NOT_REPRODUCED, agreement_told
from ..reports import write_figure
from ._options import Command


def _published(options: argparse.Namespace) -> None:
    names = options.names or list(FIGURES)
    for name in names:
        if name not in FIGURES:
            raise PublishedError(f"there is no figure {name!r}; there are {', '.join(FIGURES)}")
    if options.out is not None:
        Path(options.out).mkdir(parents=True, exist_ok=True)
    for name in names:
        figure = FIGURES[name]
        with tqdm(desc=name, leave=False, disable=None) as bar:
            table = figure.table(lambda done, total, bar=bar: bar.update(done - bar.n))
        print(name)
        for line in ("CALIBRATED", "PREDICTED", "TRUST", "MISSES"):
            print(f"  {line.lower()}: {getattr(figure, line)}")
        print(f"  agreement: {agreement_told(figure, table)}")
        print(table.to_string(index=False, float_format=lambda x: f"{x:,.4g}"))
        print()
        if options.out is not None:
            write_figure(Path(options.out), name, figure.chart(table), table)
    if not options.names:
        print("not reproduced")
        for what, why in NOT_REPRODUCED:
            print(f"  {what}: {why}")


def add(command: Command) -> None:
    """Add the command of this file."""
    sub = command("published", _published, "set published figures beside what the model says")
    sub.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FIGURES)} (default: all)")
    sub.add_argument("--out", metavar="DIR", help="write tables (CSV) and charts (SVG, PNG) there")
