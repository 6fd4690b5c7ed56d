"""Notebooks: tidy in git, executed here, and each used in a browser."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from .tiers import some

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_tidy(name):
    notebook = nbformat.read(FOLDER / name, as_version=4)
    nbformat.validate(notebook)
    assert len(notebook.cells) <= 12
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert cell.id.replace("-", "").isalpha(), "cells have readable ids"
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
            assert len(cell.source.splitlines()) <= 15
            shown = name.startswith("09") and cell.id in ("trace", "policy", "keep")  # these are the reader's to change
            assert cell.metadata == ({} if shown else {"jupyter": {"source_hidden": True}}), "opens as a dashboard"
    code = [cell.id for cell in notebook.cells if cell.cell_type == "code"]
    assert code[0] == "import"
    assert code[-1] == "panel"
    assert notebook.cells[-1].id == "panel"


@pytest.mark.parametrize("name", some(NOTEBOOKS, {"00_start_here.ipynb", "05_cost_of_resync.ipynb"}))
def test_a_notebook_runs(name, tmp_path, monkeypatch):
    for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(FOLDER / name, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}})
    client.execute(env=os.environ)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "stream"] == []
    shown = [str(output.get("data", {}).get("text/html", "")) for output in outputs]
    assert sum("data:image" in text or 'role="img"' in text for text in shown) >= 2
    assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in outputs)


def test_every_notebook_is_used_in_a_browser():
    used = {path.stem.removeprefix("test_") for path in (Path(__file__).parent / "browser").glob("test_*.py")}
    assert {name.removesuffix(".ipynb") for name in NOTEBOOKS} == used
