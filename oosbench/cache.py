"""Where what can be made again is kept: machine code, the recorder's parts, what panels have swept."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path


def cache_root() -> Path:
    """Return ``$OOSBENCH_CACHE``, else a folder of the project's own in the user's cache folder.

    Who has no home, as a container's user without an entry, gets a temporary folder.
    """
    if root := os.environ.get("OOSBENCH_CACHE"):
        return Path(root)
    if above := os.environ.get("XDG_CACHE_HOME"):
        return Path(above) / "oosbench"
    try:
        return Path.home() / ".cache" / "oosbench"
    except RuntimeError:
        return _without_home()


@cache
def _without_home() -> Path:
    """Return a folder that nobody else can have written to: machine code is run from it."""
    folder = Path(tempfile.gettempdir()) / f"oosbench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o022:
        return Path(tempfile.mkdtemp(prefix="oosbench-"))
    return folder
