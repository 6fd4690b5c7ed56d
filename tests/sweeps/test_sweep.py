"""Sweeps and what they are looked at through: metrics, charts, the command."""

from __future__ import annotations

import re
import time
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

import oosbench
from oosbench import Cancelled, Design, DesignError, Store, charts
from oosbench.__main__ import main
from oosbench.costs import worth
from oosbench.reports import sweep_chart
from oosbench.sweeps import METRICS, Pace, metrics, sweep
from oosbench.sweeps.sweep import duration

pytestmark = pytest.mark.xdist_group("sweep")  # its tests share what takes a while

SLOTS = Design(
    workloads=["sqlite", {"family": "fork_exec", "events": 5000}],
    presets=["oos-snapshot", "oos-fixups", "emulate"],
    axes={"oos_slots": [2, 3, 8], "prefetch": [True, False]},
    seeds=[0, 1],
)


@pytest.fixture(scope="module")
def frame():
    with Store(":memory:") as store:
        return sweep(SLOTS, store, jobs=1)


def test_a_point_counts_what_a_machine_counts(frame, recorded):
    machine = oosbench.Machine(recorded("sqlite"), "oos-snapshot+oos_slots=8+prefetch=off")
    row = frame.query("workload == 'sqlite' and preset == 'oos-snapshot' and oos_slots == 8 and not prefetch").iloc[0]
    for name, count in machine.run().counters.items():
        assert row[f"{name}_counted" if f"{name}_counted" in frame else name] == count, name
    trace = oosbench.guests.generate("fork-exec", 5000, seed=1)
    counters = oosbench.Machine(trace, "oos-fixups+oos_slots=2").run().counters
    row = frame.query("seed == 1 and preset == 'oos-fixups' and oos_slots == 2 and prefetch").iloc[0]
    assert row.shadow_fault == counters.shadow_fault
    assert (row.levels, row.vcpus) == (4, 1)


def test_points_that_fail_are_recorded_and_stop_nothing(tmp_path, trace):
    (tmp_path / "wrong.trace").write_text(trace("t0").to_text() + "CR3 0 0x999999000\n")
    design = Design(
        workloads=[str(tmp_path / "wrong.trace"), "sqlite", {"family": "mprotect_sweep", "pages": 2048, "heap": 4000}],
        axes={"oos_slots": [1, 2], "unsafe": [True, False]},
    )
    with Store(":memory:") as store:
        found = sweep(design, store, jobs=1)
        again = sweep(design, store, jobs=1)
    pd.testing.assert_frame_equal(found, again)
    errors = found.set_index(["workload", "oos_slots", "unsafe"]).error
    assert "guest memory ends at" in errors[str(tmp_path / "wrong.trace"), 2, True]
    assert "must be 2 to 64" in errors["sqlite", 1, False]
    assert "2,048 pages" in errors["mprotect_sweep pages=2048 heap=4000", 2, True]
    assert errors["sqlite"].tolist().count("") == 3


def test_a_sweep_can_be_stopped_in_the_middle_of_a_point():
    design = Design(workloads=["redis"], axes={"oos_slots": [2, 3, 4]})
    asked = []
    with Store(":memory:") as store:
        with pytest.raises(Cancelled):
            sweep(design, store, jobs=1, cancelled=lambda: asked.append(0) or len(asked) > 3)
        assert len(store) == 0


def test_processes_are_stopped_at_once(tmp_path):
    design = Design(workloads=[{"family": "fork_exec", "events": 3_000_000}], seeds=range(4))
    began = []
    with Store(tmp_path / "s.sqlite") as store:

        def cancelled():
            began.append(time.monotonic())
            return began[-1] - began[0] > 0.3

        with pytest.raises(Cancelled):
            sweep(design, store, jobs=2, cancelled=cancelled)
        assert len(store) == 0


def test_what_the_snapshot_saves_is_what_worth_says(frame, recorded):
    told = worth([recorded("sqlite")], ["Core 2 6420"], draws=10)
    rows = frame.query("workload == 'sqlite' and oos_slots == 3 and prefetch")
    saved = metrics.metric(rows, "saved")
    assert saved.dropna().tolist() == [pytest.approx(told.share[0])]
    assert metrics.metric(rows, "cycles")[rows.preset == "oos-fixups"].tolist() == [
        pytest.approx(told.cycles_without[0])
    ]
    assert round(metrics.metric(rows, "dirty_ratio").dropna().tolist()[0], 3) == 0.148
    with pytest.raises(DesignError, match="no metric 'speed'; there are dirty_ratio"):
        metrics.metric(frame, "speed")


def test_a_surface_is_the_mean_of_what_is_alike(frame):
    table = metrics.surface(frame, "evictions", ["oos_slots"])
    row = table.query("workload == 'fork_exec events=5000' and preset == 'oos-snapshot' and oos_slots == 2").iloc[0]
    alike = frame.query("workload == 'fork_exec events=5000' and preset == 'oos-snapshot' and oos_slots == 2")
    assert row.points == 4
    assert row.value == alike.shadow_unsync_evict.mean()
    assert (row.low, row.high) == (alike.shadow_unsync_evict.min(), alike.shadow_unsync_evict.max())
    with pytest.raises(DesignError, match="no axis 'heep'"):
        metrics.surface(frame, "evictions", ["heep"])


@pytest.mark.parametrize("along", [["oos_slots"], ["prefetch"], ["oos_slots", "prefetch"]])
@pytest.mark.parametrize("name", METRICS)
def test_every_metric_can_be_drawn_and_told(frame, name, along):
    figure, told = sweep_chart(frame, name, along)
    assert charts.as_png(figure, 50).startswith(b"\x89PNG")
    assert told.startswith("Line chart: " if len(along) == 1 else "Heat map: ")
    assert METRICS[name].about in told
    assert "nan" not in told


def test_charts_of_samples_and_of_nothing(frame):
    design = Design(
        workloads=["sqlite"],
        axes={"oos_slots": {"low": 2, "high": 40}, "prefetch_distance": {"low": 1, "high": 64}},
        kind="sample",
        samples=16,
    )
    with Store(":memory:") as store:
        sampled = sweep(design, store, jobs=1)
    for along in (["oos_slots"], ["oos_slots", "prefetch_distance"]):
        assert charts.as_svg(sweep_chart(sampled, "evictions", along)[0])
        figure, told = sweep_chart(
            frame[frame.preset == "emulate"], "saved", along[:1] + ["prefetch"] * (len(along) - 1)
        )
        assert charts.as_svg(figure)
        assert told.endswith("No data.")


def test_words_on_an_axis_stand_as_given_and_apart():
    policies = [*(f"threshold({k})" for k in (16, 2, 8, 4, 1024, 512)), "always"]
    table = pd.DataFrame({"policy": policies * 2, "prefetch": [True] * 7 + [False] * 7, "value": range(14)})
    table = pd.concat([table.assign(workload=w, preset="oos", low=0, high=14, points=1) for w in ("gcc", "redis")])
    told = ("policy", "evictions", "{:.0f}"), ("policy", "prefetch", "evictions", "{:.0f}")
    for figure in (charts.lines(table, *told[0]), charts.heatmap(table, *told[1])):
        FigureCanvasAgg(figure).draw()
        for axes in figure.axes[:2]:
            labels = axes.get_xticklabels()
            if len(labels) < 2:  # of the scale of colours
                continue
            assert [label.get_text().strip() for label in labels] == policies
            boxes = [label.get_window_extent() for label in labels] + [axes.xaxis.label.get_window_extent()]
            boxes += [axes.get_legend().get_window_extent()] if axes.get_legend() else []
            lines = [len(label.get_text().splitlines()) - 1 for label in labels]
            seen = [  # the lines left empty above a word hide nothing; a pixel is rounding
                Bbox.from_extents(box.x0, box.y0, box.x1, box.y0 + box.height / (line + 1) - 1)
                for box, line in zip(boxes, [*lines, 0, 0], strict=False)
            ]
            assert not [(a, b) for a, b in combinations(seen, 2) if a.overlaps(b)]


def test_pace_tells_rate_and_time_left():
    assert str(Pace(0, 24, 0, 0, np.nan)) == "0 of 24 points"
    assert str(Pace(1200, 3000, 2, 8.04, 224)) == "1,200 of 3,000 points, 2 failed, 8.0 a second, 4 min left"
    assert [duration(s) for s in (3, 119, 200, 9000)] == ["3 s", "119 s", "3 min", "2 h 30 min"]


def test_the_command_prints_a_table_and_leaves_files(in_folder, capsys):
    (in_folder / "few.toml").write_text(
        'workloads = ["sqlite"]\npresets = ["E", "oos-fixups"]\n[axes]\noos_slots = [1, 2, 3]\nunsafe = [false, true]\n'
    )
    assert main(["sweep", "few.toml", "--jobs", "1", "--out", "made"]) == 0
    told = capsys.readouterr()
    assert re.search(r"sqlite +oos-snapshot +3 +yes +14\.8% +126 ", told.out)
    assert "failed: sqlite on oos-snapshot: preset oos-snapshot+oos_slots=1" in told.err
    assert (in_folder / "few.sqlite").exists()
    names = {path.name for path in (in_folder / "made").iterdir()}
    assert names == {"points.csv", "summary.csv"} | {f"{name}.{kind}" for name in METRICS for kind in ("svg", "png")}
    assert len(pd.read_csv(in_folder / "made" / "points.csv")) == 12
    assert main(["sweep", "./few.toml", "--csv", "-"]) == 0  # all is known: no process is started
    assert capsys.readouterr().out == (in_folder / "made" / "points.csv").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "no bundled sweep 'nothing'; there are slots"),
        (["./nothing.toml"], "nothing.toml: No such file"),
        (["slots", "--jobs", "0"], "--jobs is 0, must be at least 1"),
        (["slots", "--store", "no/where.sqlite"], "no/where.sqlite: cannot be opened"),
    ],
)
def test_a_command_that_makes_no_sense_is_told(words, told, in_folder, capsys):
    assert main(["sweep", *words]) == 2
    assert told in capsys.readouterr().err
