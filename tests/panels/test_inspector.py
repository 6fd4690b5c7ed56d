"""The inspector: its grids, its tables, and its panel without a browser."""

from __future__ import annotations

import re
import statistics
import threading
import time as clock

import numpy as np
import pytest

from oosbench import Cancelled, Trace, charts
from oosbench.charts.grid import KINDS as DRAWN
from oosbench.panels import InspectorPanel
from oosbench.stepping import GuestL1, TimeMachine
from oosbench.stepping.guest_l1 import ABSENT, EMPTY, GNP, MMIO, READ_ONLY, WRITABLE, kinds
from oosbench.stepping.spelled import entry_frame, moved_frame, slots_frame

from ..small_guests import GUEST, OUT_OF_SYNC

pytestmark = pytest.mark.xdist_group("timed")  # measures time, or ends processes

TINY = Trace.from_text(GUEST + OUT_OF_SYNC + "WRITE 0 0x10 0x0\nWRITE 0 0x800 0xd067\nCR3 0 0x1000\n", "tiny")


@pytest.fixture
def panel(ending):
    return ending(InspectorPanel(TINY))


@pytest.fixture
def loaded(panel):
    panel.run.click()
    assert panel.wait(60)
    assert panel.status.value == "tiny on oos-snapshot: 6 events."
    return panel


# --- grids ---------------------------------------------------------------------------------------------------------


def cells(svg: str, colour: str) -> set[int]:
    """Return the cells that are drawn in a colour."""
    drawn = re.search(rf'<path d="([^"]+)" fill="{colour}"', svg)
    starts = re.findall(r"M(\d+) (\d+)", drawn[1]) if drawn else []
    return {int(x) // 10 + 32 * (int(y) // 10) for x, y in starts}


def test_a_cell_for_each_entry_and_a_mark_for_each_dirty_one():
    time = TimeMachine(TINY)
    time.goto(5)
    l1, index = time.focus()
    guest, snapshot, shadow = re.findall("<svg.*?</svg>", charts.grid(l1, index))
    green, dot = DRAWN[WRITABLE][1], "#fff"
    assert cells(guest, green) == {0, 1, 3, 256}
    assert cells(snapshot, green) == {0, 1, 2, 3}
    assert cells(shadow, green) == {0, 1, 2, 3}
    assert cells(shadow, DRAWN[GNP][1]) == set(range(4, 32))
    assert cells(guest, dot) == cells(snapshot, dot) == {0, 2, 256}
    assert cells(shadow, dot) == {0, 2}, "entry 256 is in no shadow, so nothing is stale"
    assert all('<rect x="-1" y="79"' in svg for svg in (guest, snapshot, shadow)), "entry 256 is outlined"
    assert charts.grid_text(l1, index) == (
        "L1 table 0x5: out of sync, in slot 2 of vCPU 0; 3 dirty, 2 stale. Guest: 4 writable, 508 empty. Shadow: "
        "4 writable, 28 magic: guest not present, 480 empty. Dirty: 0, 2, 256. Entry 256 is outlined."
    )
    assert 'role="img" aria-label="L1 table 0x5' in charts.grid(l1, index)


def test_what_there_is_not_is_said():
    time = TimeMachine(TINY)
    time.goto(1)
    l1 = GuestL1.of(time.domain, 5)
    assert charts.grid_title(l1) == "L1 table 0x5: not shadowed"
    assert "snapshot: none" in charts.grid(l1)
    assert "shadow L1: none" in charts.grid(l1)
    assert "Shadow: none." in charts.grid_text(l1)
    assert "No L1 table yet" in charts.grid(None)


def test_of_1024_entries_the_half_with_the_cell_is_drawn(trace):
    time = TimeMachine(trace("stress32"))
    time.next("resync")
    l1, _ = time.next("unsync") and time.focus()
    assert l1.entries == 1024
    assert "Entries 0 to 511 of 1024 are drawn." in charts.grid_text(l1, 100)
    assert "Entries 512 to 1023 of 1024 are drawn. Entry 600 is outlined." in charts.grid_text(l1, 600)
    green = DRAWN[WRITABLE][1]
    for cell in (0, 600):
        first = cell // 512 * 512
        drawn = cells(re.findall("<svg.*?</svg>", charts.grid(l1, cell))[0], green)
        assert drawn == set(np.flatnonzero(kinds(l1.guest)[first : first + 512] == WRITABLE).tolist())


def test_kinds_differ_in_shape_and_colour_and_stand_out_on_light_and_dark():
    entries = np.array([0, 0x5000, 0x5021, 0x5023, -1, -(2**32) | 0x51, 0x5023 - 2**63])
    assert kinds(entries).tolist() == [EMPTY, ABSENT, READ_ONLY, WRITABLE, GNP, MMIO, WRITABLE]
    assert len({shape for *_, shape in DRAWN.values()}) == len({colour for _, colour, _ in DRAWN.values()}) == 5

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    for _, colour, _ in DRAWN.values():
        assert 1.05 / (luminance(colour) + 0.05) >= 3
        assert (luminance(colour) + 0.05) / (luminance("#111111") + 0.05) >= 3
        assert colour in charts.legend()


def test_a_moment_is_its_line_its_story_and_its_grids():
    time = TimeMachine(TINY)
    assert "Before the first event" in charts.moment(time)
    assert "<svg" not in charts.moment(time)
    time.next("unsync")
    shown = charts.moment(time)
    assert "Event 3: <code>WRITE 0 0x0 0xc067</code> → OK" in shown
    assert "(sh_unsync)" in shown
    assert shown.count("<svg") == 3


# --- tables --------------------------------------------------------------------------------------------------------


def test_an_entry_bit_by_bit():
    time = TimeMachine(TINY)
    time.goto(5)
    frame = entry_frame(time.domain, time.focus()[0], 0)
    assert frame.loc["guest"].tolist() == ["0xc067", "writable", *"111110", "0xc", "memory"]
    assert frame.loc["snapshot"].tolist() == ["0x8067", "writable", *"111110", "0x8", "memory"]
    assert frame.loc["shadow"].tolist() == ["0x8027", "writable", *"111100", "0x8", "memory"]
    magic = entry_frame(time.domain, time.focus()[0], 9)
    assert magic.loc["shadow"].tolist()[:3] == ["0xffffffffffffffff", "magic: guest not present", "–"]
    assert magic.loc["guest"].tolist()[:2] == ["0x0", "empty"]
    table = entry_frame(time.domain, GuestL1.of(time.domain, 4), 0)
    assert table.loc["guest", "which is"] == "a table (l1_64), out of sync"
    assert table.loc["snapshot", "entry"] == "–"


def test_the_slots_and_the_counters():
    time = TimeMachine(TINY)
    time.goto(5)
    slots = slots_frame(time)
    assert slots.page.notna().tolist() == [False, False, True]
    assert slots.iloc[2].tolist() == [0, 2, 5, 3, 3, 3, 2]
    moved = moved_frame(time.next("resync"))
    assert moved.set_index("counter").by[["shadow_resync", "resync_compared", "resync_dirty"]].tolist() == [
        "+1",
        "+32",
        "+2",
    ]


# --- the panel -----------------------------------------------------------------------------------------------------


def test_a_new_panel_says_what_to_do(panel):
    assert "press Load" in panel._story.value
    assert "No L1 table yet" in panel._grid.value
    assert [label for label, _ in panel.source.options][:2] == ["tiny", "forkexec"]
    assert panel.preset.value == "oos-snapshot"
    for button in (panel.steps[1], panel.jumps["fault"]):
        button.click()
        assert panel.status.value == "Load a trace first."
    assert all(button.tooltip for button in [*panel.steps.values(), *panel.jumps.values()])


def test_it_goes_through_a_trace(loaded):
    assert loaded.number.value == loaded.slider.value == 1
    assert (loaded.number.max, loaded.total.value) == (6, "of 6")
    loaded.jumps["unsync"].click()
    assert loaded.wait(20)
    assert loaded.status.value.startswith("Event 3 of 6, in ")
    assert "(sh_unsync)" in loaded._story.value
    assert "1 dirty, 1 stale" in loaded._grid.value
    assert "<td>shadow_unsync</td><td>+1</td>" in loaded._moved.value
    assert "<td>0x5</td><td>3</td><td>1</td>" in loaded._slots.value
    assert "0x8067" in loaded._entry.value
    loaded.steps[1].click()
    assert loaded.cell.value == 2
    loaded.number.value = 6
    assert loaded.wait(20)
    assert "2 derived anew" in loaded._story.value
    assert "L1 table 0x5: in sync" in loaded._grid.value
    loaded.steps[-10].click()
    assert loaded.time.event == loaded.number.value == loaded.slider.value == 0
    loaded.slider.value = 2
    assert loaded.wait(20)
    assert loaded.time.event == 2
    loaded.jumps["eviction"].click()
    assert loaded.wait(20)
    assert loaded.status.value == "There is no eviction after event 2."
    assert loaded.time.event == 2


def test_a_table_can_be_kept_in_view(loaded):
    loaded.jumps["unsync"].click()
    assert loaded.wait(20)
    assert loaded.page.options == (("of the event", -1), ("frame 0x5, in slot 2 of vCPU 0", 5), ("frame 0x4", 4))
    loaded.page.value = 4
    assert "L1 table 0x4: in sync" in loaded._grid.value
    loaded.cell.value = 1
    assert "<td>0x5021</td>" in loaded._entry.value
    loaded.steps[1].click()
    assert "L1 table 0x4: in sync" in loaded._grid.value
    assert loaded.cell.value == 1
    loaded.steps[-100].click()
    assert loaded.page.value == 4, "although it has no shadow here"
    loaded.page.value = -1
    loaded.steps[100].click()
    assert "L1 table 0x5" in loaded._grid.value


def test_what_cannot_be_loaded_is_an_error_in_the_status_line(tmp_path):
    (tmp_path / "bad.trace").write_text("MODE 4 1 16 256\nJUMP 0\n")
    for source, preset, told in [
        (tmp_path / "none.trace", "oos", "none.trace"),
        (tmp_path / "bad.trace", "oos", "line 2: unknown op"),
        ("nowhere", "oos", "no bundled recording"),
        (TINY, "oos+oos_slots=1", "oos_slots"),
    ]:
        panel = InspectorPanel(source, preset)
        panel.run.click()
        assert panel.wait(20)
        assert told in panel.status.value
        assert "oos-error" in panel.status.value
        assert "press Load" in panel._story.value


def test_a_file_and_a_preset_of_ones_own_are_offered(tmp_path):
    TINY.write(tmp_path / "mine.trace.gz")
    panel = InspectorPanel(tmp_path / "mine.trace.gz", "oos-snapshot+oos_slots=5")
    assert panel.source.label.endswith("mine.trace.gz")
    panel.run.click()
    assert panel.wait(60)
    assert panel.status.value.endswith("mine.trace.gz on oos-snapshot+oos_slots=5: 6 events.")
    panel.source.value, panel.preset.value = "sqlite", "emulate"
    panel.run.click()
    assert panel.wait(60)
    assert panel.status.value == "sqlite on emulate: 23,904 events."


def test_a_long_way_can_be_cancelled_and_a_step_takes_its_place(loaded, monkeypatch):
    started = threading.Event()

    def slow(kind, cancelled, progress):
        started.set()
        while not cancelled():
            clock.sleep(0.01)
        raise Cancelled

    monkeypatch.setattr(loaded.time, "next", slow)
    for stop in (loaded.cancel.click, loaded.steps[1].click):
        started.clear()
        here = loaded.time.event
        loaded.jumps["fault"].click()
        assert started.wait(20)
        stop()
        assert loaded.wait(20)
    assert loaded.time.event == loaded.number.value == here + 1
    assert loaded.status.value.startswith(f"Event {here + 1} of 6")


def test_a_trace_without_events_can_be_loaded():
    panel = InspectorPanel(Trace.from_text("MODE 4 1 16 256\n", "empty"))
    panel.run.click()
    assert panel.wait(60)
    assert panel.status.value == "empty on oos-snapshot: 0 events."
    panel.steps[1].click()
    assert panel.time.event == 0


def test_a_step_on_a_recording_is_shown_in_a_fifth_of_a_second():
    panel = InspectorPanel("redis")
    panel.run.click()
    assert panel.wait(60)
    panel.goto(200_000)
    assert panel.wait(20)

    def took(press) -> float:
        began = clock.perf_counter()
        press()
        assert panel.wait(20)
        return clock.perf_counter() - began

    for press in (panel.steps[1].click, panel.steps[-1].click, panel.jumps["resync"].click):
        assert statistics.median(took(press) for _ in range(7)) < 0.2
