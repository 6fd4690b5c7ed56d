"""Commands about what a machine does with one trace."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import UsageError
from ..machine import Machine
from ..presets import DEFAULT, preset
from ..recordings import open_trace
from ..studies import defects, first_difference
from ._options import MACHINE, SOURCE, Bar, Command, from_recording, write


def _replay(options: argparse.Namespace) -> None:
    wanted = {what: getattr(options, what) for what in ("counters", "results", "dump", "deltas")}
    files = {what: name for what, name in wanted.items() if name is not None}
    for name in files.values():
        if list(files.values()).count(name) > 1:
            told = "'-', the standard output" if name == "-" else name
            raise UsageError(f"--{', --'.join(files)} must go to different files; two go to {told}")
        if name != "-" and not Path(name).absolute().parent.is_dir():
            raise UsageError(f"{name}: there is no folder {Path(name).absolute().parent}")
        if Path(name).is_dir():
            raise UsageError(f"{name}: is a folder, must be a file")
    chosen = preset(options.preset)
    machine = Machine(open_trace(options.trace, options.direct_map), chosen)
    with Bar() as bar:
        label = f"{machine.trace.name} · {chosen.name}"
        deltas = list(machine.deltas(lambda done, total: bar(label, done, total))) if options.deltas else []
        result = machine.run(lambda done, total: bar(label, done, total))
    if not files:
        print(result.summary())
    for what, name in files.items():
        if what == "counters":
            write(name, [result.counters_json()])
        else:
            lines = {"results": result.outcome_lines, "dump": machine.dump, "deltas": lambda: deltas}[what]()
            write(name, (f"{line}\n" for line in lines))


def _diff(options: argparse.Namespace) -> None:
    names = options.presets.split(",")
    if len(names) != 2:
        raise UsageError(f"--presets is {options.presets}, must be two presets with a comma between")
    trace = open_trace(options.trace, options.direct_map)
    with Bar() as bar:
        found = first_difference(
            trace, *names, guest_only=options.guest, progress=lambda done, total: bar(trace.name, done, total)
        )
    print(found or f"{trace.name}: no difference in {len(trace):,} events")


def _defects(options: argparse.Namespace) -> None:
    print(defects.told())


def add(command: Command) -> None:
    """Add the commands of this file."""
    sub = command("replay", _replay, "replay a trace on one machine")
    sub.add_argument("trace", metavar="TRACE", help=SOURCE)
    sub.add_argument("--preset", default=DEFAULT, metavar="P", help=f"{MACHINE} (default {DEFAULT})")
    sub.add_argument("--counters", metavar="FILE", help="write all counters as JSON")
    sub.add_argument("--results", metavar="FILE", help="write the outcome of every event")
    sub.add_argument("--dump", metavar="FILE", help="write the final tables")
    sub.add_argument("--deltas", metavar="FILE", help="write the counters that each event moved (slower)")
    from_recording(sub)
    sub = command("diff", _diff, "find the first event that ends differently on machines of two presets")
    sub.add_argument("trace", metavar="TRACE", help=SOURCE)
    sub.add_argument("--presets", required=True, metavar="A,B", help=MACHINE)
    sub.add_argument("--guest", action="store_true", help="only what the guest can tell, not how a store was done")
    from_recording(sub)
    command(
        "defects", _defects, "replay the traces that show the defects of 2008, and say what a guest would have seen"
    )
