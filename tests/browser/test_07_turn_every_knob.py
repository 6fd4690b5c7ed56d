"""The notebook `07_turn_every_knob.ipynb`, used."""

from __future__ import annotations

import os
import re

import pytest

from .looks import fits, wait_for_status

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_turn_every_knob(notebook, tmp_path):
    page = notebook("07_turn_every_knob.ipynb", width=760)
    panel = page.locator(".oos-panel")
    assert "press Run" in panel.inner_text()
    panel.get_by_label("Workloads").select_option(["sqlite"])
    panel.get_by_label("Values").first.fill("2, 3, 5")
    panel.get_by_label("Values").first.press("Enter")
    panel.get_by_role("button", name="Run").click()
    assert "6 points" in wait_for_status(panel, "^Done")
    lines = panel.get_by_role("img", name=re.compile("^Line chart: tables that lost their slot"))
    lines.scroll_into_view_if_needed()
    assert lines.bounding_box()["width"] > 500
    panel.get_by_label("Show").select_option("cycles saved, of those without a snapshot")
    panel.get_by_role("img", name=re.compile("^Line chart: cycles saved")).wait_for()
    panel.get_by_label("Axis 2").select_option("prefetch")
    panel.get_by_label("Values").last.fill("on, off")
    panel.get_by_label("Values").last.press("Enter")
    panel.get_by_role("button", name="Run").click()
    assert "12 points" in wait_for_status(panel, "^Done: 12")
    panel.get_by_role("img", name=re.compile("^Heat map: cycles saved")).wait_for()
    panel.get_by_role("button", name="Run").click()
    assert "12 of them known" in wait_for_status(panel, "12 of them known", 20)
    assert fits(page, panel)
    panel.screenshot(path=os.environ.get("OOSBENCH_PICTURE", tmp_path / "panel.png"))
    panel.get_by_label("Values").first.fill("2, many")
    panel.get_by_label("Values").first.press("Enter")
    panel.get_by_role("button", name="Run").click()
    assert "'many'" in wait_for_status(panel, "which fits nowhere", 20)
