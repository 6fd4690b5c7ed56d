"""The notebook `04_dirty_entries.ipynb`, used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .looks import fits, take_picture, wait_for_status

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("theme", ["Dark", "Light"])  # the last one stays
def test_dirty_entries(notebook, tmp_path, theme):
    page = notebook("04_dirty_entries.ipynb", width=760)
    page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    panel = page.locator(".oos-panel")
    assert "press Run" in panel.inner_text()
    panel.get_by_role("button", name="Run").click()
    assert "2,989 of 2,989 passes" in wait_for_status(panel, "^Done")
    names = ("Distribution of the share", "Bar charts of how much", "Heat maps of dirty", "Line charts of dirty")
    for name in names:
        picture = panel.get_by_role("img", name=re.compile(f"^{name}.*gcc.*redis"))
        picture.scroll_into_view_if_needed()
        assert picture.bounding_box()["width"] > 600
    assert panel.get_by_role("cell", name="527,564").is_visible()
    take_picture(page, panel, tmp_path, f"dirty-{theme}")

    panel.get_by_label("Cause").select_option("evict")
    panel.get_by_label("Compared, at least").fill("100")
    panel.get_by_label("Compared, at least").press("Enter")
    assert "of 2,989 passes; " in wait_for_status(panel, "^[0-9,]+ of 2,989", 20)
    panel.get_by_text('DirtyPanel(["gcc", "redis"], cause="evict", compared=100)', exact=True).wait_for()
    panel.get_by_label("Cause").select_option("fault")
    wait_for_status(panel, "^0 of 2,989 passes", 20)
    assert "Choose another cause" in panel.inner_text()
    assert fits(page, panel)


def test_charts_are_saved_and_lines_are_copied(notebook, tmp_path):
    page = notebook("04_dirty_entries.ipynb")
    page.context.grant_permissions(["clipboard-read"])
    panel = page.locator(".oos-panel")
    panel.get_by_label("Recordings").select_option(["sqlite"])
    panel.get_by_role("button", name="Run").click()
    wait_for_status(panel, "^Done")
    for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("csv", b"trace,cause,passes,")):
        with page.expect_download() as download:
            panel.get_by_title(f"Save dirty_causes.{ending}").click()
        assert download.value.suggested_filename == f"dirty_causes.{ending}"
        assert Path(download.value.path()).read_bytes().startswith(start)
    panel.get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == 'DirtyPanel(["sqlite"])'
