"""The notebook `06_published_figures.ipynb`, used."""

from __future__ import annotations

import pytest

from .looks import fits, wait_for_status

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_published_figures(notebook, tmp_path):
    page = notebook("06_published_figures.ipynb", width=760)
    panel = page.locator(".oos-panel")
    assert "No figure yet" in panel.inner_text()
    panel.get_by_label("Figure").select_option(index=6)
    panel.get_by_role("button", name="Run").click()
    wait_for_status(panel, r"^Done: \d+ rows in ")
    assert panel.locator(".oos-published img").get_attribute("alt").startswith("Dot chart")
    assert "Calibrated" in panel.inner_text()
    assert panel.get_by_role("row").count() > 3
    panel.get_by_text("What is not reproduced, and why").click()
    assert panel.get_by_text("never published: the cover letter measures the whole series").is_visible()
    panel.screenshot(path=tmp_path / "panel.png")
    assert fits(page, panel)
