"""What is looked for on a page."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

_SECOND = 1000  # in milliseconds


def wait_for_status(panel, pattern: str, seconds: int = 120) -> str:
    from playwright.sync_api import TimeoutError as TookTooLong

    status = panel.locator(".oos-status")
    try:
        status.filter(has_text=re.compile(pattern)).wait_for(timeout=seconds * _SECOND)
    except TookTooLong:
        pytest.fail(f"the status says {status.inner_text()!r} after {seconds} s, not {pattern!r}")
    return status.inner_text()


def fits(page, panel) -> bool:
    """Say whether nothing of a panel is beyond the right edge of its output."""
    area = page.locator(".jp-OutputArea-output").filter(has=panel)
    return area.evaluate("node => node.scrollWidth <= node.clientWidth")


def take_picture(page, panel, folder: Path, name: str) -> None:
    """Take a picture of a whole panel: somewhere to look at it, if the environment names a folder."""
    size = page.viewport_size
    page.set_viewport_size({"width": size["width"], "height": 200 + int(panel.bounding_box()["height"])})
    panel.scroll_into_view_if_needed()
    panel.screenshot(path=Path(os.environ.get("OOSBENCH_PICTURES", folder)) / f"{name}.png")
    page.set_viewport_size(size)
