"""The Makefile: `make lab` leaves the notebooks alone, and what a reader has done in their copies too."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_workbench_is_a_copy_that_is_not_written_over(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    before = {path.name: path.read_bytes() for path in (tmp_path / "notebooks").glob("*.ipynb")}
    python = tmp_path / "python"  # stands for all that would be installed and started
    python.write_text('#!/bin/sh\necho "$@" >> called\n')
    python.chmod(0o755)

    def lab() -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        subprocess.run(["make", "lab", f"PY={python}"], cwd=tmp_path, check=True, capture_output=True, env=environment)

    lab()
    assert "jupyterlab workbench/00_start_here.ipynb" in (tmp_path / "called").read_text()
    copies = {path.name: path.read_bytes() for path in (tmp_path / "workbench").glob("*.ipynb")}
    assert copies == before
    (tmp_path / "workbench" / "00_start_here.ipynb").write_text("mine")
    (tmp_path / "workbench" / "01_inside_a_resync.ipynb").unlink()
    lab()
    assert (tmp_path / "workbench" / "00_start_here.ipynb").read_text() == "mine"
    assert (tmp_path / "workbench" / "01_inside_a_resync.ipynb").exists()
