"""QEMU: its command line, and the process while it runs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import RecorderError
from ..machine import Cancelled
from .needs import QEMU

# Four levels of tables, no PCID: what the shadow code of 2008 knows. (cx16: this QEMU's plugins break cmpxchg16b.)
_CPU = "max,la57=off,pcid=off,invpcid=off,cx16=off,pdpe1gb=off"
_LOOKS = 0.1  # seconds between two looks at the process
_CONSOLE, _OUTPUT, _RAM, _LOG, _TOUCHES, _SUMMARY = "console", "output", "ram", "log", "touches", "summary"
_TOLD = 12  # lines of the guest's console in a message


class Files:
    """The files of a run, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.console, self.output, self.ram = folder / _CONSOLE, folder / _OUTPUT, folder / _RAM
        self.log, self.touches, self.summary = folder / _LOG, folder / _TOUCHES, folder / _SUMMARY


def command_line(
    kernel: Path, plugin: Path, memory: int, *, pti: bool, thp: str, accesses: bool, deaf: bool, vcpus: int = 1
) -> list[str]:
    """Return QEMU's command line; it runs in the folder of the run's files, where ``initramfs`` is.

    Everything that could differ from run to run is fixed: time goes by instructions, random numbers by a seed. But
    a guest with several vCPUs does not boot when time goes by instructions, so there it is the machine's.
    """
    told = f"ram={_RAM},pages={memory // 4096},log={_LOG},summary={_SUMMARY}"
    told += f",touches={_TOUCHES}" * accesses + f",vcpus={vcpus}" * (vcpus > 1) + ",deaf=on" * deaf
    comma = str(plugin).replace(",", ",,")
    append = "console=ttyS0 quiet nokaslr panic=-1 rdinit=/init"
    append += f" pti={'on' if pti else 'off'} transparent_hugepage={thp}"
    return [
        *(QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-accel", "tcg,thread=single", "-cpu", _CPU, "-m", f"{memory}B"),
        *("-object", f"memory-backend-file,id=ram,share=on,mem-path={_RAM},size={memory}B"),
        *("-machine", "pc,memory-backend=ram"),
        *(("-smp", str(vcpus)) if vcpus > 1 else ("-icount", "shift=0,sleep=off")),
        *("-seed", "1", "-rtc", "base=2024-01-01,clock=vm"),
        *("-kernel", str(kernel), "-initrd", "initramfs", "-append", append),
        *("-serial", f"file:{_CONSOLE}", "-serial", f"file:{_OUTPUT}"),
        *("-plugin", f"file={comma},{told}"),
    ]


def run(
    words: list[str],
    files: Files,
    memory: int,
    time_limit: float,
    progress: Callable[[str, int, int], None],
    cancelled: Callable[[], bool],
) -> None:
    """Run QEMU until the guest is done.

    Raises
    ------
    RecorderError
        If it fails, or takes longer than `time_limit` seconds.
    Cancelled
        If `cancelled` says so. Whatever happens, the process has ended.
    """
    with files.ram.open("wb") as file:
        file.truncate(memory)
    with (files.folder / "complaints").open("wb") as complaints:
        # In a session of its own, so that Ctrl-C ends it by way of this function and no other.
        process = subprocess.Popen(
            words,
            cwd=files.folder,
            stdin=subprocess.DEVNULL,
            stdout=complaints,
            stderr=complaints,
            start_new_session=True,
        )
        try:
            _wait(process, files, time_limit, progress, cancelled)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if not files.summary.is_file():
        said = (files.folder / "complaints").read_text(errors="replace").strip()
        raise RecorderError(f"the guest did not come to its end{_last_lines(said, files)}")


def _wait(process: subprocess.Popen, files: Files, time_limit: float, progress, cancelled) -> None:
    began = started = time.monotonic()
    running = False
    while True:
        try:
            process.wait(_LOOKS)
            return
        except subprocess.TimeoutExpired:
            pass
        if cancelled():
            raise Cancelled
        now = time.monotonic()
        if not running and files.log.is_file() and files.log.stat().st_size:
            running, started = True, now
            files.ram.unlink()  # QEMU and the plugin have it open; nothing stays behind even if we are killed
        if now - began > time_limit:
            said = _last_lines("", files)
            raise RecorderError(f"the guest took longer than the time limit of {time_limit:g} seconds{said}")
        progress("running" if running else "booting", int(now - started), int(time_limit))


def _last_lines(said: str, files: Files) -> str:
    """Return what can be told of a guest that failed: QEMU's complaint, the last lines of console and command."""
    for path in (files.console, files.output):
        if path.is_file():
            text = path.read_text(errors="replace").replace("\r", "")
            said += "\n" + "\n".join(text.strip().splitlines()[-_TOLD:])
    said = said.strip()
    return f":\n{said}" if said else ""


def free_of(folder: str) -> int:
    """Return how many bytes are free where `folder` is, 0 if it is not there."""
    try:
        told = os.statvfs(folder)
    except OSError:
        return 0
    return told.f_bavail * told.f_frsize
