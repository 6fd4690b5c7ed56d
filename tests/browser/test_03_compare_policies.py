"""The notebook `03_compare_policies.ipynb`, used."""

from __future__ import annotations

import re

import pytest

from .looks import fits, wait_for_status

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_compare_policies(notebook, tmp_path):
    page = notebook("03_compare_policies.ipynb", width=760)
    panel = page.locator(".oos-panel")
    assert "No run yet" in panel.inner_text()
    panel.get_by_label("Traces").select_option(["sqlite"])
    panel.get_by_label("Set for all").fill("oos_slots=8")
    panel.get_by_role("button", name="Run").click()
    assert "3 runs" in wait_for_status(panel, "^Done")
    picture = panel.get_by_role("img", name=re.compile(r"^Small multiples of bars. sqlite: emulate\+oos_slots=8 "))
    assert picture.bounding_box()["width"] > 500
    assert 'shared="oos_slots=8"' in panel.inner_text()
    panel.screenshot(path=tmp_path / "panel.png")
    panel.get_by_label("Set for all").fill("slots=8")
    panel.get_by_role("button", name="Run").click()
    wait_for_status(panel, "there is no axis 'slots'")
    assert picture.is_visible(), "what was shown before stays"
    assert fits(page, panel)
