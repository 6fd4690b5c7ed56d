"""Where what can be made again is kept: machine code, the recorder's parts, what panels have swept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """Return ``$OOSBENCH_CACHE``, else a folder of the project's own in the user's cache folder."""
    root = os.environ.get("OOSBENCH_CACHE")
    if root is None:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oosbench"
    return Path(root)
