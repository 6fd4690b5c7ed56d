"""The recorder's own C: the plugin of QEMU, and the first process of the guest. Compiled on first use."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

from ..errors import RecorderError
from .needs import INSTALL, QEMU, folder

_HERE = Path(__file__).parent


def qemu_version() -> tuple[str, int]:
    """Return QEMU's version as it tells it, and the version of its plugin interface that is used."""
    told = subprocess.run([QEMU, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"version (\d+)\.(\d+)\S*(?: \([^)]*\))?", told)
    if found is None:
        raise RecorderError(f"{QEMU} --version says {told[:80]!r}, no version")
    version = int(found[1]), int(found[2])
    if version < (7, 2):
        raise RecorderError(f"QEMU is {found[0].removeprefix('version ')}, must be 7.2 or newer")
    return found[0].removeprefix("version "), 1 if version < (9, 0) else 2 if version < (9, 1) else 3


def plugin(interface: int) -> Path:
    """Return the plugin, compiled for a version of QEMU's plugin interface."""
    return _compiled("plugin/plugin.c", ".so", ["-fPIC", "-shared", f"-DAPI={interface}"])


def guest_init() -> Path:
    """Return the first process of the guest."""
    return _compiled("guest/init.c", "", ["-static", "-s", "-Wl,--build-id=none"])


def plugin_digest() -> str:
    """Return the SHA-256 of the plugin's sources."""
    return _digest(_HERE / "plugin").hexdigest()


def _digest(sources: Path) -> hashlib._Hash:
    told = hashlib.sha256()
    for path in sorted(sources.glob("*.[ch]")):
        told.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return told


def _compiled(source: str, suffix: str, options: list[str]) -> Path:
    told = _digest((_HERE / source).parent)
    told.update(" ".join(options).encode())
    path = folder() / f"{Path(source).stem}-{told.hexdigest()[:12]}{suffix}"
    if path.is_file():
        return path
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        words = ["gcc", "-O2", "-Wall", *options, "-o", str(partial), source]
        done = subprocess.run(words, cwd=_HERE, capture_output=True, text=True)
        if done.returncode != 0:
            why = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[:200])
            raise RecorderError(f"{source} does not compile: {why}; it needs {INSTALL} gcc libc6-dev")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
