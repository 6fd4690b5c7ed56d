"""The maker of workloads: its panel without a browser, and the pieces under it."""

from __future__ import annotations

import html
import io

import numpy as np
import pandas as pd
import pytest

from oosbench import GuestError, Trace, charts
from oosbench.guests import FAMILIES, OPTIONS, Workload, generate
from oosbench.panels import WorkloadPanel
from oosbench.panels import workload as module
from oosbench.panels.workload import PREVIEW
from oosbench.traces.events import POKE

from .slow import Slow


@pytest.fixture
def panel(ending):
    made = ending(WorkloadPanel("mmap_churn", 20_000, seed=3))
    assert made.wait(120)
    return made


# --- the pieces ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"direct_map": "small"}])
def test_a_beginning_is_what_the_whole_begins_with(more):
    whole, part = generate("fork_exec", 60_000, seed=5, **more), Workload("fork_exec", seed=5, **more).beginning(1000)
    assert (part.events == whole.events[: len(part.events)]).all()
    assert 900 <= np.count_nonzero(part.events.op != POKE) <= 1000


def test_the_kinds_are_all_lines_there_are():
    trace = generate("windows", 20_000, levels=3, seed=1)
    summary = trace.summary()
    frame = summary.kinds()
    assert frame.lines.sum() == len(trace.events)
    assert frame.lines.min() > 0
    (axes,) = charts.kinds(summary).axes
    assert [bar.get_width() for bar in axes.patches] == frame.lines.tolist()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert "user writes" in labels
    assert "CR3 loads" in labels
    assert all(f"{n:,}" in charts.kinds_text(summary) for n in frame.lines)


def test_a_few_figures_in_words():
    words = generate("fork_exec", 20_000, seed=3).summary().words()
    assert "page tables, of which" in words
    assert "entries in" in words
    still = Trace.from_text("MODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\n").summary()
    assert "1 CR3 load and 0 INVLPGs." in still.words()
    assert "Between" not in still.words()
    nothing = Trace.from_text("MODE 4 1 16 256\n").summary()
    assert len(charts.kinds(nothing).axes[0].patches) == 0
    assert charts.kinds_text(nothing).endswith("by kind: none.")


# --- controls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_fields_are_the_parameters_of_the_family(panel, name):
    panel.family.value = name
    family = FAMILIES[name]
    assert list(panel.fields) == [p.name for p in (*family.parameters, *OPTIONS)]
    for p in family.parameters:
        field = panel.fields[p.name]
        if p.choices:
            assert (field.options, field.value) == (p.choices, p.choices[p.default])
        else:
            assert (field.min, field.max, field.value) == (p.low, p.high, p.default)
        assert p.about in field.tooltip
        assert p.unit in field.tooltip
    assert tuple(panel.levels.options[i][1] for i in range(len(family.levels))) == family.levels
    assert panel.code().startswith(f'WorkloadPanel("{name}", 20_000, ')
    assert panel.wait(60)
    assert panel.status.value.startswith("A preview")
    made = eval(panel.trace_code(), {"generate": generate})
    assert len(made.events) == 20_000


def test_a_change_is_in_both_lines_at_once_and_in_the_preview_soon(panel):
    before = panel._pictures[1].value
    assert panel.trace_code() == 'generate("mmap_churn", 20_000, seed=3)'
    panel.fields["size"].value = 200
    panel.fields["placement"].value = "random"
    panel.levels.value = 2
    line = 'generate("mmap_churn", 20_000, levels=2, seed=3, size=200.0, placement="random")'
    assert panel.trace_code() == line
    assert html.escape(line) in panel._line.value
    assert panel.code() == line.replace("generate", "WorkloadPanel")
    assert panel.wait(60)
    assert panel._pictures[1].value != before
    expected = Workload("mmap_churn", 2, seed=3, size=200, placement="random").beginning(PREVIEW).summary()
    assert panel.summary.ops.equals(expected.ops)
    assert panel._words.value == expected.words()


def test_a_burst_of_changes_is_few_previews(panel, monkeypatch):
    made = []
    monkeypatch.setattr(module, "Workload", lambda name, **more: made.append(more) or Workload(name, **more))
    for seed in range(100, 140):
        panel.seed.value = seed
    assert panel.wait(60)
    assert len(made) <= 2
    assert made[-1]["seed"] == 139


def test_what_does_not_go_together_is_said_and_can_be_mended(panel):
    panel.levels.value = 2
    panel.fields["isolation"].value = 1
    assert panel.wait(60)
    assert panel.status.value == ('<span class="oos-error">mmap_churn: isolation needs levels 3 or 4, not 2</span>')
    panel.run.click()
    assert panel.wait(60)
    assert "isolation needs levels" in panel.status.value
    assert panel.trace is None
    panel.levels.value = 3
    assert panel.wait(60)
    assert panel.status.value == "A preview: the first 4,000 events. Run makes all 20,000."


def test_what_cannot_be_is_refused_by_the_constructor():
    for given, told in [
        ({"name": "nothing"}, "no workload family"),
        ({"heap": 10}, "memory|no parameter"),
        ({"size": 1e9}, "must be a number from"),
        ({"levels": 5}, "exists for levels"),
        ({"placement": "odd"}, "must be one of"),
    ]:
        with pytest.raises(GuestError, match=told):
            WorkloadPanel(**({"name": "mmap_churn"} | given))


# --- run, save -----------------------------------------------------------------------------------------------------


def test_a_run_makes_what_the_line_makes(panel):
    assert panel.trace is None
    panel.run.click()
    assert panel.wait(60)
    assert panel.status.value.startswith("Done: 20,000 lines, ")
    expected = eval(panel.trace_code(), {"generate": generate})
    assert (panel.trace.events == expected.events).all()
    assert panel.summary.ops.equals(expected.summary().ops)
    kinds, glance = panel._pictures
    assert 'alt="Bar chart of the lines of mmap_churn seed=3 by kind: ' in kinds.value
    assert 'alt="Line chart over the 20,000 lines' in glance.value
    frame = pd.read_csv(io.BytesIO(kinds.files["csv"]()))
    assert frame.lines.sum() == 20_000
    stores = pd.read_csv(io.BytesIO(glance.files["csv"]()))
    assert f"{len(stores):,} stores to their entries" in panel._words.value


@pytest.mark.parametrize("name", ["mine.npz", "mine.trace.gz", "mine.trace"])
def test_one_press_saves_it(panel, tmp_path, name):
    panel.path.value = f" {tmp_path / name} "
    panel.save.click()
    assert panel.wait(60)
    assert panel.status.value.startswith(f"Saved 20,000 lines as {tmp_path / name} (")
    assert (Trace.read(tmp_path / name).events == panel.trace.events).all()
    first = panel.trace
    panel.save.click()
    assert panel.wait(60)
    assert panel.trace is first, "it need not be made again"
    panel.seed.value = 4
    panel.save.click()
    assert panel.wait(60)
    assert (Trace.read(tmp_path / name).events == generate("mmap_churn", 20_000, seed=4).events).all()


def test_where_it_cannot_be_saved(panel, tmp_path):
    for path, told in [
        (tmp_path / "none" / "mine.npz", f"There is no folder {tmp_path / 'none'}."),
        ("  ", "Say which file to write"),
        (tmp_path, "Is a directory"),
    ]:
        panel.path.value = str(path)
        panel.save.click()
        assert panel.wait(60)
        assert told in panel.status.value
        assert "oos-error" in panel.status.value


def test_cancel_is_heard_at_once_and_keeps_what_was_shown(panel, monkeypatch):
    def going_on(progress, **more):
        progress(1, 2)
        raise AssertionError("it was to stop")

    slow = Slow(going_on)

    monkeypatch.setattr(module, "generate", slow)
    before = panel._pictures[1].value
    panel.run.click()
    assert slow.started.wait(20)
    panel.seed.value = 9  # no preview takes the place of what is being made
    slow.is_given_up(panel)
    assert panel.trace is None
    assert panel._pictures[1].value == before or "preview" in panel.status.value
