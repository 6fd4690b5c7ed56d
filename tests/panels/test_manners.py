"""Manners of all panels: what is shown can be saved, what is chosen is a line of Python, controls are followed."""

from __future__ import annotations

import base64
import html
import inspect
import io
import itertools
import re
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib.image import imread

from oosbench import CostError, Trace, panels
from oosbench.panels import ComparePanel, CostPanel, DirtyPanel, InspectorPanel, WorkloadPanel
from oosbench.panels._later import PAUSE, Later
from oosbench.panels._manners import Chart, Drawn, call, spelled

pytestmark = pytest.mark.xdist_group("timed")  # measures time, or ends processes

LINES = [
    "ComparePanel([])",
    'ComparePanel(["sqlite", "gcc"], presets=["oos", "oos-snapshot"])',
    'ComparePanel([trace, "gcc"], presets=["emulate", "oos+oos_slots=8"], shared="prefetch=off")',
    'PublishedPanel("walks_and_traps")',
    'SweepPanel(["sqlite"], axes={"oos_slots": "2, 3", "prefetch": "on, off"}, seeds="1, 2", metric="saved")',
    'CostPanel("redis", "Haswell", snapshot_copy=1256.0)',
    'CostPanel("gcc", "this machine", snapshot_copy=700.0)',
    'InspectorPanel("sqlite")',
    'InspectorPanel("redis", preset="oos+oos_slots=8", event=200_000, page=261_980, entry=7)',
    "InspectorPanel(trace)",
    'DirtyPanel(["gcc"])',
    'DirtyPanel(["redis", "./mine.npz"], preset="oos-fixed", cause="cr3", compared=32)',
    "DirtyPanel([trace])",
    'WorkloadPanel("fork_exec", 100_000)',
    'WorkloadPanel("cow_storm", 5000, levels=3, vcpus=2, seed=7, data=100, saves=0.25, placement="modulo")',
    'WorkloadPanel("mix", 20_000, fork_exec=2, threads=1)',
    'WorkloadPanel("windows", 30_000, levels=2, lowmem=0)',
    'RecordPanel("ls /", memory="512M", thp="never", pti=True)',
    'RecordPanel("ls /", vcpus=4)',
]
TINY = Trace.from_text("MODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\n", "tiny")


def made(line: str):
    """Return what a line makes."""
    return eval(line, vars(panels) | {"trace": TINY})


@pytest.mark.parametrize("line", LINES)
def test_the_line_makes_the_panel_that_shows_it(line):
    panel = made(line)
    # Which recordings are chosen is told in the order of the list.
    assert sorted(re.findall(r"[\w.]+", panel.code())) == sorted(re.findall(r"[\w.]+", line))
    assert made(panel.code()).code() == panel.code()
    assert html.escape(panel.code()) in panel.line.value
    assert panel.wait(60)


def test_the_line_follows_the_controls():
    panel = ComparePanel()
    assert panel.code() == 'ComparePanel(["gcc"])'
    panel.presets["emulate"].value = False
    panel.recordings.value = ("redis",)
    assert panel.code() == 'ComparePanel(["redis"], presets=["oos-fixups", "oos-snapshot"])'
    assert html.escape(panel.code()) in panel.line.value
    panel = CostPanel()
    panel.prices["p2m_lookup"].value = 99
    assert panel.code() == 'CostPanel("gcc", "Core 2 6420", p2m_lookup=99.0)'
    panel.processor.value = "Haswell"
    assert html.escape('CostPanel("gcc", "Haswell")') in panel.line.value


def test_a_price_for_this_machine_outlives_its_measurement(noise_is_fine):
    panel = CostPanel("sqlite", "this machine", snapshot_copy=700)
    panel.run.click()
    assert panel.wait(60)
    assert panel.code() == 'CostPanel("sqlite", "this machine", snapshot_copy=700.0)'
    assert panel.table.processor[0] == "this machine, changed"
    with pytest.raises(CostError, match="no price bananas here; there are snapshot_copy"):
        CostPanel(bananas=3)


def test_the_inspector_goes_where_its_line_says():
    first = InspectorPanel("sqlite")
    first.run.click()
    assert first.wait(60)
    first.jump("eviction")
    assert first.wait(60)
    first.page.value = first.page.options[1][1]
    first.cell.value = 7
    second = made(first.code())
    assert second.code() == first.code()
    second.run.click()
    assert second.wait(60)
    assert second.code() == first.code()
    assert second._grid.value == first._grid.value
    assert second._story.value == first._story.value


def test_every_panel_is_made_by_its_line_and_has_it_at_the_end():
    every = [thing for name, thing in vars(panels).items() if name.endswith("Panel")]
    assert {line.partition("(")[0] for line in LINES} == {panel.__name__ for panel in every}
    for panel in every:
        assert "code" in vars(panel), panel
        shown = panel()
        assert shown.ui.children[-1] is shown.line
        assert shown.wait(60)


def test_python_is_spelled_as_people_write_it():
    assert spelled(["a", Path("b/c.npz"), 'say "so"']) == '["a", "b/c.npz", "say \\"so\\""]'
    assert [spelled(x) for x in (9999, 10_000, -123456, 0.25, None, True)] == [
        "9999", "10_000", "-123_456", "0.25", "None", "True",
    ]  # fmt: skip

    def f(a, b=(1, 2), **more): ...

    assert call(f, 1, b=[1, 2]) == "f(1)"
    assert call(f, 1, b=[2], c=3) == "f(1, b=[2], c=3)"


# --- what is saved -------------------------------------------------------------------------------------------------


def saved(chart: Chart, ending: str) -> bytes:
    """Press a button of a chart; return the file that the page is given."""
    chart.save[ending].click()
    link = chart._link.value
    assert f'download="{chart.name}.{ending}"' in link
    assert f">{chart.name}.{ending}</a>" in link
    return base64.b64decode(re.search(r'href="data:[\w/+]+;base64,([^"]+)"', link)[1], validate=True)


@pytest.fixture(scope="module")
def compared() -> ComparePanel:
    panel = ComparePanel(["sqlite"])
    panel.run.click()
    assert panel.wait(60)
    return panel


@pytest.mark.parametrize("name", ["dirty", "work_done"])
def test_a_chart_is_saved_as_svg_png_pdf_and_csv(compared, name):
    chart = getattr(compared, f"_{name}")
    assert ElementTree.fromstring(saved(chart, "svg")).tag.endswith("svg")
    assert imread(io.BytesIO(saved(chart, "png"))).shape[1] == 2 * 691
    assert saved(chart, "pdf").startswith(b"%PDF")
    frame = pd.read_csv(io.BytesIO(saved(chart, "csv")))
    assert frame.dirty.max() == 2257
    assert frame.propagated.tolist() == compared.table.propagated.tolist()
    assert "2,257" in html.unescape(compared._table.value)


def test_the_numbers_shown_are_in_the_svg_as_well(compared):
    texts = ElementTree.fromstring(saved(compared._dirty, "svg")).iter("{http://www.w3.org/2000/svg}text")
    assert any("".join(text.itertext()).startswith("14.8 %  (2,257 of 15,274);") for text in texts)


def test_a_chart_without_a_figure_offers_nothing(compared):
    chart = Chart("nothing", "Nothing yet.")
    assert "Nothing yet." in chart.value
    assert chart._row.layout.display == "none"
    chart.save["svg"].click()
    assert chart._link.value == ""
    chart.show(Drawn("<p>", {"csv": lambda: b"a\n"}))
    assert [button.layout.display for button in chart.save.values()] == ["none", "none", "none", "flex"]
    assert saved(chart, "csv") == b"a\n"
    chart.clear()
    assert chart.value == chart._link.value == ""


def test_the_grid_of_the_inspector_is_saved():
    panel = InspectorPanel("sqlite")
    assert ElementTree.fromstring(saved(panel._grid, "svg")).find("{*}title").text == "Three empty grids."
    assert saved(panel._grid, "csv") == b"index,guest,snapshot,shadow,dirty,stale\n"
    panel.run.click()
    assert panel.wait(60)
    panel.jump("unsync")
    assert panel.wait(60)
    picture = ElementTree.fromstring(saved(panel._grid, "svg"))
    assert picture.find("{*}title").text in html.unescape(panel._grid.value)
    assert "out of sync" in picture.find("{*}title").text
    assert b"var(" not in saved(panel._grid, "svg"), "no theme outside a page"
    frame = pd.read_csv(io.BytesIO(saved(panel._grid, "csv")), keep_default_na=False)
    assert len(frame) == 512
    assert f"{frame.dirty.sum()} dirty, {frame.stale.sum()} stale" in panel._grid.value
    cell = frame.iloc[panel.cell.value]
    assert f"<td>{cell.guest}</td>" in panel._entry.value
    assert f"<td>{cell.snapshot}</td>" in panel._entry.value


# --- what follows the controls -------------------------------------------------------------------------------------


def test_the_first_of_a_burst_of_changes_is_done_at_once_and_then_the_last():
    done, first = [], threading.Event()
    later = Later()
    asked = time.monotonic()
    later.ask(lambda: (done.append(time.monotonic() - asked), first.set()))
    assert first.wait(20)
    for i in range(50):
        later.ask(lambda i=i: done.append(i))
    assert later.wait(20)
    assert done[0] < PAUSE / 2, "nothing was to be waited for"
    assert done[1:] == [49]


def test_at_most_ten_pieces_of_work_a_second():
    times = []
    later = Later()
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        later.ask(lambda: times.append(time.monotonic()))
        time.sleep(0.002)
    assert later.wait(20)
    assert 2 <= len(times) <= 7
    assert all(b - a >= 0.09 for a, b in itertools.pairwise(times))


def test_what_is_asked_for_during_work_is_done_after_it():
    done, go = [], threading.Event()
    later = Later()

    def slow():
        go.set()
        time.sleep(0.15)
        done.append("slow")

    later.ask(slow)
    assert go.wait(20)
    later.ask(lambda: done.append("skipped"))
    later.ask(lambda: done.append("last"))
    assert later.wait(20)
    assert done == ["slow", "last"]
    assert later.wait(0)


def test_an_error_in_what_follows_reaches_the_reader():
    panel = ComparePanel()

    def fail():
        raise ValueError("no <more> paper")

    panel.soon(fail)
    assert panel.wait(20)
    assert panel.status.value == '<span class="oos-error">no &lt;more&gt; paper</span>'
    panel.soon(lambda: panel.complain(ValueError("still alive")))
    assert panel.wait(20)
    assert "still alive" in panel.status.value


def test_arguments_of_panels_are_explained():
    for panel in (ComparePanel, CostPanel, DirtyPanel, InspectorPanel, WorkloadPanel):
        for name in list(inspect.signature(panel).parameters):
            assert re.search(rf"\b{name}\b", inspect.getdoc(panel).partition("Attributes")[0]), (panel, name)
