"""What commands have in common: options, a progress bar, output to a file or not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tqdm import tqdm

from ..errors import UsageError
from ..output import whole_file
from ..recordings import DIRECT_MAPS
from ._command import Command as Command

if TYPE_CHECKING:  # drawing is loaded by what draws
    from matplotlib.figure import Figure

MACHINE = "a preset, see 'list', and any of its axes as NAME+AXIS=VALUE"
SOURCE = "a text trace, a recording's .npz, or the name of a bundled recording"


def from_recording(sub: argparse.ArgumentParser) -> None:
    """Let a command say how a recording becomes a trace."""
    sub.add_argument(
        "--direct-map",
        choices=DIRECT_MAPS,
        default=DIRECT_MAPS[0],
        help="of a recording: how its kernel maps all memory, as recorded or by pages of 4 KiB",
    )


class Bar:
    """A progress bar for one run after the other, shown on a terminal only."""

    def __init__(self) -> None:
        self._bar = tqdm(unit="ev", unit_scale=True, leave=False, disable=None, dynamic_ncols=True)
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._what != what:
            self._what = what
            self._bar.reset(total)
            self._bar.set_description(what)
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()


def to_chart(name: str | None) -> Callable[[Callable[[ModuleType], Figure]], None]:
    """Return what draws, with the module of charts, and writes a file in the form its name asks for; for None, neither.

    Called before the work whose outcome is drawn, so that a wrong name costs nothing.
    """
    kind = "" if name is None else Path(name).suffix
    if name is not None and kind not in (".svg", ".png", ".pdf"):
        raise UsageError(f"--chart is {name}, must end in .svg, .png or .pdf")

    def draw(figure: Callable[[ModuleType], Figure]) -> None:
        if name is None:
            return
        from .. import charts

        data = {".svg": charts.as_svg, ".png": charts.as_png, ".pdf": charts.as_pdf}[kind](figure(charts))
        with whole_file(name) as file:
            file.write(data)

    return draw


def write(name: str, pieces: Iterable[str]) -> None:
    """Write to a file, or for '-' to standard output."""
    if name == "-":
        sys.stdout.writelines(pieces)
        return
    with whole_file(name) as file:
        for piece in pieces:
            file.write(piece.encode())
