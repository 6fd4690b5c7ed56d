"""A command loads what it needs, and no more."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys

import pytest

from oosbench.commands import COMMANDS
from oosbench.commands.catalogue import FILE, catalogue

HEAVY = {"numba", "numpy", "pandas", "scipy.stats", "scipy.optimize", "matplotlib", "seaborn", "IPython", "joblib"}


@pytest.mark.parametrize(
    ("words", "loaded"),
    [
        (["--version"], ""),
        (["list"], ""),
        (["list", "--json"], ""),
        (["compare", "sqlite"], "numba numpy pandas"),
        (["replay", "sqlite"], "numba numpy pandas"),
    ],
)
def test_a_command_loads_what_it_needs(words, loaded):
    code = (
        "import sys\nfrom oosbench.__main__ import main\n"
        f"try:\n    main({words})\nexcept SystemExit:\n    pass\nprint(*{HEAVY} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.splitlines()[-1].split()) == set(loaded.split())


def test_each_file_has_the_commands_it_is_said_to_have():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for file, names in COMMANDS.items():
        added = []

        def command(name, do, about, added=added):
            added.append(name)
            return commands.add_parser(name)

        importlib.import_module(f"oosbench.commands.{file}").add(command)
        assert tuple(added) == names


def test_the_list_is_what_there_is():
    assert json.loads(FILE.read_text()) == json.loads(json.dumps(catalogue())), (
        "python -m oosbench.commands.catalogue writes the file anew"
    )
