"""Names of files and traces are text, whatever is in them: no panel hands their markup to the page."""

from __future__ import annotations

from dataclasses import replace

import ipywidgets as widgets
import pytest

from oosbench import panels, recordings
from oosbench.machine import run_each
from oosbench.panels import cost, published, record, sweep, workload
from oosbench.recorder import Recorded

MARK = "<b>x</b><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A trace in a file whose path has markup (a name alone can have no slash)."""
    path = tmp_path_factory.mktemp("<b>x<") / "b><img src=x onerror=alert(1)>.trace"
    replace(recordings.load("sqlite").trace(), name="mine").write(path)
    return path


def shown(widget: widgets.Widget):
    """Yield all that a panel hands to the page as HTML."""
    if isinstance(widget, widgets.HTML | widgets.HTMLMath):
        yield widget.value
    assert not getattr(widget, "description_allow_html", False)
    for child in getattr(widget, "children", ()):
        yield from shown(child)


def clean(panel: panels.ComparePanel | object) -> str:
    """Return the status after making sure that there is no markup of ours in the page."""
    for told in shown(panel.ui):
        assert "<b>" not in told
        assert "<img src=x" not in told
    return panel.status.value


def ran(panel):
    panel.run.click()
    assert panel.wait(120)
    return panel


@pytest.mark.parametrize("kind", ["ComparePanel", "DirtyPanel", "InspectorPanel"])
@pytest.mark.parametrize("as_trace", [True, False])
def test_panels_that_take_files(kind, as_trace, file):
    source = replace(recordings.load("sqlite").trace(), name=MARK) if as_trace else str(file)
    make = getattr(panels, kind)
    panel = ran(make(source) if kind == "InspectorPanel" else make([source]))
    assert "oos-error" not in clean(panel)
    if kind == "InspectorPanel":
        assert "&lt;b&gt;x&lt;" in clean(panel)
        panel.jump("eviction")
        assert panel.wait(60)
        panel.step(1)
        clean(panel)


@pytest.mark.parametrize("kind", ["ComparePanel", "DirtyPanel", "InspectorPanel"])
def test_panels_that_are_told_of_a_file_that_is_not_there(kind, file):
    source = f"{file}.lost"
    make = getattr(panels, kind)
    told = clean(ran(make(source) if kind == "InspectorPanel" else make([source])))
    assert "oos-error" in told
    assert "&lt;b&gt;x&lt;" in told


def test_the_cost_panel(monkeypatch):
    def named(sources, *rest, **more):
        return run_each([replace(recordings.load("sqlite").trace(), name=MARK)], *rest, **more)

    monkeypatch.setattr(cost, "run_each", named)
    panel = ran(panels.CostPanel("sqlite"))
    assert f"The snapshot pays on {MARK.replace('<', '&lt;').replace('>', '&gt;')} at" in clean(panel)
    panel.prices["p2m_lookup"].value = 99
    assert panel.wait(60)
    assert "&lt;b&gt;x&lt;" in clean(panel)


def test_the_workload_panel(file, monkeypatch):
    panel = panels.WorkloadPanel("fork_exec", 2000)
    assert panel.wait(60)
    panel.path.value = str(file.parent / "made<b>.trace")
    panel.save.click()
    assert panel.wait(60)
    assert "made&lt;b&gt;.trace" in clean(panel)
    panel.path.value = str(file.parent / "no" / "<b>.trace")
    panel.save.click()
    assert panel.wait(60)
    assert "There is no folder" in clean(panel)

    def fail(*_, **__):
        raise OSError(MARK)

    monkeypatch.setattr(workload, "Workload", fail)
    panel.seed.value = 7
    assert panel.wait(60)
    assert "&lt;b&gt;x" in clean(panel)


def test_the_sweep_panel(file, tmp_path, monkeypatch):
    panel = ran(
        panels.SweepPanel(["sqlite"], ["oos-snapshot"], {"oos_slots": "2"}, store=file.parent / "no" / "<b>.sqlite")
    )
    assert "oos-error" in clean(panel)
    panel = ran(panels.SweepPanel(["sqlite"], ["oos-snapshot"], {"oos_slots": "2, <b>"}, store=tmp_path / "s.sqlite"))
    assert "oos-error" in clean(panel)
    told = sweep.sweep

    def marked(*arguments, **more):
        return told(*arguments, **more).assign(workload=MARK)

    monkeypatch.setattr(sweep, "sweep", marked)
    panel = ran(panels.SweepPanel(["sqlite"], ["oos-snapshot"], {"oos_slots": "2, 3"}, store=tmp_path / "s.sqlite"))
    assert "oos-error" not in clean(panel)


def test_the_record_panel(monkeypatch, file):
    made = Recorded(recordings.load("sqlite"), recordings.check(recordings.load("sqlite")), {}, f"{MARK}\n")
    monkeypatch.setattr(record, "record", lambda *_, **__: made)
    panel = ran(panels.RecordPanel(f"echo '{MARK}'", out=str(file)))
    assert "Done: " in clean(panel)

    def fail(*_, **__):
        raise OSError(MARK)

    monkeypatch.setattr(record, "record", fail)
    assert "&lt;b&gt;x" in clean(ran(panel))


def test_the_panel_of_published_figures(monkeypatch):
    def fail(*_, **__):
        raise OSError(MARK)

    monkeypatch.setattr(published.FIGURES["walks_and_traps"], "table", fail)
    assert "&lt;b&gt;x" in clean(ran(panels.PublishedPanel("walks_and_traps")))


def test_all_panels_are_gone_over():
    every = {name for name in vars(panels) if name.endswith("Panel")}
    gone_over = {"Compare", "Dirty", "Inspector", "Cost", "Workload", "Sweep", "Record", "Published"}
    assert every == {f"{name}Panel" for name in gone_over}
