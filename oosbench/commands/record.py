"""Commands that record a guest, and check recordings."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time

import numpy as np

from .. import recordings
from ..errors import RecordingError
from ..recorder import MAX_VCPUS, MEMORY, THP, TIME_LIMIT, record
from ..recordings import Recording, check, open_source
from ..recordings import convert as rules
from ._options import Bar, Command


class _Phases:
    """Shows what the recorder does: on a terminal a line that changes, else a line for each phase."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._what = ""
        self._live = sys.stderr.isatty()

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._live:
            told = f"{what}, {done} s" if done else what
            print(f"\r\033[Koosbench: {told} (Ctrl-C ends it)", end="", file=sys.stderr, flush=True)
        elif what != self._what:
            print(f"oosbench: {time.monotonic() - self._began:.0f} s: {what}", file=sys.stderr, flush=True)
        self._what = what

    def __enter__(self) -> _Phases:
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _record(options: argparse.Namespace) -> None:
    began = time.monotonic()
    with _Phases() as progress:
        made = record(
            options.out,
            options.words,
            memory=options.memory,
            pti=options.pti,
            thp=options.thp,
            accesses=options.accesses,
            vcpus=options.vcpus,
            add=options.add,
            kernel=options.kernel,
            time_limit=options.time_limit,
            progress=progress,
        )
    if made.output.strip():
        print(made.output.rstrip("\n"))
    print(f"oosbench: {options.out}: {made.check}", file=sys.stderr)
    print(f"oosbench: {_figures(made.about)}; {time.monotonic() - began:.0f} s in all", file=sys.stderr)
    if options.vcpus > 1:
        print(f"oosbench: {_shares(made.recording, options.vcpus)}", file=sys.stderr)
    print(f"oosbench: {_reproduces(made.about)}", file=sys.stderr)
    if not options.accesses:
        told = (
            "no first touches were recorded: a machine sees faults and stores alone, and shadows little; see --accesses"
        )
        print(f"oosbench: {told}", file=sys.stderr)


def _figures(about: dict[str, object]) -> str:
    return (
        f"{about['missed']:,} writes missed in {about['compared']:,} comparisons of a table with the guest's memory "
        f"({about['checks']:,} times all of them)"
    )


def _shares(recording: Recording, vcpus: int) -> str:
    kind, vcpu = recording.rows["ev"], recording.rows["vcpu"]
    faults, stores = (
        " + ".join(f"{n:,}" for n in np.bincount(vcpu[kind == which], minlength=vcpus))
        for which in (rules.ROW_PF, rules.ROW_WRITE)
    )
    return f"by vCPU: {faults} page faults, {stores} stores"


def _reproduces(about: dict[str, object]) -> str:
    several = about.get("vcpus", 1) > 1
    told = "what made it, though no two runs are the same" if several else "what reproduces it exactly"
    return (
        f"{told}: kernel {about['kernel']}, QEMU {about['qemu']}, "
        f"initramfs {about['initramfs']}, plugin {about['plugin']} (SHA-256)"
    )


def _check(options: argparse.Namespace) -> None:
    names = options.files or list(recordings.bundled().index)
    for name in names:
        recording = open_source(name)
        if not isinstance(recording, Recording):
            raise RecordingError(f"{name}: is a trace; the check is for recordings")
        with Bar() as bar:
            found = check(recording, bar)
        if not found.good:
            raise RecordingError(f"{name}: {found}")
        print(f"{name}: {found}")
        if recording.about:
            _tell(name, recording.about)


def _tell(name: str, text: str) -> None:
    try:
        about = json.loads(text)
        vcpus = f"{about['vcpus']} vCPUs, " if "vcpus" in about else ""
        pti = ", page-table isolation" if about["pti"] else ""
        on = f"{vcpus}memory {about['memory']}, huge pages {about['thp']}{pti}"
        told = [f"ran: {shlex.join(about['command'])} ({on})", f"while it ran: {_figures(about)}", _reproduces(about)]
    except (ValueError, KeyError, TypeError):
        raise RecordingError(f"{name}: what made it is not told as a recorder tells it") from None
    for line in told:
        print(f"  {line}")


def add(command: Command) -> None:
    """Add the commands of this file."""
    sub = command("record", _record, "run a program in a small Linux guest, and record its page tables")
    sub.add_argument("out", metavar="OUT.npz", help="the recording; it appears when it has been checked, or not at all")
    sub.add_argument("words", nargs="+", metavar="-- COMMAND ARGS", help="its libraries come along")
    sub.add_argument("--memory", default=MEMORY, metavar="SIZE", help="of the guest, 256M to 2G (default %(default)s)")
    sub.add_argument("--pti", action="store_true", help="page-table isolation")
    sub.add_argument("--thp", choices=THP, default=THP[0], help="transparent huge pages (default %(default)s)")
    sub.add_argument("--accesses", action="store_true", help="record first touches of pages too (OUT.touch.npz)")
    sub.add_argument(
        "--vcpus",
        type=int,
        default=1,
        metavar="N",
        help=f"1 to {MAX_VCPUS}; with more than one no two recordings are the same (default %(default)s)",
    )
    sub.add_argument("--add", action="append", default=[], metavar="PATH", help="bring a file or folder; repeatable")
    sub.add_argument("--kernel", metavar="FILE", help="a Linux kernel of your own (default: Debian's, downloaded once)")
    sub.add_argument("--time-limit", type=float, default=TIME_LIMIT, metavar="S", help="seconds (default %(default)g)")
    sub = command("check", _check, "replay recordings through a page walker: is anything missing in them?")
    sub.add_argument("files", nargs="*", metavar="FILE|NAME", help="recordings (default: all bundled ones)")
