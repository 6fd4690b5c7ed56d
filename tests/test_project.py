"""The project itself: one road, no stale lists, a wheel that works, files that agree with each other."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import pydoc
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import oosbench

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "oosbench"

#: The plan of the house in CONTRIBUTING.md, ground floor first: a room may import from those above it in the list.
PLAN = re.findall(r"^\| `oosbench/(\w+)(?:/|\.py)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield what a file imports from the package, as the parts of its place: room, file, name."""
    here = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            place = (*here[: len(here) + 1 - node.level], *(node.module or "").split("."))
            for alias in node.names:
                yield tuple(part for part in (*place, alias.name) if part)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def test_the_plan_has_every_room():
    assert sorted(PLAN) == sorted({room_of(path) for path in SOURCES})
    loose = [path.name for path in PACKAGE.glob("*.py")]
    assert len(loose) <= 10, loose


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path):
    for place in imported(path):
        if place[0] != room_of(path):
            assert PLAN.index(place[0]) < PLAN.index(room_of(path)), (
                f"{path} imports {'.'.join(place)}, which is above it"
            )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_what_is_private_stays_in_its_room(path):
    for place in imported(path):
        if place[0] != room_of(path) and place[0] != "_version":
            assert not any(part.startswith("_") for part in place), f"{path} imports {'.'.join(place)}"


def test_a_room_says_what_it_is_for_and_which_file_to_read():
    for folder in sorted(path.parent for path in PACKAGE.glob("*/__init__.py")):
        told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
        assert re.search(r"`\w+\.py`", told), folder
        for name in re.findall(r"`(\w+\.py)`", told):
            assert (folder / name).is_file(), f"{folder}/__init__.py tells of {name}"


def test_one_room_alone_reaches_into_the_compiler():
    for path in SOURCES:
        if room_of(path) != "compiled":
            assert not re.search(r"^\s*(from|import) (numba|llvmlite)", path.read_text(), re.MULTILINE), path


def test_importing_the_package_loads_nothing_heavy():
    heavy = "pandas", "matplotlib", "scipy", "numba", "numpy", "seaborn"
    code = f"import oosbench, sys; print(*{set(heavy)} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_every_name_of_the_package_that_is_told_is_there():
    """Names like oosbench.Machine and files like oosbench/traces/events.py, in sources, notebooks and documents."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    for name in names:
        if (
            not name.endswith((".py", ".md", ".ipynb", ".toml", ".yml"))
            or name == "CHANGELOG.md"
            or not (ROOT / name).exists()
        ):
            continue
        text = (ROOT / name).read_text()
        for told in set(re.findall(r"\boosbench(?:\.[A-Za-z_]\w*)+", text)):
            assert pydoc.locate(told) is not None or _is_attribute(told), f"{name} tells of {told}"
        for told in set(re.findall(r"\boosbench/[\w/]+\.\w+", text)):
            assert (ROOT / told).exists(), f"{name} tells of {told}"


def _is_attribute(told: str) -> bool:
    """Say whether this is a field of a public class: `oosbench.speed.Bench.traces`."""
    owner, _, field = told.rpartition(".")
    return field in getattr(pydoc.locate(owner), "__dataclass_fields__", {})


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
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    long = {path.name: n for path in files if (n := len(path.read_text().splitlines())) > 300}
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
    assert len(asked) == 26
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
    assert len(dir(oosbench)) > 40
    for name in dir(oosbench):
        assert getattr(oosbench, name).__doc__, name


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


def test_every_file_that_a_document_names_is_there():
    for path in (ROOT / "README.md", ROOT / "REPRODUCE.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        told = path.read_text()
        for name in re.findall(r"`((?:oosbench|data|tests|notebooks|docs|findings)/[\w./]*)`|\((data/[\w.]+)\)", told):
            assert (ROOT / (name[0] or name[1])).exists(), f"{path.name} names {name}"
