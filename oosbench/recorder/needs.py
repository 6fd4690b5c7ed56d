"""What recording needs of the machine, and what to install where something is missing."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from ..cache import cache_root
from ..errors import RecorderError

QEMU = "qemu-system-x86_64"
_PACKAGES = {QEMU: "qemu-system-x86", "gcc": "gcc libc6-dev", "ldd": "libc-bin"}
INSTALL = "apt-get install --no-install-recommends"


def missing() -> str:
    """Return what recording lacks on this machine, with the command that installs it; empty if nothing."""
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        return f"recording needs Linux on x86-64, this is {platform.system()} on {platform.machine()}"
    lacking = [program for program in _PACKAGES if shutil.which(program) is None]
    if not lacking:
        return ""
    return f"recording needs {', '.join(lacking)}: {INSTALL} {' '.join(_PACKAGES[program] for program in lacking)}"


def require() -> None:
    """Raise `RecorderError` if something is missing."""
    if lacking := missing():
        raise RecorderError(lacking)


def folder() -> Path:
    """Return where kernels and the compiled plugin are kept."""
    path = cache_root().absolute() / "recorder"
    path.mkdir(parents=True, exist_ok=True)
    return path
