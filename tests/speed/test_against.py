"""Ratios of pairs, and two builds against each other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from oosbench import BadInput
from oosbench.__main__ import main as run
from oosbench.speed import against, doubts
from oosbench.speed.bench import TOO_WIDE, spread

pytestmark = pytest.mark.xdist_group("timed")  # measures time, or ends processes

ROOT = Path(__file__).parents[2]
TRACE = "MODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\n" + 2000 * "ACCESS 0 0x0 r u\n"
SLOWER = """
_run = Machine.run
def run(self, *arguments, **options):
    sum(range(10**6))
    return _run(self, *arguments, **options)
Machine.run = run
"""


def test_the_spread_is_between_the_quartiles():
    assert spread([2.0, 2.0, 2.0]) == 0
    assert spread([1.0, 2.0, 3.0]) == pytest.approx(0.5)
    assert spread([2.0] * 9 + [50.0]) == 0  # one that was disturbed is no matter


def test_a_spread_that_is_too_wide_is_told():
    table = pd.DataFrame({"trace": ["a", "b"], "preset": ["p", "q"], "spread": [TOO_WIDE, 0.31]})
    assert doubts(table[:1]) == ""
    told = doubts(table)
    assert told.startswith("The pairs lie more than 10% apart for b on q (31%): nothing can be claimed of these.")
    assert doubts(pd.DataFrame()) == ""


def test_a_build_against_itself(tmp_path, capsys):
    (tmp_path / "t.trace").write_text(TRACE)
    options = ["--only", "sqlite", "--trace", str(tmp_path / "t.trace"), "--json", str(tmp_path / "f.json")]
    assert run(["bench", "--against", str(ROOT), *options]) == 0
    assert "here / there" in capsys.readouterr().out
    found = json.loads((tmp_path / "f.json").read_text())
    assert [row["trace"] for row in found] == ["sqlite", "t.trace"]
    for row in found:
        assert row["ns_here"] > 0
        assert 0.3 < row["ratio"] < 3


def test_a_slower_build_is_seen_to_be_slower(tmp_path):
    other = tmp_path / "other"
    shutil.copytree(ROOT / "oosbench", other / "oosbench", ignore=shutil.ignore_patterns("__pycache__"))
    (other / "data").symlink_to(ROOT / "data")
    machine = other / "oosbench" / "machine" / "machine.py"
    machine.write_text(machine.read_text() + SLOWER)
    found = against(other, ["sqlite"])
    assert found.ratio[0] < 0.8


def test_what_is_no_build_is_refused():
    with pytest.raises(BadInput, match="no-such-commit: neither a folder with another oosbench in it nor a commit of"):
        against("no-such-commit", ["sqlite"])
    with pytest.raises(BadInput, match="no trace to time is called 'gccc'; there are bench1m"):
        against(ROOT, ["gccc"])
