"""The notebook `01_inside_a_resync.ipynb`, used."""

from __future__ import annotations

import re

import pytest

from .looks import fits, wait_for_status

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("theme", ["Dark", "Light"])  # the last one stays
def test_inside_a_resync(notebook, tmp_path, theme):
    page = notebook("01_inside_a_resync.ipynb", width=760)
    page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    shown = page.get_by_role("img", name=re.compile("^L1 table 0x5: out of sync, in slot 2 of vCPU 0; 3 dirty"))
    shown.scroll_into_view_if_needed()
    assert shown.bounding_box()["width"] > 500
    panel = page.locator(".oos-panel")
    assert "press Load" in panel.inner_text()
    height = panel.bounding_box()["height"]

    panel.get_by_role("button", name="Load").click()
    wait_for_status(panel, "^tiny on oos-snapshot: 8 events")
    panel.get_by_role("button", name="Next unsync").click()
    wait_for_status(panel, "^Event 3 of 8", 20)
    assert "went out of sync in slot 2 of vCPU 0 (sh_unsync)" in panel.inner_text()
    assert panel.get_by_role("cell", name="shadow_unsync").is_visible()
    assert panel.get_by_label("Entry", exact=True).input_value() == "1"
    assert (
        panel.get_by_role("cell", name="0x11", exact=True).count() == 2
    )  # snapshot's and shadow's frame; the guest's is gone
    panel.get_by_role("button", name="Forward").focus()
    for event in (4, 5):
        page.keyboard.press("Enter")
        wait_for_status(panel, f"^Event {event} of 8", 20)
    grid = panel.get_by_role("img", name=re.compile("; 3 dirty, 2 stale"))
    assert grid.is_visible()
    panel.screenshot(path=tmp_path / "panel.png")
    panel.get_by_role("button", name="Next resync").click()
    wait_for_status(panel, "^Event 7 of 8", 20)
    assert "2 dirty, 2 derived anew" in panel.inner_text()
    panel.get_by_role("button", name="Back", exact=True).click()
    wait_for_status(panel, "^Event 6 of 8", 20)
    panel.get_by_label("L1 table", exact=True).select_option("frame 0x4")
    panel.get_by_role("img", name=re.compile("^L1 table 0x4: in sync")).wait_for()

    panel.get_by_label("Trace").select_option("redis")
    panel.get_by_role("button", name="Load").click()
    wait_for_status(panel, "^redis on oos-snapshot: 265,638 events")
    panel.get_by_label("Event", exact=True).fill("200000")
    panel.get_by_label("Event", exact=True).press("Enter")
    wait_for_status(panel, "^Event 200,000 of 265,638", 20)
    panel.get_by_role("button", name="Next eviction").click()
    wait_for_status(panel, "^Event 20[0-9],[0-9]+ of 265,638", 20)
    assert abs(panel.bounding_box()["height"] - height) < 12, "nothing jumps"
    assert fits(page, panel)
