"""The tests themselves: what processes of their own compare is counted, and nothing is lost between the tiers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*words: str) -> tuple[int, str]:
    """Run pytest; return its exit code and what it prints."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.mark.parametrize("processes", ["0", "2"])
def test_comparisons_are_counted_wherever_they_are_made(processes):
    words = ["tests/recordings/test_recordings.py", "-k", "test_counters_are_those and sqlite", "-n", processes]
    code, told = run(*words, "--dist", "loadgroup")
    assert code == 0, told
    assert "compared with the original code, all equal unless reported: 682 counters, 6 runs\n" in told
    assert re.search(r"^6 passed.* in ", told, re.M), told


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_run_without_a_test_is_no_success(processes):
    code, told = run("tests/traces", "-k", "no_test_has_this_name", "-n", processes)
    assert code == 5, told


def test_what_the_second_tier_has_is_told_in_contributing():
    code, told = run("--collect-only", "-m", "slow")
    assert code == 0, told
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    files = {line.partition("::")[0] for line in told.splitlines() if "::" in line}
    assert {"tests/test_warm.py", "tests/test_uncompiled.py"} <= files
    assert [file for file in sorted(files) if file not in guide and "tests/browser/" not in file] == []
