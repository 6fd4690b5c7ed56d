"""Panels, without a browser: the widgets are ordinary objects."""

from __future__ import annotations

import time

import pytest

from oosbench import Cancelled, recordings
from oosbench.panels import ComparePanel, CostPanel, SweepPanel, compare
from oosbench.panels._panel import Run

from .slow import Slow

pytestmark = pytest.mark.xdist_group("timed")  # measures time, or ends processes


@pytest.fixture
def panel(ending):
    return ending(ComparePanel(names=["sqlite"]))


def test_a_new_panel_says_what_to_do(panel):
    assert "press Run" in panel._table.value
    assert [name for name, _ in panel.recordings.options] == list(recordings.bundled().index)
    assert [name for name, box in panel.presets.items() if box.value] == list(compare.PRESETS_TO_COMPARE)
    assert not panel.run.disabled
    assert panel.cancel.disabled


def test_a_run_fills_table_and_charts(panel):
    panel.run.click()
    assert panel.run.disabled
    assert not panel.cancel.disabled
    assert panel.wait(60)
    assert panel.status.value.startswith("Done: 3 runs, 71,712 events in ")
    assert panel.table.propagated.tolist() == [0, 15274, 2257]
    assert "<td>15,274</td>" in panel._table.value
    assert 'alt="Bar chart: ' in panel._dirty.value
    assert 'alt="Dot chart: ' in panel._work_done.value
    assert not panel.run.disabled
    assert panel.cancel.disabled
    assert panel.bar.value == 1


def test_presets_without_resync_say_so_instead_of_an_empty_chart(panel):
    for name, box in panel.presets.items():
        box.value = name == "emulate"
    panel.run.click()
    assert panel.wait(60)
    assert "keeps a snapshot" in panel._dirty.value
    assert "emulated" in panel._work_done.value


@pytest.mark.parametrize("what", ["traces", "presets"])
def test_nothing_chosen_is_an_error_in_the_status_line(panel, what):
    if what == "traces":
        panel.recordings.value = ()
    else:
        for box in panel.presets.values():
            box.value = False
    panel.run.click()
    assert panel.wait(20)
    assert f"Choose at least one {what[:-1]}." in panel.status.value
    assert "oos-error" in panel.status.value
    assert not panel.run.disabled


def test_an_error_in_the_thread_reaches_the_reader(panel, monkeypatch):
    def fail(*anything, **more):
        raise RuntimeError("the <disk> is full")

    monkeypatch.setattr(compare, "run_each", fail)
    panel.run.click()
    assert panel.wait(20)
    assert "the &lt;disk&gt; is full" in panel.status.value


def heeding(progress, cancelled):
    """End as a run does that is asked to."""
    if cancelled():
        raise Cancelled
    return iter(())


def test_cancel_answers_at_once_and_keeps_what_was_shown(panel, monkeypatch):
    panel.run.click()
    assert panel.wait(60)
    before = panel._table.value
    slow = Slow(heeding)
    monkeypatch.setattr(compare, "run_each", slow)
    panel.run.click()
    slow.is_given_up(panel)
    assert panel.status.value.startswith("Cancelled.")
    assert panel._table.value == before


def test_a_run_that_was_given_up_is_heard_no_more(panel, monkeypatch):
    slow = Slow(heeding)
    with monkeypatch.context() as patched:
        patched.setattr(compare, "run_each", slow)
        panel.run.click()
        assert slow.started.wait(20)
        first = panel._thread
    panel.start()
    assert panel.wait(60)
    done = panel.status.value
    slow.heed.set()
    first.join(20)
    assert panel.status.value == done
    assert done.startswith("Done: 3 runs")


def test_progress_is_told_at_most_ten_times_a_second():
    told = []

    class Ear:
        def show_progress(self, what, share):
            told.append(share)

    run = Run(Ear())
    end = time.monotonic() + 0.55
    while time.monotonic() < end:
        run.progress("x", 1, 2)
    assert 4 <= len(told) <= 6
    run.stop()
    time.sleep(0.11)
    run.progress("x", 1, 2)
    assert len(told) <= 6


def test_the_cost_panel_follows_its_prices_without_a_run():
    panel = CostPanel("sqlite")
    assert "press Run" in panel._table.value
    panel.prices["snapshot_copy"].value = 3  # before a run there is nothing to redraw
    panel.run.click()
    assert panel.wait(60)
    cheap = panel.table.net_cycles[0]
    assert panel.status.value.startswith("Done. The snapshot pays on sqlite at the prices of Core 2 6420, ")
    panel.processor.value = "Haswell"
    assert panel.prices["snapshot_copy"].value == 256
    assert panel.priced().name == "Haswell"
    assert panel.wait(20)
    at_256, pictures = panel.table.net_cycles[0], (panel._tornado.value, panel._curve.value)
    panel.prices["snapshot_copy"].value = 1256
    assert panel.wait(20)
    assert panel.table.net_cycles[0] == pytest.approx(at_256 - 1000 * 146)
    assert panel.priced().name == "Haswell, changed"
    assert cheap > 0
    assert panel._tornado.value != pictures[0], "the pictures follow the answer"
    assert panel._curve.value != pictures[1]
    assert 'aria-label="Tornado chart: ' in panel._tornado.value
    assert 'aria-label="Line chart: ' in panel._curve.value


def test_another_price_takes_less_than_a_tenth_of_a_second_of_work():
    panel = CostPanel("gcc")
    panel.run.click()
    assert panel.wait(60)
    seen = []
    panel._tornado._picture.observe(lambda change: seen.append("picture"), "value")
    panel.status.observe(lambda change: seen.append("answer"), "value")
    took = []
    for price in range(1_000, 11_000, 1_000):
        began = time.process_time()  # what else runs on the machine is not in it
        panel.prices["snapshot_copy"].value = price
        assert panel.wait(20)
        took.append(time.process_time() - began)
    assert seen == ["picture", "answer"] * 10
    assert min(took) < 0.1, took


def test_what_the_cost_panel_saves_is_the_figure_at_its_prices():
    panel = CostPanel("sqlite")
    panel.run.click()
    assert panel.wait(60)
    before = {
        chart: {ending: make() for ending, make in chart.files.items()} for chart in (panel._tornado, panel._curve)
    }
    panel.prices["snapshot_copy"].value = 5_000
    assert panel.wait(20)
    for chart, first in ((panel._tornado, "events,"), (panel._curve, "processor,")):
        made = {ending: make() for ending, make in chart.files.items()}
        assert made["svg"].startswith(b"<?xml")
        assert made["png"].startswith(b"\x89PNG")
        assert first in made["csv"].decode().splitlines()[0]
        assert made["csv"] != before[chart]["csv"]
        assert made["svg"] != before[chart]["svg"]


def test_this_machine_is_measured_in_a_run(noise_is_fine):
    panel = CostPanel("sqlite")
    panel.processor.value = "this machine"  # begins one
    assert panel.run.disabled
    assert panel.wait(60)
    assert panel.table.processor[0] == "this machine"
    assert panel.prices["snapshot_copy"].value != 512
    panel.processor.value = "Merom"
    assert panel.prices["snapshot_copy"].value == 512
    panel.processor.value = "this machine"  # it is known now
    assert panel.wait(20)
    assert panel.table.processor[0] == "this machine"


@pytest.fixture
def knobs(tmp_path, ending):
    return ending(SweepPanel(["sqlite"], axes={"oos_slots": "2, 3"}, store=tmp_path / "panel.sqlite"))


def test_the_sweep_panel_runs_what_is_not_known_and_shows_any_metric(knobs):
    assert "press Run" in knobs._chart.value
    knobs.metric.value = "saved"  # before a run there is nothing to redraw
    knobs.run.click()
    assert knobs.wait(60)
    assert knobs.status.value.startswith("Done: 4 points, 0 of them known, in ")
    assert 'alt="Line chart: cycles saved' in knobs._chart.value
    knobs.metric.value = "dirty_ratio"
    assert 'alt="Line chart: dirty, of all' in knobs._chart.value
    assert "<td>14.8%</td>" in knobs._table.value
    assert "oos_slots = [2, 3]" in knobs._toml.value
    knobs.axes[1][0].value, knobs.axes[1][1].value = "prefetch", "on, off"
    knobs.run.click()
    assert knobs.wait(60)
    assert 'alt="Heat map: ' in knobs._chart.value
    began = time.perf_counter()
    knobs.run.click()
    assert knobs.wait(60)
    assert knobs.status.value.startswith("Done: 8 points, 8 of them known, in ")
    assert time.perf_counter() - began < 5
    assert len(knobs.frame) == 8


def test_the_sweep_panel_offers_the_axes_there_are(knobs):
    assert "heap" not in knobs.axes[0][0].options
    knobs.workloads.value = ("fork_exec",)
    assert "heap" in knobs.axes[0][0].options
    knobs.axes[1][0].value = "heap"
    knobs.workloads.value = ("gcc",)
    assert knobs.axes[1][0].value == ""
    assert knobs.axes[0][0].value == "oos_slots"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: setattr(p.workloads, "value", ()), "Choose at least one workload."),
        (lambda p: setattr(p.presets, "value", ()), "Choose at least one preset."),
        (lambda p: setattr(p.axes[0][0], "value", ""), "Choose an axis."),
        (lambda p: setattr(p.axes[1][0], "value", "oos_slots"), "both are oos_slots"),
        (lambda p: setattr(p.axes[0][1], "value", ""), "oos_slots has no values"),
        (lambda p: setattr(p.axes[0][1], "value", "2, 99"), "oos_slots is 99, which fits nowhere"),
        (lambda p: setattr(p.seeds, "value", "x"), "seeds is &#x27;x&#x27;, must be a whole number"),
    ],
)
def test_what_makes_no_sense_is_told_in_the_status_line(knobs, change, told):
    change(knobs)
    knobs.run.click()
    assert knobs.wait(20)
    assert told in knobs.status.value
    assert "oos-error" in knobs.status.value


def test_a_metric_that_is_nothing_here_says_so(knobs):
    knobs.presets.value = ("emulate",)
    knobs.metric.value = "dirty_ratio"
    knobs.run.click()
    assert knobs.wait(60)
    assert "Nothing is known of this" in knobs._chart.value
