"""The explorer of dirty entries: its numbers, its charts, and its panel without a browser."""

from __future__ import annotations

import html
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from oosbench import Cancelled, Trace, charts, resyncs_frame, run_each
from oosbench.guests import generate
from oosbench.machine import dirty
from oosbench.panels import DirtyPanel
from oosbench.panels import dirty as module
from oosbench.reports import tables as report

from .slow import Slow

pytestmark = pytest.mark.xdist_group("timed")  # measures time, or ends processes

CHARTS = ("dirty_ecdf", "dirty_causes", "dirty_runs", "dirty_against")


@pytest.fixture(scope="module")
def resyncs(recorded) -> pd.DataFrame:
    traces = [
        recorded("gcc"),
        recorded("sqlite"),
        replace(generate("threads", 30_000, vcpus=2, seed=1), name="threads"),
    ]
    return resyncs_frame(run_each(traces, ["oos-snapshot"]))


@pytest.fixture(scope="module")
def passes(resyncs) -> pd.DataFrame:
    return dirty.chosen(resyncs)


# --- numbers -------------------------------------------------------------------------------------------------------


def test_passes_are_chosen_by_cause_and_size(resyncs):
    evicted = dirty.chosen(resyncs, "evict", 100)
    assert set(evicted.cause) == {"evict"}
    assert evicted.compared.min() >= 100
    assert len(evicted) == ((resyncs.cause == "evict") & (resyncs.compared >= 100)).sum() > 0
    assert dirty.chosen(resyncs, compared=0).compared.min() == 1
    with pytest.raises(ValueError, match="no cause 'flood'; there are all, cr3, other-vcpu, evict"):
        dirty.chosen(resyncs, "flood")


def test_the_table_has_the_totals_of_every_recording(passes):
    table = dirty.table(passes).set_index(["trace", "cause"])
    gcc = table.loc[("gcc", "all")]
    assert (gcc.passes, gcc.compared, gcc.dirty) == (573, 121_431, 15_179)
    assert gcc.dirty_ratio == pytest.approx(15_179 / 121_431)
    assert gcc.runs * gcc.run == pytest.approx(15_179 / (passes[passes.trace == "gcc"].dirty > 0).sum())
    parts = table.drop("all", level="cause")
    for column in ("passes", "compared", "dirty"):
        assert parts.loc["gcc", column].sum() == gcc[column]
    assert "other-vcpu" in table.loc["threads"].index
    only = dirty.table(dirty.chosen(passes, "cr3"))
    assert only.cause.unique().tolist() == ["cr3"], "there is no total of one"
    assert dirty.table(passes[:0]).columns.tolist() == dirty.table(passes).columns.tolist()


def test_every_pass_is_counted_once(passes):
    causes = dirty.by_cause(passes)
    assert causes.passes.sum() == len(passes)
    assert (causes[list(dirty.SHARES)].sum(axis=1) == causes.passes).all()
    assert causes.nothing.sum() == (passes.dirty == 0).sum()
    assert causes.trace.drop_duplicates().tolist() == ["gcc", "sqlite", "threads"]
    found = dirty.structure(passes)
    assert found.passes.sum() == (passes.dirty > 0).sum()
    assert (found.runs <= found.dirty).all()
    for what in ("age", "writes"):
        bins = dirty.against(passes, what, least=1)
        assert bins.passes.sum() == len(passes)
        assert (bins.passes * bins.dirty).sum() == pytest.approx(passes.dirty.sum())
        assert dirty.against(passes, what).passes.min() >= 5
    steps = dirty.steps(passes)
    assert steps.groupby("trace").passes.max().eq(1).all()
    assert steps[steps.trace == "gcc"].passes.iloc[0] == pytest.approx(
        (causes[causes.trace == "gcc"].nothing).sum() / 573
    )


def test_bins_are_powers_of_two():
    assert dirty.power(pd.Series([0, 1, 2, 3, 4, 5, 8, 9, 512, 513])).tolist() == [0, 0, 1, 2, 2, 3, 3, 4, 9, 10]
    assert [dirty.bin_name(k) for k in (0, 1, 2, 3, 10)] == ["1", "2", "3–4", "5–8", "513–1,024"]


# --- charts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("some", ["all", "one pass", "none"])
@pytest.mark.parametrize("name", CHARTS)
def test_nothing_is_cut_off(name, some, passes):
    chosen = {"all": passes, "one pass": passes[passes.dirty > 0][:1], "none": passes[:0]}[some]
    figure = getattr(charts, name)(chosen)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    inside = figure.bbox.padded(1)
    for axes in figure.axes:
        low, high = sorted(axes.get_ylim())
        ticks = [text for text in axes.get_yticklabels() if low <= text.get_position()[1] <= high]
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label, *ticks):
            if text.get_text() and axes.axison:
                box = text.get_window_extent(canvas.get_renderer())
                assert inside.contains(box.x0, (box.y0 + box.y1) / 2), text
                assert inside.contains(box.x1, (box.y0 + box.y1) / 2), text
    if some == "none":
        assert "no data" in getattr(charts, f"{name}_text")(chosen).lower()


def test_the_charts_are_the_numbers(passes):
    (axes,) = charts.dirty_ecdf(passes).axes
    line = next(line for line in axes.lines if line.get_label() == "gcc")
    assert line.get_ydata()[0] == pytest.approx((passes[passes.trace == "gcc"].dirty == 0).mean())
    assert len({(line.get_marker(), line.get_linestyle()) for line in axes.lines}) == 3

    figure = charts.dirty_causes(passes)
    gcc = figure.axes[0]
    assert gcc.get_title("left") == "gcc"
    assert "evict  (497)" in [label.get_text() for label in gcc.get_yticklabels()]
    widths = np.array([bar.get_width() for bar in gcc.patches]).reshape(len(dirty.SHARES), -1)
    assert widths.sum(axis=0) == pytest.approx(1)
    assert len({bar.get_hatch() for bar in gcc.patches}) == len(dirty.SHARES)

    cells = [int(text.get_text()) for text in charts.dirty_runs(passes).axes[0].texts if text.get_text()]
    assert sum(cells) == ((passes.trace == "gcc") & (passes.dirty > 0)).sum()

    age, _ = charts.dirty_against(passes).axes
    drawn = next(line for line in age.lines if line.get_label() == "gcc").get_ydata()
    bins = dirty.against(passes, "age")
    assert drawn.tolist() == bins[bins.trace == "gcc"].dirty.tolist()


def test_the_texts_say_what_is_drawn(passes):
    assert "gcc 55% find nothing, nine in ten at most 26%" in charts.dirty_ecdf_text(passes)
    assert "evict 497 passes, 55% nothing" in charts.dirty_causes_text(passes)
    assert "gcc 260 passes, 32% one run, 17.3 entries a run" in charts.dirty_runs_text(passes)
    assert "threads always the same" in charts.dirty_against_text(passes), "none of its entries is ever dirty"
    assert charts.dirty_against_text(passes[passes.dirty == 0]).count("always the same") == 3
    assert "gcc 0.28 with age, 0.68 with writes" in charts.dirty_against_text(passes)


# --- the panel -----------------------------------------------------------------------------------------------------


@pytest.fixture
def panel(ending):
    return ending(DirtyPanel(["sqlite"]))


@pytest.fixture
def ran(panel):
    panel.run.click()
    assert panel.wait(60)
    return panel


def test_a_new_panel_says_what_to_do(panel):
    assert "press Run" in panel._table.value
    assert panel.sources.label == ("sqlite",)
    assert "emulate" not in panel.preset.options, "it keeps no snapshot"
    assert all(chart.value == "" for chart in panel._charts)
    panel.cause.value = "cr3"  # there is nothing to filter yet
    assert panel.wait(20)
    assert panel.status.value == "Ready."


def test_a_run_fills_table_and_charts(ran):
    told = "Done: oos-snapshot. 126 of 126 passes; 2,257 of 15,274 entries compared were dirty, 14.8%."
    assert ran.status.value == told
    for chart in ran._charts:
        assert 'alt="' in chart.value
        assert "sqlite" in chart.value
    assert "<td>15,274</td>" in ran._table.value
    assert ran.table.passes.tolist() == [126, 76, 49, 1]
    assert len(ran.passes) == 126
    files = [pd.read_csv(pd.io.common.BytesIO(chart.files["csv"]())) for chart in ran._charts]
    assert files[1].passes.sum() == 126
    assert files[2].passes.sum() == (ran.passes.dirty > 0).sum()


def test_filters_need_no_other_run(ran, monkeypatch):
    monkeypatch.setattr(module, "run_each", None)
    before = ran._charts[0].value
    ran.cause.value = "evict"
    ran.compared.value = 64
    assert ran.wait(60)
    found = ran.passes
    assert set(found.cause) == {"evict"}
    assert found.compared.min() >= 64
    assert ran.status.value.startswith(f"{len(found):,} of 126 passes; {found.dirty.sum():,} of ")
    assert ran._charts[0].value != before
    assert ran.table.passes.tolist() == [len(found)]
    ran.cause.value = "mode"
    assert ran.wait(60)
    assert ran.status.value == "0 of 126 passes."
    assert "Choose another cause" in ran._table.value
    assert all(chart.value == "" and chart.files == {} for chart in ran._charts)
    ran.cause.value, ran.compared.value = "all", 1
    assert ran.wait(60)
    assert ran._charts[0].value == before


def test_a_trace_file_and_a_trace_can_be_looked_at(tmp_path):
    trace = generate("threads", 20_000, vcpus=2, seed=1)
    trace.write(tmp_path / "mine.npz")
    panel = DirtyPanel([trace])
    panel.file.value = f"  {tmp_path / 'mine.npz'} "
    assert panel.code() == f'DirtyPanel([trace, "{tmp_path / "mine.npz"}"])'
    panel.run.click()
    assert panel.wait(60)
    assert panel.table.trace.unique().tolist() == ["threads vcpus=2 seed=1", str(tmp_path / "mine.npz")]
    halves = [part.drop(columns="trace").reset_index(drop=True) for _, part in panel.table.groupby("trace")]
    pd.testing.assert_frame_equal(*halves)
    assert "other-vcpu" in panel.table.cause.tolist()


@pytest.mark.parametrize(
    ("sources", "preset", "file", "told"),
    [
        ([], "oos-snapshot", "", "Choose at least one recording, or a trace file."),
        (["gcc"], "oos", "", "oos keeps no snapshot, so nothing is known to be dirty."),
        (["gcc"], "oos-snapshot+oos_slots=0", "", "oos_slots"),
        ([], "oos-snapshot", "./none.trace", "none.trace"),
        (["nowhere"], "oos-snapshot", "", "no bundled recording 'nowhere'; there are"),
    ],
)
def test_what_cannot_be_done_is_said_in_the_status_line(sources, preset, file, told):
    panel = DirtyPanel(sources, preset)
    panel.file.value = file
    panel.run.click()
    assert panel.wait(20)
    assert told in html.unescape(panel.status.value)
    assert "oos-error" in panel.status.value
    assert not panel.run.disabled
    assert "press Run" in panel._table.value


def test_a_trace_in_which_nothing_is_resynced_says_so():
    panel = DirtyPanel([Trace.from_text("MODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\n", "still")])
    panel.run.click()
    assert panel.wait(60)
    assert panel.status.value == "Done: oos-snapshot. 0 of 0 passes."
    assert "Nothing was resynced" in panel._table.value


def test_cancel_is_heard_at_once_and_keeps_what_was_shown(ran, monkeypatch):
    def stopped(progress, cancelled):
        raise Cancelled

    slow = Slow(stopped)
    monkeypatch.setattr(module, "run_each", slow)
    before = ran._table.value
    ran.run.click()
    slow.is_given_up(ran)
    assert ran._table.value == before
    ran.cause.value = "evict"  # what was shown can still be filtered
    assert ran.wait(60)
    assert ran.table.cause.tolist() == ["evict"]


def test_a_filter_that_is_changed_during_a_run_is_heeded(panel, monkeypatch):
    started, go = threading.Event(), threading.Event()
    draw = panel._draw

    def late(*given):
        shown = draw(*given)
        started.set()
        go.wait(20)
        return shown

    monkeypatch.setattr(panel, "_draw", late)
    panel.run.click()
    assert started.wait(60)
    panel.cause.value = "evict"
    go.set()
    assert panel.wait(60)
    assert panel.table.cause.tolist() == ["evict"]


def test_the_table_has_separators_and_units(passes):
    shown = report.readable(dirty.table(passes), report.DIRTY)
    assert {"entries compared", "age, events", "stores absorbed"} <= set(shown.columns)
    assert "121,431" in shown["entries compared"].tolist()
    assert "12.5%" in shown["dirty"].tolist()
