"""The commands about costs: worth, rivals, prices, calibrate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oosbench.__main__ import main as run
from oosbench.costs import processor, write_processor


def test_worth_prints_the_answer_and_leaves_rows(tmp_path, capsys):
    file = tmp_path / "w.json"
    assert run(["worth", "sqlite", "--processor", "Merom", "--json", str(file)]) == 0
    assert "The snapshot pays on sqlite at the prices of Merom, " in capsys.readouterr().out
    (row,) = json.loads(file.read_text())
    wanted = "recording compared dirty snapshot_copies propagations_avoided net_cycles net_cycles_low net_cycles_high"
    assert set(wanted.split()) | {"processor"} <= set(row)
    assert row["net_cycles_low"] < row["net_cycles"] < row["net_cycles_high"]
    assert row["net_cycles_worst"] < row["net_cycles_low"]
    assert row["net_cycles_high"] < row["net_cycles_best"]


def test_a_calibration_is_kept_and_used(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_processor(processor("Haswell"), "mine.json", "my own")
    assert run(["worth", "sqlite", "--processor", "./mine.json"]) == 0
    assert "at the prices of my own, as stated" in capsys.readouterr().out
    Path("mine.json").write_text("{}")
    assert run(["worth", "sqlite", "--processor", "./mine.json"]) == 2
    assert "mine.json: is no processor that 'calibrate --save' wrote" in capsys.readouterr().err


def test_rivals_prints_a_table(capsys):
    assert run(["rivals", "sqlite", "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["system"] for row in rows][-1] == "ideal"
    assert run(["rivals", "sqlite", "--processor", "Haswell"]) == 0
    assert "(sqlite at the prices of Haswell)" in capsys.readouterr().out


def test_prices_and_calibrate_print(capsys):
    assert run(["prices"]) == 0
    assert "Merom         2.66 GHz, exit and entry 2,123 cycles (secondary)" in capsys.readouterr().out
    assert run(["prices", "Penryn"]) == 0
    assert "no source" in capsys.readouterr().out
    assert run(["calibrate"]) == 0
    assert "copy hot" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["worth", "sqlite"], ["rivals", "sqlite"], ["prices"]])
def test_an_unknown_processor_is_bad_input(command, capsys):
    words = [*command, "Z80"] if command == ["prices"] else [*command, "--processor", "Z80"]
    assert run(words) == 2
    assert "unknown processor 'Z80'; there are" in capsys.readouterr().err
