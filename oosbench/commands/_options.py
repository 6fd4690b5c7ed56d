"""What commands have in common: options, a progress bar, output to a file or not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from tqdm import tqdm

from ..output import whole_file
from ..recordings import DIRECT_MAPS
from ._command import Command as Command

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


def write(name: str, pieces: Iterable[str]) -> None:
    """Write to a file, or for '-' to standard output."""
    if name == "-":
        sys.stdout.writelines(pieces)
        return
    with whole_file(name) as file:
        for piece in pieces:
            file.write(piece.encode())
