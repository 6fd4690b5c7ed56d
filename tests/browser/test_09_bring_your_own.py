"""The notebook `09_bring_your_own.ipynb`, used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oosbench.recorder import missing

from .looks import wait_for_status

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_bring_your_own(notebook, tmp_path):
    page = notebook("09_bring_your_own.ipynb", width=760)
    panel = page.locator(".oos-panel").last
    assert panel.get_by_label("second_write").is_checked()
    panel.get_by_role("button", name="Run").click()
    assert "6 runs" in wait_for_status(panel, "^Done")
    assert panel.get_by_role("img", name=re.compile("mine: emulate .*second_write")).is_visible()
    with page.expect_download() as download:
        panel.get_by_role("button", name="CSV").first.click()
    told = Path(download.value.path()).read_text()
    assert told.startswith("trace,preset,faults,emulated_writes,")
    assert "mine,second_write," in told
    panel.screenshot(path=tmp_path / "panel.png")
    recorder = page.locator(".oos-panel").first
    recorder.get_by_label("File").fill(str(tmp_path / "mine.npz"))
    recorder.get_by_role("button", name="Run").click()
    if lacking := missing():
        assert lacking.partition(":")[0] in wait_for_status(recorder, "recording needs")
        return
    told = wait_for_status(recorder, "^Done|oosbench: |apt-get")
    if "mine.npz" in told:  # else there is no kernel, and the panel says how to get one
        assert recorder.get_by_role("img").is_visible()
        assert "page faults explained by the tables" in recorder.inner_text()
    assert f'out="{tmp_path}/mine.npz"' in recorder.inner_text()
    recorder.screenshot(path=tmp_path / "recorder.png")
