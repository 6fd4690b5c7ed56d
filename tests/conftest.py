"""Fixtures and the tally of comparisons with the original code, which several processes may make."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from oosbench import Trace, recordings

from . import golden

_made: Counter[str] = Counter()


@pytest.fixture
def tally():
    """Return a counter that the end of the report shows: comparisons made, by what was compared."""
    return _made


def pytest_collection_modifyitems(items):
    """Run what is quick first, notebooks and browsers last."""
    last = ["test_conformance", "test_recordings", "test_uncompiled", "test_cli", "test_notebooks", "browser"]

    def rank(item: pytest.Item) -> int:
        names = item.module.__name__.split(".")
        return max(last.index(name) + 1 if name in last else 0 for name in names)

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Add what a process that ran tests has compared."""
    _made.update(getattr(node, "workeroutput", {}).get("compared", {}))


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["compared"] = dict(_made)


def pytest_terminal_summary(terminalreporter):
    if _made:
        told = ", ".join(f"{count:,} {what}" for what, count in sorted(_made.items()))
        terminalreporter.write_line(f"compared with the original code, all equal unless reported: {told}")


@pytest.fixture(scope="session")
def trace():
    """Return a function that reads a conformance trace, once."""
    known: dict[str, Trace] = {}

    def read(name: str) -> Trace:
        if name not in known:
            known[name] = Trace.read(golden.TRACES / f"{name}.trace.gz")
        return known[name]

    return read


@pytest.fixture(scope="session")
def recorded():
    """Return a function that turns a bundled recording into a trace, once."""
    known: dict[tuple[str, str], Trace] = {}

    def read(name: str, direct_map: str = "recorded") -> Trace:
        if (name, direct_map) not in known:
            known[name, direct_map] = recordings.load(name).trace(direct_map)
        return known[name, direct_map]

    return read


@pytest.fixture
def ending():
    """Return a function that takes note of a panel, and returns it: when the test ends, so does what it does."""
    noted = []
    yield lambda panel: noted.append(panel) or panel
    for panel in noted:
        panel.stop()
        assert panel.wait(20)


@pytest.fixture
def noise_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a measurement of this machine pass, however busy the tests keep it."""
    monkeypatch.setattr("oosbench.costs.calibration.SPOILT", float("inf"))


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
