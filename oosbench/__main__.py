"""The command line: thin. ``oosbench --help`` says what there is."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

DONE, FAULTY, BAD_INPUT, CRASHED, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code.

    0 done, 1 a fault of oosbench, 2 bad input or usage, 3 the original would have crashed, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an output that is not UTF-8 is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # also while all this is being imported
        return _complain("interrupted", INTERRUPTED)


def _run(arguments: list[str]) -> int:
    from .errors import BadInput
    from .shadow.crash import Crash

    options = _parser(arguments).parse_args(arguments)
    try:
        with _compile_bar() if options.compiles else nullcontext():
            options.command(options)
    except Crash as crash:
        return _complain(str(crash), CRASHED)
    except BrokenPipeError:  # whoever read the output has seen enough
        sys.stdout = None
        return DONE
    except (BadInput, MemoryError) as error:
        return _complain(str(error) or "there is too little memory", BAD_INPUT)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}", BAD_INPUT)
    except Exception as error:
        if os.environ.get("OOSBENCH_TRACEBACK"):
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error} ({os.path.basename(place.filename)}, line {place.lineno})"
        return _complain(f"a fault of oosbench, please report it: {told}; OOSBENCH_TRACEBACK=1 shows all", FAULTY)
    return DONE


def _complain(message: str, code: int) -> int:
    print(f"oosbench: {message}", file=sys.stderr)
    return code


@contextmanager
def _compile_bar() -> Iterator[None]:
    """Show a bar while functions are compiled, which happens once for each version."""
    from tqdm import tqdm

    from .compiled import Compiling

    what = "oosbench: compiling, once (half a minute for all of it)"
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


def _parser(words: list[str]) -> argparse.ArgumentParser:
    """Return a parser for a command line: of the command that it begins with, else of all."""
    from ._version import __version__
    from .commands import COMMANDS

    parser = argparse.ArgumentParser("oosbench", description="Xen's snapshotting out-of-sync shadow MMU, on a bench.")
    parser.add_argument("--version", action="version", version=f"oosbench {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, do: Callable[[argparse.Namespace], None], about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about)
        sub.set_defaults(command=do, compiles=True)
        return sub

    if words[:1] != ["--version"]:
        for file in [file for file, names in COMMANDS.items() if words[:1] and words[0] in names] or COMMANDS:
            importlib.import_module(f".commands.{file}", __package__).add(command)
    return parser


if __name__ == "__main__":
    warnings.simplefilter("default")
    sys.exit(main())
