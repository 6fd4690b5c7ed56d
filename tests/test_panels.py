"""Panels, without a browser: the widgets are ordinary objects."""

from __future__ import annotations

import threading
import time

import pytest

from oosbench import Cancelled, recordings
from oosbench.panels import ComparePanel, CostPanel, compare
from oosbench.panels._panel import Run


@pytest.fixture
def panel():
    made = ComparePanel(names=["sqlite"])
    yield made
    made.stop()
    assert made.wait(20)


def test_a_new_panel_says_what_to_do(panel):
    assert "press Run" in panel._table.value
    assert panel.recordings.options == tuple(recordings.bundled().index)
    assert [name for name, box in panel.presets.items() if box.value] == list(compare.PRESETS_TO_COMPARE)
    assert not panel.run.disabled
    assert panel.cancel.disabled


def test_a_run_fills_table_and_charts(panel):
    panel.run.click()
    assert panel.run.disabled
    assert not panel.cancel.disabled
    assert panel.wait(60)
    assert panel.status.value.startswith("Done: 3 runs, 71,712 events in ")
    assert panel.table.propagated.tolist() == [0, 2257, 15274]
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


@pytest.mark.parametrize("what", ["recordings", "presets"])
def test_nothing_chosen_is_an_error_in_the_status_line(panel, what):
    if what == "recordings":
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


class Slow:
    """Stands for a run that takes for ever, and heeds a request to stop only when told."""

    def __init__(self):
        self.started, self.heed = threading.Event(), threading.Event()

    def __call__(self, names, presets, *, progress, cancelled):
        self.started.set()
        self.heed.wait(20)
        if cancelled():
            raise Cancelled
        return iter(())


def test_cancel_answers_at_once_and_keeps_what_was_shown(panel, monkeypatch):
    panel.run.click()
    assert panel.wait(60)
    before = panel._table.value
    slow = Slow()
    monkeypatch.setattr(compare, "run_each", slow)
    panel.run.click()
    assert slow.started.wait(20)
    began = time.perf_counter()
    panel.cancel.click()
    assert time.perf_counter() - began < 0.2
    assert panel.status.value.startswith("Cancelled.")
    assert not panel.run.disabled
    slow.heed.set()
    assert panel.wait(20)
    assert panel.status.value.startswith("Cancelled.")
    assert panel._table.value == before


def test_a_run_that_was_given_up_is_heard_no_more(panel, monkeypatch):
    slow = Slow()
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
    assert panel.status.value.startswith("Done. The snapshot pays on all of 1 guest and 1 processor")
    panel.processor.value = "Haswell"
    assert panel.prices["snapshot_copy"].value == 256
    assert panel.priced().name == "Haswell"
    at_256 = panel.table.net_cycles[0]
    panel.prices["snapshot_copy"].value = 1256
    assert panel.table.net_cycles[0] == pytest.approx(at_256 - 1000 * 146)
    assert panel.priced().name == "Haswell, changed"
    assert cheap > 0
    assert 'alt="Tornado chart: ' in panel._tornado.value
    assert 'alt="Line chart: ' in panel._curve.value


def test_this_machine_is_measured_in_a_run():
    panel = CostPanel("sqlite")
    panel.processor.value = "this machine"  # begins one
    assert panel.run.disabled
    assert panel.wait(60)
    assert panel.table.processor[0] == "this machine"
    assert panel.prices["snapshot_copy"].value != 512
    panel.processor.value = "Merom"
    assert panel.prices["snapshot_copy"].value == 512
    panel.processor.value = "this machine"  # it is known now
    assert panel.table.processor[0] == "this machine"
