"""The notebook `02_make_a_workload.ipynb`, used."""

from __future__ import annotations

import re

import pytest

from .looks import fits, take_picture, wait_for_status

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]
_SECOND = 1000  # in milliseconds


@pytest.mark.parametrize("theme", ["Dark", "Light"])  # the last one stays
def test_make_a_workload(notebook, tmp_path, theme):
    page = notebook("02_make_a_workload.ipynb", width=760)
    page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    panel = page.locator(".oos-panel")
    wait_for_status(panel, "^A preview: the first 4,000 events. Run makes all 50,000")
    first = panel.get_by_role("img", name=re.compile("^Line chart over the .* lines of fork_exec"))
    first.scroll_into_view_if_needed()
    assert first.bounding_box()["width"] > 600
    before = first.get_attribute("alt")
    heap = panel.get_by_label("heap", exact=True)
    assert heap.input_value() == "200"
    heap.fill("400")
    heap.press("Enter")
    panel.get_by_text('generate("fork_exec", 50_000, seed=3, heap=400)', exact=True).wait_for(timeout=5 * _SECOND)
    page.wait_for_function("([old]) => !document.querySelector(`.oos-glance img[alt='${old}']`)", arg=[before])

    panel.get_by_label("Family").select_option("cow_storm")
    panel.get_by_label("saves", exact=True).fill("0.05")
    panel.get_by_label("Paging").select_option("PAE (32-bit)")
    panel.get_by_label("Events").fill("30000")
    panel.get_by_label("Events").press("Enter")
    panel.get_by_text('generate("cow_storm", 30_000, levels=3, seed=3, saves=0.05)', exact=True).wait_for()
    panel.get_by_role("button", name="Options of the kernel").click()
    panel.get_by_label("placement").select_option("modulo")
    panel.get_by_role("button", name="Run").click()
    assert "30,000 lines" in wait_for_status(panel, "^Done")
    panel.get_by_role("img", name=re.compile("^Line chart over the 30,000 lines of cow_storm")).wait_for()
    panel.get_by_label("File").fill(str(tmp_path / "mine.npz"))
    panel.get_by_role("button", name=re.compile("Save$")).click()
    wait_for_status(panel, "^Saved 30,000 lines", 20)
    assert (tmp_path / "mine.npz").stat().st_size > 10_000
    panel.get_by_label("File").fill("nowhere/mine.npz")
    panel.get_by_role("button", name=re.compile("Save$")).click()
    wait_for_status(panel, "^There is no folder nowhere", 20)
    assert fits(page, panel)
    take_picture(page, panel, tmp_path, f"workload-{theme}")
