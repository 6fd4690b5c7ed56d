"""Every notebook in a real JupyterLab, in a real browser."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from oosbench import open_trace, recordings
from oosbench.cache import cache_root
from oosbench.recorder import missing

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: Notebook and the test that uses it; `test_notebooks.py` sees to it that none is left out.
USED = {
    "00_start_here.ipynb": "test_start_here",
    "01_inside_a_resync.ipynb": "test_inside_a_resync",
    "02_make_a_workload.ipynb": "test_make_a_workload",
    "03_compare_policies.ipynb": "test_compare_policies",
    "04_dirty_entries.ipynb": "test_dirty_entries",
    "05_cost_of_resync.ipynb": "test_cost_of_resync",
    "06_published_figures.ipynb": "test_published_figures",
    "07_turn_every_knob.ipynb": "test_turn_every_knob",
    "08_defects_of_2008.ipynb": "test_defects_of_2008",
    "09_bring_your_own.ipynb": "test_bring_your_own",
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; on Debian: apt-get install chromium"),
]

_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
_KERNEL_IS_IDLE = """() => {
    const kernel = window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel;
    return kernel && kernel.status === 'idle' && kernel.connectionStatus === 'connected';
}"""
_SECOND = 1000
# Sets a field to one value after another; returns how many milliseconds the slower of two charts took to be there.
_REDRAW = """async (field) => {
    const panel = field.closest('.oos-panel'), took = [];
    const charts = ['.oos-break-even', '.oos-tornado'].map(name => panel.querySelector(name));
    const changed = chart => new Promise(done => {
        const watch = new MutationObserver(() => { watch.disconnect(); requestAnimationFrame(done); });
        watch.observe(chart, {childList: true, subtree: true});
    });
    for (let price = 1000; price < 16000; price += 1500) {
        const began = performance.now(), redrawn = Promise.all(charts.map(changed));
        field.value = price;
        field.dispatchEvent(new Event('change', {bubbles: true}));
        await redrawn;
        took.push(performance.now() - began);
        await new Promise(done => setTimeout(done, 300));
    }
    return took;
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Start JupyterLab on the notebooks, apart from the user's settings; return how to get the address of one."""
    home = tmp_path_factory.mktemp("jupyter")
    folders = "CONFIG_DIR DATA_DIR RUNTIME_DIR LAB_WORKSPACES_DIR LAB_SETTINGS_DIR"
    (home / "cache").mkdir()
    for kept in cache_root().glob("*"):  # machine code, but none of the sweeps that earlier runs have stored
        if not kept.name.startswith("sweeps"):
            (home / "cache" / kept.name).symlink_to(kept)
    environment = os.environ | {
        "OOSBENCH_CACHE": str(home / "cache"),
        **{f"JUPYTER_{name}".replace("_LAB_", "LAB_"): str(home / name) for name in folders.split()},
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "OMP_NUM_THREADS": "1",
    }
    (home / "CONFIG_DIR" / "labconfig").mkdir(parents=True)
    (home / "CONFIG_DIR" / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(_SETTINGS))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": NOTEBOOKS,
        "IdentityProvider.token": token,
        "LabApp.extension_manager": "readonly",
        "LabApp.news_url": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    as_root = ["--allow-root"] if os.geteuid() == 0 else []
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser", *as_root]
            + [f"--{name}={value}" for name, value in options.items()],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "log")
            yield lambda name: f"http://127.0.0.1:{port}/doc/tree/{name}?reset&token={token}"
        finally:
            server.terminate()
            server.wait(20)


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def browser():
    """Start the system's Chromium."""
    from playwright.sync_api import sync_playwright

    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*quiet, *as_root])
        yield chromium
        chromium.close()


@pytest.fixture
def notebook(lab, browser, request):
    """Return a function that opens a notebook, runs all its cells, and gives its page."""
    pages = []

    def open_and_run(name: str, width: int = 1440, theme: str = "light"):
        context = browser.new_context(
            viewport={"width": width, "height": 1000}, reduced_motion="reduce", color_scheme=theme, locale="en-GB"
        )
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(60 * _SECOND)
        page.goto(lab(name))
        page.wait_for_function(_KERNEL_IS_IDLE)
        assert page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')"), "a cell failed"
        return page

    yield open_and_run
    for page in pages:
        page.evaluate("window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")
        page.context.close()


def _wait_for_status(panel, pattern: str, seconds: int = 120) -> str:
    from playwright.sync_api import TimeoutError as TookTooLong

    status = panel.locator(".oos-status")
    try:
        status.filter(has_text=re.compile(pattern)).wait_for(timeout=seconds * _SECOND)
    except TookTooLong:
        pytest.fail(f"the status says {status.inner_text()!r} after {seconds} s, not {pattern!r}")
    return status.inner_text()


def test_start_here(notebook, tmp_path):
    page = notebook("00_start_here.ipynb")
    panel = page.locator(".oos-panel")
    assert "press Run" in panel.inner_text()
    assert panel.get_by_role("button", name="Cancel").is_disabled()

    panel.get_by_label("Traces").select_option(["gcc", "sqlite"])
    panel.get_by_role("button", name="Run").click()
    assert "6 runs, 351,165 events" in _wait_for_status(panel, "^Done")
    assert panel.get_by_role("cell", name="121,431").count() == 3
    bars = panel.get_by_role("img", name=re.compile("^Bar chart: .*gcc 12.5%, sqlite 14.8%"))
    dots = panel.get_by_role("img", name=re.compile("^Dot chart: .*oos-snapshot-untrusted 121,431"))
    for picture in (bars, dots):
        picture.scroll_into_view_if_needed()
        assert picture.bounding_box()["width"] > 600
    panel.screenshot(path=tmp_path / "panel.png")

    # Every recording and preset at once takes long enough to be cancelled.
    panel.get_by_label("Traces").select_option(["forkexec", "gcc", "python", "redis", "sqlite"])
    for box in panel.get_by_role("checkbox").all():
        box.check()
    panel.get_by_role("button", name="Run").click()
    panel.get_by_role("button", name="Cancel").click()
    _wait_for_status(panel, "^Cancelled", 5)
    assert bars.is_visible()
    assert panel.get_by_role("button", name="Run").is_enabled()

    panel.get_by_label("Traces").select_option([])
    panel.get_by_role("button", name="Run").click()
    _wait_for_status(panel, "Choose at least one trace", 10)


def test_a_narrow_page_does_not_scroll_sideways(notebook):
    page = notebook("00_start_here.ipynb", width=760)
    panel = page.locator(".oos-panel")
    panel.get_by_role("button", name="Run").click()
    _wait_for_status(panel, "^Done")
    area = page.locator(".jp-OutputArea-output").filter(has=panel)
    assert area.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_the_panel_works_by_keyboard(notebook):
    page = notebook("00_start_here.ipynb")
    panel = page.locator(".oos-panel")
    panel.get_by_label("Traces").focus()
    page.keyboard.press("End")  # the last recording in the list
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # emulate is not wanted
    while not panel.get_by_role("button", name="Run").evaluate("node => node === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    counts = open_trace(recordings.bundled().index[-1]).counts()
    assert f"2 runs, {2 * (counts.sum() - counts.POKE):,} events" in _wait_for_status(panel, "^Done")


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
    _wait_for_status(panel, "^tiny on oos-snapshot: 8 events")
    panel.get_by_role("button", name="Next unsync").click()
    _wait_for_status(panel, "^Event 3 of 8", 20)
    assert "went out of sync in slot 2 of vCPU 0 (sh_unsync)" in panel.inner_text()
    assert panel.get_by_role("cell", name="shadow_unsync").is_visible()
    assert panel.get_by_label("Entry", exact=True).input_value() == "1"
    assert (
        panel.get_by_role("cell", name="0x11", exact=True).count() == 2
    )  # snapshot's and shadow's frame; the guest's is gone
    panel.get_by_role("button", name="Forward").focus()
    for event in (4, 5):
        page.keyboard.press("Enter")
        _wait_for_status(panel, f"^Event {event} of 8", 20)
    grid = panel.get_by_role("img", name=re.compile("; 3 dirty, 2 stale"))
    assert grid.is_visible()
    panel.screenshot(path=tmp_path / "panel.png")
    panel.get_by_role("button", name="Next resync").click()
    _wait_for_status(panel, "^Event 7 of 8", 20)
    assert "2 dirty, 2 derived anew" in panel.inner_text()
    panel.get_by_role("button", name="Back", exact=True).click()
    _wait_for_status(panel, "^Event 6 of 8", 20)
    panel.get_by_label("L1 table", exact=True).select_option("frame 0x4")
    panel.get_by_role("img", name=re.compile("^L1 table 0x4: in sync")).wait_for()

    panel.get_by_label("Trace").select_option("redis")
    panel.get_by_role("button", name="Load").click()
    _wait_for_status(panel, "^redis on oos-snapshot: 265,638 events")
    panel.get_by_label("Event", exact=True).fill("200000")
    panel.get_by_label("Event", exact=True).press("Enter")
    _wait_for_status(panel, "^Event 200,000 of 265,638", 20)
    panel.get_by_role("button", name="Next eviction").click()
    _wait_for_status(panel, "^Event 20[0-9],[0-9]+ of 265,638", 20)
    assert abs(panel.bounding_box()["height"] - height) < 12, "nothing jumps"
    area = page.locator(".jp-OutputArea-output").filter(has=panel)
    assert area.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_cost_of_resync(notebook, tmp_path):
    page = notebook("05_cost_of_resync.ipynb", width=760)
    panel = page.locator(".oos-panel")
    assert "press Run" in panel.inner_text()
    panel.get_by_role("button", name="Run").click()
    assert "The snapshot pays on gcc at the prices of Core 2 6420, " in _wait_for_status(panel, "^Done")
    copies = panel.get_by_label("a page of 4 KiB copied")
    assert copies.input_value() == "512"
    took = copies.evaluate(_REDRAW)
    assert min(took) < 100, took  # what else runs on the machine may slow down some
    copies.fill("1000000")
    copies.press("Enter")
    assert "prices of Core 2 6420, changed: it adds " in _wait_for_status(
        panel, r"does not pay on gcc .* 1,345\.6%", 20
    )
    tornado = panel.get_by_role("img", name=re.compile("^Tornado chart: "))
    tornado.scroll_into_view_if_needed()
    assert tornado.bounding_box()["width"] > 500
    area = page.locator(".jp-OutputArea-output").filter(has=panel)
    assert area.evaluate("node => node.scrollWidth <= node.clientWidth")
    panel.screenshot(path=os.environ.get("OOSBENCH_PICTURE", tmp_path / "panel.png"))


def test_turn_every_knob(notebook, tmp_path):
    page = notebook("07_turn_every_knob.ipynb", width=760)
    panel = page.locator(".oos-panel")
    assert "press Run" in panel.inner_text()
    panel.get_by_label("Workloads").select_option(["sqlite"])
    panel.get_by_label("Values").first.fill("2, 3, 5")
    panel.get_by_label("Values").first.press("Enter")
    panel.get_by_role("button", name="Run").click()
    assert "6 points" in _wait_for_status(panel, "^Done")
    lines = panel.get_by_role("img", name=re.compile("^Line chart: tables that lost their slot"))
    lines.scroll_into_view_if_needed()
    assert lines.bounding_box()["width"] > 500
    panel.get_by_label("Show").select_option("cycles saved, of those without a snapshot")
    panel.get_by_role("img", name=re.compile("^Line chart: cycles saved")).wait_for()
    panel.get_by_label("Axis 2").select_option("prefetch")
    panel.get_by_label("Values").last.fill("on, off")
    panel.get_by_label("Values").last.press("Enter")
    panel.get_by_role("button", name="Run").click()
    assert "12 points" in _wait_for_status(panel, "^Done: 12")
    panel.get_by_role("img", name=re.compile("^Heat map: cycles saved")).wait_for()
    panel.get_by_role("button", name="Run").click()
    assert "12 of them known" in _wait_for_status(panel, "12 of them known", 20)
    area = page.locator(".jp-OutputArea-output").filter(has=panel)
    assert area.evaluate("node => node.scrollWidth <= node.clientWidth")
    panel.screenshot(path=os.environ.get("OOSBENCH_PICTURE", tmp_path / "panel.png"))
    panel.get_by_label("Values").first.fill("2, many")
    panel.get_by_label("Values").first.press("Enter")
    panel.get_by_role("button", name="Run").click()
    assert "'many'" in _wait_for_status(panel, "which fits nowhere", 20)


def test_published_figures(notebook, tmp_path):
    page = notebook("06_published_figures.ipynb", width=760)
    panel = page.locator(".oos-panel")
    assert "No figure yet" in panel.inner_text()
    panel.get_by_label("Figure").select_option(index=6)
    panel.get_by_role("button", name="Run").click()
    _wait_for_status(panel, r"^Done: \d+ rows in ")
    assert panel.locator(".oos-published img").get_attribute("alt").startswith("Dot chart")
    assert "Calibrated" in panel.inner_text()
    assert panel.get_by_role("row").count() > 3
    panel.get_by_text("What is not reproduced, and why").click()
    assert panel.get_by_text("never published: the cover letter measures the whole series").is_visible()
    panel.screenshot(path=tmp_path / "panel.png")
    area = page.locator(".jp-OutputArea-output").filter(has=panel)
    assert area.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_defects_of_2008(notebook):
    page = notebook("08_defects_of_2008.ipynb", width=760)
    assert page.get_by_role("cell", name="6d72e644df").first.is_visible()
    panel = page.locator(".oos-panel")
    panel.get_by_role("button", name="Load").click()
    _wait_for_status(panel, "on oos-snapshot: 7 events")
    panel.get_by_role("button", name="+10", exact=True).click()
    _wait_for_status(panel, "^Event 7 of 7")
    # With the defect the last access goes where the entry led before it was changed.
    assert "which leads to 0xa000" in panel.inner_text()
    panel.get_by_label("Preset").select_option("oos-fixed")
    panel.get_by_role("button", name="Load").click()
    _wait_for_status(panel, "on oos-fixed: 7 events")
    panel.get_by_role("button", name="+10", exact=True).click()
    _wait_for_status(panel, "^Event 7 of 7")
    assert "which leads to 0xb000" in panel.inner_text()


@pytest.mark.parametrize("theme", ["Dark", "Light"])  # the last one stays
def test_make_a_workload(notebook, tmp_path, theme):
    page = notebook("02_make_a_workload.ipynb", width=760)
    page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    panel = page.locator(".oos-panel")
    _wait_for_status(panel, "^A preview: the first 4,000 events. Run makes all 50,000")
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
    assert "30,000 lines" in _wait_for_status(panel, "^Done")
    panel.get_by_role("img", name=re.compile("^Line chart over the 30,000 lines of cow_storm")).wait_for()
    panel.get_by_label("File").fill(str(tmp_path / "mine.npz"))
    panel.get_by_role("button", name=re.compile("Save$")).click()
    _wait_for_status(panel, "^Saved 30,000 lines", 20)
    assert (tmp_path / "mine.npz").stat().st_size > 10_000
    panel.get_by_label("File").fill("nowhere/mine.npz")
    panel.get_by_role("button", name=re.compile("Save$")).click()
    _wait_for_status(panel, "^There is no folder nowhere", 20)
    assert _fits(page, panel)
    _take_picture(page, panel, tmp_path, f"workload-{theme}")


@pytest.mark.parametrize("theme", ["Dark", "Light"])  # the last one stays
def test_dirty_entries(notebook, tmp_path, theme):
    page = notebook("04_dirty_entries.ipynb", width=760)
    page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    panel = page.locator(".oos-panel")
    assert "press Run" in panel.inner_text()
    panel.get_by_role("button", name="Run").click()
    assert "2,989 of 2,989 passes" in _wait_for_status(panel, "^Done")
    names = ("Distribution of the share", "Bar charts of how much", "Heat maps of dirty", "Line charts of dirty")
    for name in names:
        picture = panel.get_by_role("img", name=re.compile(f"^{name}.*gcc.*redis"))
        picture.scroll_into_view_if_needed()
        assert picture.bounding_box()["width"] > 600
    assert panel.get_by_role("cell", name="527,564").is_visible()
    _take_picture(page, panel, tmp_path, f"dirty-{theme}")

    panel.get_by_label("Cause").select_option("evict")
    panel.get_by_label("Compared, at least").fill("100")
    panel.get_by_label("Compared, at least").press("Enter")
    assert "of 2,989 passes; " in _wait_for_status(panel, "^[0-9,]+ of 2,989", 20)
    panel.get_by_text('DirtyPanel(["gcc", "redis"], cause="evict", compared=100)', exact=True).wait_for()
    panel.get_by_label("Cause").select_option("fault")
    _wait_for_status(panel, "^0 of 2,989 passes", 20)
    assert "Choose another cause" in panel.inner_text()
    assert _fits(page, panel)


def test_charts_are_saved_and_lines_are_copied(notebook, tmp_path):
    page = notebook("04_dirty_entries.ipynb")
    page.context.grant_permissions(["clipboard-read"])
    panel = page.locator(".oos-panel")
    panel.get_by_label("Recordings").select_option(["sqlite"])
    panel.get_by_role("button", name="Run").click()
    _wait_for_status(panel, "^Done")
    for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("csv", b"trace,cause,passes,")):
        with page.expect_download() as download:
            panel.get_by_title(f"Save dirty_causes.{ending}").click()
        assert download.value.suggested_filename == f"dirty_causes.{ending}"
        assert Path(download.value.path()).read_bytes().startswith(start)
    panel.get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == 'DirtyPanel(["sqlite"])'


def _fits(page, panel) -> bool:
    """Say whether nothing of a panel is beyond the right edge of its output."""
    area = page.locator(".jp-OutputArea-output").filter(has=panel)
    return area.evaluate("node => node.scrollWidth <= node.clientWidth")


def _take_picture(page, panel, folder: Path, name: str) -> None:
    """Take a picture of a whole panel: somewhere to look at it, if the environment names a folder."""
    size = page.viewport_size
    page.set_viewport_size({"width": size["width"], "height": 200 + int(panel.bounding_box()["height"])})
    panel.scroll_into_view_if_needed()
    panel.screenshot(path=Path(os.environ.get("OOSBENCH_PICTURES", folder)) / f"{name}.png")
    page.set_viewport_size(size)


def test_compare_policies(notebook, tmp_path):
    page = notebook("03_compare_policies.ipynb", width=760)
    panel = page.locator(".oos-panel")
    assert "No run yet" in panel.inner_text()
    panel.get_by_label("Traces").select_option(["sqlite"])
    panel.get_by_label("Set for all").fill("oos_slots=8")
    panel.get_by_role("button", name="Run").click()
    assert "3 runs" in _wait_for_status(panel, "^Done")
    picture = panel.get_by_role("img", name=re.compile(r"^Small multiples of bars. sqlite: emulate\+oos_slots=8 "))
    assert picture.bounding_box()["width"] > 500
    assert 'shared="oos_slots=8"' in panel.inner_text()
    panel.screenshot(path=tmp_path / "panel.png")
    panel.get_by_label("Set for all").fill("slots=8")
    panel.get_by_role("button", name="Run").click()
    _wait_for_status(panel, "there is no axis 'slots'")
    assert picture.is_visible(), "what was shown before stays"
    area = page.locator(".jp-OutputArea-output").filter(has=panel)
    assert area.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_bring_your_own(notebook, tmp_path):
    page = notebook("09_bring_your_own.ipynb", width=760)
    panel = page.locator(".oos-panel").last
    assert panel.get_by_label("second_write").is_checked()
    panel.get_by_role("button", name="Run").click()
    assert "6 runs" in _wait_for_status(panel, "^Done")
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
        assert lacking.partition(":")[0] in _wait_for_status(recorder, "recording needs")
        return
    told = _wait_for_status(recorder, "^Done|oosbench: |apt-get")
    if "mine.npz" in told:  # else there is no kernel, and the panel says how to get one
        assert recorder.get_by_role("img").is_visible()
        assert "page faults explained by the tables" in recorder.inner_text()
    assert f'out="{tmp_path}/mine.npz"' in recorder.inner_text()
    recorder.screenshot(path=tmp_path / "recorder.png")
