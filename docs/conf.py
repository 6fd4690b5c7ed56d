"""The documentation site: ``make docs`` builds it, and executes the notebooks while it does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from oosbench._version import __version__

HERE = Path(__file__).parent
ROOT = HERE.parent

project, author, copyright = "oosbench", "The oosbench authors", "2026, the oosbench authors"  # noqa: A001
release = version = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_nav_level": 1, "navigation_with_keys": False, "use_edit_page_button": False}
html_static_path = ["_static"]
html_show_sourcelink = False

nb_execution_mode = "cache"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_ipywidgets_js = {}  # panels need a kernel behind them; nothing is fetched from anywhere
nb_execution_show_tb = True
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]  # of widgets, which are left out

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings have the types
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
default_role = "code"


def _bring(app: object) -> None:
    """Lay the notebooks among the sources. A panel needs a kernel: of its cell the code is shown, and no output."""
    brought = HERE / "notebooks"
    shutil.rmtree(brought, ignore_errors=True)
    brought.mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = json.loads(path.read_text())
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["metadata"] = {"tags": ["remove-output"] if cell["id"] == "panel" else ["hide-input"]}
        (brought / path.name).write_text(json.dumps(notebook))


def setup(app: object) -> None:
    """Bring the notebooks before anything is read."""
    app.connect("config-inited", lambda app, config: _bring(app))
