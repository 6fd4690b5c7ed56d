"""The notebook `00_start_here.ipynb`, used."""

from __future__ import annotations

import re

import pytest

from oosbench import open_trace, recordings

from .looks import fits, wait_for_status

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_start_here(notebook, tmp_path):
    page = notebook("00_start_here.ipynb")
    panel = page.locator(".oos-panel")
    assert "press Run" in panel.inner_text()
    assert panel.get_by_role("button", name="Cancel").is_disabled()

    panel.get_by_label("Traces").select_option(["gcc", "sqlite"])
    panel.get_by_role("button", name="Run").click()
    assert "6 runs, 351,165 events" in wait_for_status(panel, "^Done")
    assert panel.get_by_role("cell", name="121,431").count() == 3
    bars = panel.get_by_role("img", name=re.compile("^Bar chart: .*gcc 12.5%, sqlite 14.8%"))
    dots = panel.get_by_role("img", name=re.compile("^Dot chart: .*oos-fixups 121,431"))
    for picture in (bars, dots):
        picture.scroll_into_view_if_needed()
        assert picture.bounding_box()["width"] > 600
    panel.screenshot(path=tmp_path / "panel.png")

    # Every recording and preset at once takes long enough to be cancelled.
    panel.get_by_label("Traces").select_option(["forkexec", "gcc", "python", "redis", "sqlite"])
    for box in panel.get_by_role("checkbox").all():
        box.check()
    panel.get_by_role("button", name="Run").click()
    panel.get_by_role("button", name="Cancel").click()
    wait_for_status(panel, "^Cancelled", 5)
    assert bars.is_visible()
    assert panel.get_by_role("button", name="Run").is_enabled()

    panel.get_by_label("Traces").select_option([])
    panel.get_by_role("button", name="Run").click()
    wait_for_status(panel, "Choose at least one trace", 10)


def test_a_narrow_page_does_not_scroll_sideways(notebook):
    page = notebook("00_start_here.ipynb", width=760)
    panel = page.locator(".oos-panel")
    panel.get_by_role("button", name="Run").click()
    wait_for_status(panel, "^Done")
    assert fits(page, panel)


def test_the_panel_works_by_keyboard(notebook):
    page = notebook("00_start_here.ipynb")
    panel = page.locator(".oos-panel")
    panel.get_by_label("Traces").focus()
    page.keyboard.press("End")  # the last recording in the list
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # emulate is not wanted
    while not panel.get_by_role("button", name="Run").evaluate("node => node === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    counts = open_trace(recordings.bundled().index[-1]).counts()
    assert f"2 runs, {2 * (counts.sum() - counts.POKE):,} events" in wait_for_status(panel, "^Done")
