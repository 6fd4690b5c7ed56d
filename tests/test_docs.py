"""The documentation site: it builds without a warning, and none of its links leads nowhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("serial")]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site from a copy of what it is made of; return where it is."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("docs", "notebooks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("_build", "generated"))
    shutil.rmtree(copy / "docs" / "notebooks", ignore_errors=True)
    built = copy / "html"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", copy / "docs", built],
        env=os.environ | {"JUPYTER_PLATFORM_DIRS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return built


def test_every_notebook_is_rendered_with_its_outputs(site):
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        page = (site / "notebooks" / f"{path.stem}.html").read_text()
        assert page.count("data:image/png") + page.count('role="img"') >= 2, path.name


def test_links_lead_somewhere(site):
    pages = {path: path.read_text() for path in site.rglob("*.html") if "_static" not in path.parts}
    assert len(pages) > 50
    for path, text in pages.items():
        for link in re.findall(r'(?:href|src)="([^"#:?]+)(?:[#?][^"]*)?"', text):
            assert (path.parent / link).exists(), f"{path.relative_to(site)} links {link}"


def test_the_interface_is_all_there(site):
    listed = (site / "api.html").read_text()
    import oosbench

    modules = {"charts", "guests", "panels", "recordings", "splice", "PRESETS", "Recorded"}
    for name in set(dir(oosbench)) - modules:
        assert f"oosbench.{name}.html" in listed, name
