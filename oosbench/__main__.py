"""The command line: thin. ``oosbench --help`` says what there is."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from . import __version__, defects, recordings
from .difference import first_difference
from .errors import BadInput, UsageError
from .experiment import PRESETS_TO_COMPARE, counters_frame, headline, resyncs_frame, run_each
from .guests import FAMILIES, Workload
from .guests import OPTIONS as KERNEL_OPTIONS
from .guests.generate import EVENTS
from .machine import Machine
from .output import whole_file
from .presets import DEFAULT, PRESETS, preset
from .recordings import DIRECT_MAPS
from .report import table_text, write_comparison
from .result import Result
from .shadow.crash import Crash
from .sources import open_trace
from .warm import Compiling, warm
from .x86 import LEVELS

DONE, BAD_INPUT, CRASHED, INTERRUPTED = 0, 2, 3, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code.

    0 done, 2 bad input or usage, 3 the original would have crashed, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        with _compile_bar():
            options.command(options)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    except Crash as crash:
        return _complain(str(crash), CRASHED)
    except BrokenPipeError:  # whoever read the output has seen enough
        sys.stdout = None
        return DONE
    except (BadInput, MemoryError) as error:
        return _complain(str(error), BAD_INPUT)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}", BAD_INPUT)
    return DONE


def _complain(message: str, code: int) -> int:
    print(f"oosbench: {message}", file=sys.stderr)
    return code


@contextmanager
def _compile_bar() -> Iterator[None]:
    """Show a bar while functions are compiled, which happens once for each version."""
    what = "oosbench: compiling the shadow MMU, once (half a minute)"
    bar: list[tqdm] = []

    def progress(done: int, total: int) -> None:
        if not bar:
            if not sys.stderr.isatty():
                print(what, file=sys.stderr)
            bar.append(tqdm(total=total, desc=what, unit="fn", leave=False, disable=None, dynamic_ncols=True))
        bar[0].update(done - bar[0].n)

    with Compiling(progress):
        try:
            yield
        finally:
            for shown in bar:
                shown.close()


class _Bar:
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

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()


# --- commands ----------------------------------------------------------------------------------------------------


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
    with _Bar() as bar:
        label = f"{machine.trace.name} · {chosen.name}"
        deltas = list(machine.deltas(lambda done, total: bar(label, done, total))) if options.deltas else []
        result = machine.run(lambda done, total: bar(label, done, total))
    if not files:
        print(result.summary())
    for what, name in files.items():
        if what == "counters":
            _write(name, [result.counters_json()])
        else:
            lines = {"results": result.outcome_lines, "dump": machine.dump, "deltas": lambda: deltas}[what]()
            _write(name, (f"{line}\n" for line in lines))


def _write(name: str, pieces: Iterable[str]) -> None:
    """Write to a file, or for '-' to standard output."""
    if name == "-":
        sys.stdout.writelines(pieces)
        return
    with whole_file(name) as file:
        for piece in pieces:
            file.write(piece.encode())


def _export(options: argparse.Namespace) -> None:
    trace = open_trace(options.source, options.direct_map)
    trace.write(options.out)
    print(f"{options.out}: {len(trace):,} events of {trace.name}", file=sys.stderr)


def _compare(options: argparse.Namespace) -> None:
    names = options.names or list(recordings.bundled().index)
    presets = options.presets.split(",")
    for name in presets:
        preset(name)
    if options.out is not None:
        Path(options.out).mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    with _Bar() as bar:
        results.extend(run_each(names, presets, direct_map=options.direct_map, progress=bar))
    counters, resyncs = counters_frame(results), resyncs_frame(results)
    table = headline(counters, resyncs)
    print(table_text(table))
    if options.out is not None:
        for path in write_comparison(Path(options.out), table, counters, resyncs):
            print(path, file=sys.stderr)


def _diff(options: argparse.Namespace) -> None:
    names = options.presets.split(",")
    if len(names) != 2:
        raise UsageError(f"--presets is {options.presets}, must be two presets with a comma between")
    trace = open_trace(options.trace, options.direct_map)
    with _Bar() as bar:
        found = first_difference(
            trace, *names, guest_only=options.guest, progress=lambda done, total: bar(trace.name, done, total)
        )
    print(found or f"{trace.name}: no difference in {len(trace):,} events")


def _validate(options: argparse.Namespace) -> None:
    print(open_trace(options.file).describe())


def _defects(options: argparse.Namespace) -> None:
    print(defects.told())


def _generate(options: argparse.Namespace) -> None:
    given: dict[str, object] = {}
    for words in options.set:
        name, equals, value = words.partition("=")
        if not (name and equals):
            raise UsageError(f"--set is {words!r}, must be NAME=VALUE")
        given[name.replace("-", "_")] = value
    workload = Workload(options.family, options.levels, options.vcpus, options.seed, **given)
    with _Bar() as bar:
        workload.write(options.out, options.events, lambda done, total: bar(workload.family.name, done, total))
    print(f"{options.out}: {options.events:,} lines of {workload.family.name}", file=sys.stderr)


def _catalogue() -> dict[str, list[dict[str, object]]]:
    """Return what there is, for programs to read."""
    return {
        "recordings": [{"name": name, "workload": told} for name, told in recordings.bundled().workload.items()],
        "guests": [
            {
                "name": f.name,
                "about": f.headline,
                "levels": list(f.levels),
                "parameters": {p.name: p.told(f.options) for p in (*f.parameters, *KERNEL_OPTIONS)},
            }
            for f in FAMILIES.values()
        ],
        "presets": [{"name": p.name, "about": p.about} for p in PRESETS.values()],
    }


def _list(options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(_catalogue(), indent=2))
        return

    def section(title: str, lines: Iterable[tuple[str, str]]) -> None:
        print(title)
        for name, about in lines:
            print(f"  {name:<24}{about}")

    section("recordings", recordings.bundled().workload.items())
    section("guests", ((f.name, f.headline) for f in FAMILIES.values()))
    section("presets", ((p.name, p.about + (" (default)" if p.name == DEFAULT else "")) for p in PRESETS.values()))


def _warm(options: argparse.Namespace) -> None:
    warm()
    print("oosbench: the shadow MMU is compiled", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("oosbench", description="Xen's snapshotting out-of-sync shadow MMU, on a bench.")
    parser.add_argument("--version", action="version", version=f"oosbench {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, do: Callable[[argparse.Namespace], None], about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about)
        sub.set_defaults(command=do)
        return sub

    def from_recording(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--direct-map",
            choices=DIRECT_MAPS,
            default=DIRECT_MAPS[0],
            help="of a recording: how its kernel maps all memory, as recorded or by pages of 4 KiB",
        )

    machine = "a preset, see 'list', and any of its axes as NAME+AXIS=VALUE"
    source = "a text trace, a recording's .npz, or the name of a bundled recording"
    sub = command("replay", _replay, "replay a trace on one machine")
    sub.add_argument("trace", metavar="TRACE", help=source)
    sub.add_argument("--preset", default=DEFAULT, metavar="P", help=f"{machine} (default {DEFAULT})")
    sub.add_argument("--counters", metavar="FILE", help="write all counters as JSON")
    sub.add_argument("--results", metavar="FILE", help="write the outcome of every event")
    sub.add_argument("--dump", metavar="FILE", help="write the final tables")
    sub.add_argument("--deltas", metavar="FILE", help="write the counters that each event moved (slower)")
    from_recording(sub)
    sub = command("export", _export, "write a trace as text, gzip or .npz, by the name of OUT")
    sub.add_argument("source", metavar="NAME|FILE", help=source)
    sub.add_argument("out", metavar="OUT")
    from_recording(sub)
    sub = command("compare", _compare, "replay traces on machines of several presets, and set them side by side")
    sub.add_argument("names", nargs="*", metavar="NAME", help=f"{source} (default: all bundled recordings)")
    sub.add_argument(
        "--presets", default=",".join(PRESETS_TO_COMPARE), metavar="P,...", help=f"{machine}; default: %(default)s"
    )
    sub.add_argument("--out", metavar="DIR", help="write tables (CSV) and charts (SVG, PNG) there")
    from_recording(sub)
    sub = command("diff", _diff, "find the first event that ends differently on machines of two presets")
    sub.add_argument("trace", metavar="TRACE", help=source)
    sub.add_argument("--presets", required=True, metavar="A,B", help=machine)
    sub.add_argument("--guest", action="store_true", help="only what the guest can tell, not how a store was done")
    from_recording(sub)
    sub = command("validate", _validate, "read a trace, and say what it holds or what is wrong with it")
    sub.add_argument("file", metavar="FILE", help=source)
    command(
        "defects", _defects, "replay the traces that show the defects of 2008, and say what a guest would have seen"
    )
    sub = command("generate", _generate, "make a trace of a generated workload")
    sub.add_argument("family", metavar="FAMILY", help="see 'list'; its parameters are in 'list --json'")
    sub.add_argument("out", metavar="OUT", help="text, gzip (.gz) or .npz, by its name")
    sub.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of a parameter; repeatable")
    sub.add_argument("--levels", type=int, choices=LEVELS, help="of paging (default: the most that FAMILY has)")
    sub.add_argument("--vcpus", type=int, default=1, metavar="N", help="1 to 8 (default 1)")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed gives the same bytes (default 0)")
    sub.add_argument("--events", type=int, default=EVENTS, metavar="N", help="lines to make (default %(default)s)")
    sub = command("list", _list, "list recordings, workload families and presets")
    sub.add_argument("--json", action="store_true", help="with parameters, for programs to read")
    command("warm", _warm, "compile the shadow MMU ahead of time")
    return parser


if __name__ == "__main__":
    warnings.simplefilter("default")
    sys.exit(main())
