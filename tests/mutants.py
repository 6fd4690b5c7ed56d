"""Break the project in one place at a time, and see who notices: ``make mutants``.

Each mutant is a copy of the project with one edit. On one of the shadow MMU two suites run, each up to its first
failure: the goldens of the original C code, and random guests under audits and oracle, which know nothing of the
original; on one of the self-check, recordings made by hand. A mutant that no suite notices is a hole in the tests, and
the exit code says so.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

ROOT = Path(__file__).parents[1]
PACKAGE = Path("oosbench")
#: What runs on a mutant, by where in the package it is.
SUITES = {
    "shadow": {
        "goldens": ["tests/shadow/test_conformance.py", "tests/shadow/test_behaviour.py"],
        "random guests": ["tests/shadow/test_random_guests.py"],
    },
    "recordings": {"by hand": ["tests/recordings/test_selfcheck.py"]},
}


class Mutant(NamedTuple):
    """One edit: in `file`, `old` (found once) becomes `new`."""

    name: str
    file: str
    old: str
    new: str

    @property
    def place(self) -> str:
        """Where in the package it is: a key of `SUITES`."""
        return Path(self.file).parts[0]


MUTANTS = [Mutant(**m) for m in tomllib.loads(Path(__file__).with_suffix(".toml").read_text())["mutant"]]


def mutate(mutant: Mutant, root: Path) -> None:
    """Make the edit in a copy of the project.

    Raises
    ------
    ValueError
        If what is to be replaced is not there exactly once: the list is stale.
    """
    path = root / PACKAGE / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: found {text.count(mutant.old)} times in {mutant.file}")
    path.write_text(text.replace(mutant.old, mutant.new))


def _copy(folder: Path) -> None:
    for name in ("oosbench", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "data").symlink_to(ROOT / "data")


def notice(mutant: Mutant | None, places: Iterable[str]) -> dict[str, str]:
    """Return, for each suite, the first test that fails on a mutant; "" if none does. None is the project as it is."""
    suites = {suite: files for place in places for suite, files in SUITES[place].items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _copy(folder)
        if mutant is not None:
            mutate(mutant, folder)
        environment = os.environ | {"PYTHONPATH": str(folder), "OOSBENCH_CACHE": str(folder / "cache")}
        first = {}
        for suite, files in suites.items():
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
            )
            failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.M)
            if done.returncode < 0:  # compiled code that goes astray takes the whole process with it
                first[suite] = f"(killed by {signal.Signals(-done.returncode).name})"
                continue
            if done.returncode not in (0, 1):
                raise RuntimeError(
                    f"{mutant and mutant.name}: pytest ended with {done.returncode}\n{done.stdout[-2000:]}"
                )
            first[suite] = failed[1].rpartition("::")[2] if failed else ""
        return first


def main() -> int:
    """Run all mutants, or those whose name has a word of the command line in it; return how many nobody noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only mutants with one of these in their name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if not options.words or any(word in m.name for word in options.words)]
    everyone = [None, *chosen]
    places = [{mutant.place for mutant in chosen}, *({mutant.place} for mutant in chosen)]
    runs = ThreadPoolExecutor(options.jobs).map(notice, everyone, places)
    survivors = 0
    for mutant, first in zip(everyone, tqdm(runs, total=len(everyone), unit="mutant", disable=None), strict=True):
        if mutant is None:
            if any(first.values()):
                print(f"the project as it is fails: {first}")
                return 1
            continue
        survivors += not any(first.values())
        print(mutant.name)
        for suite, test in first.items():
            print(f"    {suite:<14} {test or '-'}", flush=True)
    alone = len(chosen) - survivors
    print(f"{alone} of {len(chosen)} mutants noticed")
    return survivors


if __name__ == "__main__":
    sys.exit(main())
