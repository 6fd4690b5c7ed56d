"""A real JupyterLab, a real browser, and a notebook in them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from oosbench.cache import cache_root

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def browser():
    """Start the system's Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium; on Debian: apt-get install chromium")
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
