"""The project itself: one road, no stale lists, a wheel that works, files that agree with each other."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import oosbench

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "oosbench"

# Ground floor first. A file may import from those before it, and from its own room.
FLOORS = [
    ["_link", "_reference", "cache", "errors", "output", "plain", "sampling"],
    ["_jit"],
    ["x86", "presets", "columns"],
    ["events"],
    ["scan", "follow"],
    ["text", "summary"],
    ["trace"],
    ["oracle", "guests"],
    ["shadow"],
    ["recordings"],
    ["checkpoint", "dump", "guest_l1", "result", "sources", "violation", "relocation"],
    ["selfcheck", "machine", "primitives", "published"],
    ["moment", "dirty", "recorder"],
    ["timemachine"],
    ["story", "spelled"],
    ["costs"],
    ["defects", "difference", "watch", "experiment", "charts", "splice", "point", "metrics"],
    ["axes", "store"],
    ["design"],
    ["sweep"],
    ["worth"],
    ["breakeven"],
    ["yardstick", "calibration", "rivals"],
    ["bench", "warm"],
    ["growth"],
    ["fidelity"],
    ["fit"],
    ["report"],
    ["figures"],
    ["panels", "commands"],
    ["__main__"],
]


def imported(path: Path) -> set[str]:
    """Return the rooms of the package that a file imports from."""
    found = set()
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
    return found & {path.stem for path in PACKAGE.iterdir()}


def test_imports_go_one_way():
    floor = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
    paths = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    assert {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in paths} == set(floor)
    for path in paths:
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for other in imported(path):
            assert floor[other] < floor[room], f"{path} imports {other}"


def test_the_files_of_the_shadow_mmu_import_one_way_in_the_order_told():
    told = re.findall(r"^`(\w+)\.py`", importlib.import_module("oosbench.shadow").__doc__, re.MULTILINE)
    files = {path.stem for path in (PACKAGE / "shadow").glob("*.py")} - {"__init__"}
    assert set(told) == files
    for name in told:
        tree = ast.parse((PACKAGE / "shadow" / f"{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                for other in [node.module] if node.module else [alias.name for alias in node.names]:
                    assert told.index(other) < told.index(name), f"{name}.py imports {other}.py"


def test_no_file_has_grown_too_long():
    long = {path.name: n for path in PACKAGE.rglob("*.py") if (n := len(path.read_text().splitlines())) > 300}
    assert long == {}


def test_environment_yml_asks_for_what_pyproject_does():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {*project["dependencies"], *extras["lab"], *extras["test"], *extras["cluster"]}
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    found = set()
    for line in environment["dependencies"]:
        if isinstance(line, str) and line != "pip":
            found.add(line.replace("-base>=", ">="))
    assert found - wanted == {"python=3.11"}
    assert wanted - found == set()
    assert {"pip": ["-e ."]} in environment["dependencies"]
    assert project["requires-python"] == ">=3.11"


def test_every_dependency_has_a_reason_and_a_tried_version():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    asked = [line for line in lines if re.match(r'\s+"[a-z0-9-]+>=', line)]
    assert len(asked) == 20
    assert all("#" in line for line in asked)
    tried = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert {re.search(r'"([a-z0-9-]+)>=', line)[1] for line in asked} - {"hatchling"} <= tried


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["version"] == oosbench.__version__ == citation["version"]
    assert f"## {oosbench.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_wheel_brings_the_data_along(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
        names = archive.namelist()
    sources = [path.relative_to(ROOT).as_posix() for path in (PACKAGE / "recorder").rglob("*.[ch]")]
    assert len(sources) >= 7
    assert set(sources) <= set(names)
    code = "import oosbench; print(oosbench.__file__, len(oosbench.recordings.load('gcc').rows['ev']))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, 'installed'); {code}"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    where, rows = done.stdout.split()
    assert (tmp_path / where).is_relative_to(tmp_path / "installed")
    assert rows == "50817"


@pytest.mark.parametrize(
    "module",
    ["oosbench"]
    + [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted(PACKAGE.rglob("*.py"))
        if ">>>" in path.read_text() and path.stem != "__init__"
    ],
)
def test_examples_in_docstrings_are_true(module):
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried > 0
    assert failed == 0


def test_public_names_have_docstrings():
    for name, thing in vars(oosbench).items():
        if not name.startswith("_") and callable(thing):
            assert thing.__doc__, name


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_style(command):
    done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_makefile_says_what_is_missing(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    old = tmp_path / "old-python"
    old.write_text('#!/bin/sh\ncase "$*" in *version_info*) exit 1;; *--version*) echo Python 3.9.2;; esac\n')
    bare = tmp_path / "bare-python"
    bare.write_text('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\n')
    old.chmod(0o755)
    bare.chmod(0o755)
    for python, told in (
        ("no-such-python", "no-such-python is missing: install Python 3.11"),
        (str(old), "Python 3.11 or newer is needed; "),
        (str(bare), "apt-get install python3-venv"),
    ):
        done = subprocess.run(
            ["make", "figures", f"PYTHON={python}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
        )
        assert done.returncode == 2
        assert told in done.stderr
        assert not (tmp_path / ".venv").exists()


def test_no_path_of_a_machine_and_no_registry_is_named():
    forbidden = re.compile(r"/(?:work|home|root)/|py" + r"pi\.org|npm" + r"js\.")
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    texts = [ROOT / name for name in names if not name.endswith((".gz", ".xz", ".npz", ".png"))]
    assert {path.name for path in texts if path.is_file() and forbidden.search(path.read_text())} <= {"test_project.py"}


def test_the_readme_tells_the_truth(recorded):
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(
        r"^\| ([\w-]+) \| ([\d,]+) \| ([\d.]+) % \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \| ([\d,]+) \|$", readme, re.M
    )
    assert {row[0] for row in rows} == set(oosbench.recordings.bundled().index)
    frame = oosbench.compare([recorded(row[0]) for row in rows]).set_index(["trace", "preset"])
    for name, *told in rows:
        compared, dirty, kept, forced, ratio, faults = (float(text.replace(",", "")) for text in told)
        snapshot, untrusted = frame.loc[(name, "oos-snapshot")], frame.loc[(name, "oos-snapshot-untrusted")]
        assert snapshot.resync_compared == compared
        assert round(100 * snapshot.resync_dirty / compared, 1) == dirty
        assert (snapshot.resync_propagated, untrusted.resync_propagated) == (kept, forced)
        assert round(forced / kept, 1) == ratio
        assert frame.loc[(name, "emulate")].shadow_fault == faults
    studied = oosbench.recordings.studied()
    assert f"{sum(frame.loc[(name, 'oos-snapshot')].resync_l1_calls for name in studied):,}" in readme


def test_every_file_that_the_readme_names_is_there():
    readme = (ROOT / "README.md").read_text()
    for name in re.findall(r"`((?:oosbench|data|tests|notebooks)/[\w./]*)`|\((data/[\w.]+)\)", readme):
        assert (ROOT / (name[0] or name[1])).exists(), name
