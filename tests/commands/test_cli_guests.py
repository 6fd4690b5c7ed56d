"""The commands about guests: list, generate, describe, fidelity, fit."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from oosbench import PRESETS, Trace, recordings
from oosbench.guests import FAMILIES, FITTED, generate

from .test_cli import T0, run


def test_list_as_json_is_for_programs(capsys):
    assert run("list", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [r["name"] for r in told["recordings"]] == list(recordings.bundled().index)
    assert [p["name"] for p in told["presets"]] == list(PRESETS)
    assert {g["name"]: tuple(g["levels"]) for g in told["guests"]} == {f.name: f.levels for f in FAMILIES.values()}
    for guest in told["guests"]:
        assert {"pages", "placement"} < set(guest["parameters"])
        for parameter in guest["parameters"].values():
            limits = parameter.get("choices") or [parameter["min"], parameter["max"]]
            assert parameter["default"] in limits or limits[0] <= parameter["default"] <= limits[1]
            assert parameter["about"]


@pytest.mark.parametrize("guest", FAMILIES.values(), ids=lambda family: family.name)
def test_what_list_says_generate_takes(guest, in_folder, capsys):
    for name, parameter in {p.name: p.told(guest.options) for p in guest.parameters}.items():
        words = ("--set", f"{name}={parameter['default']}", "--events", 200)
        assert run("generate", guest.name, "g.trace", *words) == 0
    assert Trace.read("g.trace").levels == guest.levels[-1]


def test_generate_writes_what_the_package_makes(in_folder, capsys):
    words = ("--levels", 3, "--vcpus", 2, "--seed", 7, "--events", 3000)
    words += ("--set", "heap=200", "--set", "placement=random")
    for out in ("g.trace", "g.trace.gz", "g.npz"):
        assert run("generate", "fork-exec", out, *words) == 0
    wanted = generate("fork_exec", 3000, levels=3, vcpus=2, seed=7, heap=200, placement="random").to_text()
    assert {Trace.read(out).to_text() for out in ("g.trace", "g.trace.gz", "g.npz")} == {wanted}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("generate", "fork-exec", "x", "--set", "heap"), "--set is 'heap', must be NAME=VALUE"),
        (("generate", "fork-exec", "x", "--set", "hope=1"), "fork_exec has no parameter 'hope'; it has shell"),
        (("generate", "fork-exec", "x", "--set", "heap=0"), "fork_exec: heap is '0', must be a whole number from 1 to"),
        (("generate", "isolation", "x"), "no workload family 'isolation'; there are demand_paging"),
        (("generate", "windows", "x", "--levels", "4"), "windows: levels is 4; it exists for levels 2 and 3"),
        (("generate", "mix", "x", "--vcpus", "0"), "vcpus is 0, must be from 1 to 64"),
        (("generate", "mix", "x", "--events", "0"), "events is 0, must be at least 1"),
        (("generate", "mix", "no/x"), "No such file or directory"),
        (("describe", T0, "--chart", "x.jpg"), "--chart is x.jpg, must end in .svg, .png or .pdf"),
        (("bench", "--chart", "x"), "--chart is x, must end in .svg, .png or .pdf"),
        (("bench", "--against", "HEAD", "--chart", "x.svg"), "it does not go with --against"),
        (("growth", "--chart", "x.eps"), "--chart is x.eps, must end in .svg, .png or .pdf"),
        (("fidelity", "word"), "no workload was fitted to 'word'; there are forkexec"),
        (("fit", "word"), "no workload was fitted to 'word'; there are forkexec"),
    ],
)
def test_bad_input_is_one_clear_line_and_leaves_nothing(words, told, in_folder, capsys):
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1
    assert list(in_folder.iterdir()) == []


def test_describe_tells_and_draws(in_folder, capsys):
    for chart in ("c.svg", "c.png", "c.pdf"):
        assert run("describe", "sqlite", "--chart", chart) == 0
        assert "13% of 54 epochs with a store have one to more than 3 L1 tables." in capsys.readouterr().out
    assert (in_folder / "c.svg").read_bytes().startswith(b"<?xml")
    assert (in_folder / "c.png").read_bytes().startswith(b"\x89PNG")
    assert (in_folder / "c.pdf").read_bytes().startswith(b"%PDF")


def test_fidelity_and_fit_print_and_write(in_folder, capsys):
    assert run("fidelity", "sqlite", "--events", 5000, "--out", "f.csv") == 0
    assert "dirty entries per resync" in capsys.readouterr().out
    assert pd.read_csv("f.csv").recording.tolist() == ["sqlite"] * 7
    assert run("fit", "sqlite", "--generations", 0, "--out", "fit.json") == 0
    assert set(json.loads((in_folder / "fit.json").read_text())) == set(FITTED)
