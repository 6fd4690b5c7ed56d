"""The guest's kernel and its small tools: Debian packages, downloaded once and never installed."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

from ..errors import RecorderError
from .needs import folder

_META = "linux-image-cloud-amd64"  # depends on the newest kernel for virtual machines


def kernel() -> Path:
    """Return the kernel, which may have to be downloaded first (27 MB)."""
    return _unpacked("linux-image-*-cloud-amd64_*_amd64.deb", r"\./boot/vmlinuz-.*", _newest_kernel)


def busybox() -> Path:
    """Return a statically linked busybox, which may have to be downloaded first (1 MB)."""
    return _unpacked("busybox-static_*_amd64.deb", r"\./(usr/)?bin/busybox", lambda: "busybox-static")


def _newest_kernel() -> str:
    told = _run(["apt-cache", "depends", _META])
    found = re.search(r"Depends: (linux-image-\S+)", told)
    if found is None:
        raise RecorderError(f"apt knows no {_META}, of which the guest's kernel comes: apt-get update, as root")
    return found[1]


def _unpacked(pattern: str, member: str, package) -> Path:
    """Return a file of a package: the newest that lies in the folder, or else downloaded."""
    if not list(folder().glob(pattern)):
        _download(package())
    archives = sorted(folder().glob(pattern), key=_by_numbers)
    if not archives:
        raise RecorderError(f"{folder()}: the download brought no {pattern}")
    archive = archives[-1]
    into = archive.with_suffix("")
    if into.is_dir() and (held := [path for path in into.iterdir() if not path.name.startswith(".")]):
        return held[0]
    into.mkdir(exist_ok=True)
    if held := _extracted(archive, member, into):
        return held
    raise RecorderError(f"{archive}: holds no {member}; remove it, and it is downloaded again")


def _extracted(archive: Path, member: str, into: Path) -> Path | None:
    """Take the first file out of a package that is called so."""
    process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE)
    with process, tarfile.open(fileobj=process.stdout, mode="r|") as tar:
        for item in tar:
            if item.isfile() and re.fullmatch(member, item.name):
                path = into / Path(item.name).name
                partial = into / f".{path.name}.{os.getpid()}.part"
                partial.write_bytes(tar.extractfile(item).read())
                partial.chmod(0o755)
                partial.replace(path)
                process.kill()
                return path
    return None


def _download(package: str) -> None:
    # Downloaded beside, and moved when whole: what was interrupted must not be taken for a package.
    with tempfile.TemporaryDirectory(dir=folder()) as beside:
        _run(["apt-get", "download", package], beside)
        for path in Path(beside).glob("*.deb"):
            path.replace(folder() / path.name)


def _run(words: list[str], where: str | None = None) -> str:
    hint = f"apt-get update as root, or put the package into {folder()}"
    try:
        done = subprocess.run(words, cwd=where, capture_output=True, text=True, timeout=600)
    except FileNotFoundError:
        raise RecorderError(f"{words[0]} is missing; put Debian's package into {folder()}") from None
    except subprocess.TimeoutExpired:
        raise RecorderError(f"{' '.join(words)}: no answer in ten minutes; {hint}") from None
    if done.returncode != 0:
        told = (done.stderr.strip().splitlines() or ["failed"])[-1]
        raise RecorderError(f"{' '.join(words)}: {told}; {hint}")
    return done.stdout


def _by_numbers(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts versions: 6.12 after 6.1."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
