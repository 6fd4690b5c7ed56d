"""The notebook `08_defects_of_2008.ipynb`, used."""

from __future__ import annotations

import pytest

from .looks import wait_for_status

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_defects_of_2008(notebook):
    page = notebook("08_defects_of_2008.ipynb", width=760)
    assert page.get_by_role("cell", name="6d72e644df").first.is_visible()
    panel = page.locator(".oos-panel")
    panel.get_by_role("button", name="Load").click()
    wait_for_status(panel, "on oos-snapshot: 7 events")
    panel.get_by_role("button", name="+10", exact=True).click()
    wait_for_status(panel, "^Event 7 of 7")
    # With the defect the last access goes where the entry led before it was changed.
    assert "which leads to 0xa000" in panel.inner_text()
    panel.get_by_label("Preset").select_option("oos-fixed")
    panel.get_by_role("button", name="Load").click()
    wait_for_status(panel, "on oos-fixed: 7 events")
    panel.get_by_role("button", name="+10", exact=True).click()
    wait_for_status(panel, "^Event 7 of 7")
    assert "which leads to 0xb000" in panel.inner_text()
