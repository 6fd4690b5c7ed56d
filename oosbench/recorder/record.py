"""`record`: a program of one's own in a small Linux guest, and the recording of its page tables."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import RecorderError
from ..machine import Cancelled
from ..recordings import Checked, Recording, check
from . import build, packages, qemu
from .contents import guest_tree
from .log import read_summary, rows_of, touches_of
from .needs import require

THP = ("always", "madvise", "never")
MEMORY = "1G"
MAX_VCPUS = 4
TIME_LIMIT = 600.0
_LEAST, _MOST = 2**28, 2**31
_SHARED_MEMORY = "/dev/shm"  # guest memory that is a file there is written to no disk
_ROOM = 2**29  # for the logs
_PREFIX = "oosbench-record-"


@dataclass(frozen=True, eq=False)
class Recorded:
    """A recording that has been made, and what is known of it.

    Attributes
    ----------
    recording : Recording
    check : Checked
        The replay of the recording: nothing in it is inconsistent.
    about : dict
        What made it: command, options, kernel, QEMU, checksums, and the figures of the check while it ran.
    output : str
        What the command printed.
    """

    recording: Recording
    check: Checked
    about: dict[str, object]
    output: str


def memory_size(text: str) -> int:
    """Return a size in bytes from ``512M`` or ``1G``.

    >>> memory_size("512M")
    536870912
    """
    found = re.fullmatch(r"(\d+)([MG])", text)
    size = int(found[1]) << (20 if found[2] == "M" else 30) if found else 0
    if not _LEAST <= size <= _MOST or size % 2**21:
        raise RecorderError(f"memory is {text}, must be 256M to 2G, in steps of 2M")
    return size


def record(
    out: str | os.PathLike,
    command: Sequence[str],
    *,
    memory: str = MEMORY,
    pti: bool = False,
    thp: str = "always",
    accesses: bool = False,
    vcpus: int = 1,
    add: Sequence[str] = (),
    kernel: str | os.PathLike | None = None,
    time_limit: float = TIME_LIMIT,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    deaf: bool = False,
) -> Recorded:
    """Run a command in a small Linux guest, and record what it does to its page tables.

    The guest runs under QEMU without virtualisation, 50 to 100 times slower than the machine. It finds the
    command's file, its libraries, arguments that are files, and what `add` names; nothing else of the machine, and
    no network. With one vCPU the same files and options give the same recording, byte for byte; with several, how
    they take turns depends on the machine's clock, and no two recordings are the same.

    Parameters
    ----------
    out : path
        The recording, ``NAME.npz``. It appears whole, after it has been checked, or not at all.
    command : sequence of str
        A program and its arguments.
    memory : str
        Of the guest: ``256M`` to ``2G``.
    pti : bool
        Whether the guest's kernel isolates its page tables from user code, which loads CR3 at every system call.
    thp : {"always", "madvise", "never"}
        Transparent huge pages.
    accesses : bool
        Whether to record first touches of pages too, as ``NAME.touch.npz``. Without them nothing but faults and
        stores to page tables makes the shadow MMU work, and little ever goes out of sync.
    vcpus : int
        1 to 4. They take turns in one thread, so that the recording has an order.
    add : sequence of str
        More files and folders that the program needs.
    kernel : path, optional
        A Linux kernel to run instead of Debian's.
    time_limit : float
        Seconds of this machine that the guest may take.
    progress : callable, optional
        Called ten times a second with what is being done, seconds done and the time limit.
    cancelled : callable, optional
        Asked ten times a second.
    deaf : bool
        Ignore stores to page tables: the check must refuse what comes of it.

    Raises
    ------
    RecorderError
        If something is missing on this machine, the guest or the command fails, the time limit is over, or the
        recording is not all that happened.
    Cancelled
        If `cancelled` said so.
    """
    out = Path(out)
    if out.suffix != ".npz" or out.name.endswith(".touch.npz"):
        raise RecorderError(f"{out}: a recording's name must end in .npz, and not in .touch.npz")
    if not out.absolute().parent.is_dir():
        raise RecorderError(f"{out}: there is no folder {out.absolute().parent}")
    if not command:
        raise RecorderError("there is no command to record: OUT.npz -- COMMAND ARGS...")
    if thp not in THP:
        raise RecorderError(f"thp is {thp}, must be one of {', '.join(THP)}")
    if not 1 <= vcpus <= MAX_VCPUS:
        raise RecorderError(f"vcpus is {vcpus}, must be from 1 to {MAX_VCPUS}")
    if not time_limit > 0:
        raise RecorderError(f"time limit is {time_limit:g}, must be above 0")
    size = memory_size(memory)
    require()
    progress("preparing", 0, int(time_limit))
    version, interface = build.qemu_version()
    image = Path(kernel).absolute() if kernel is not None else packages.kernel()
    if not image.is_file():
        raise RecorderError(f"{kernel}: there is no such kernel")
    plugin, init, busybox = build.plugin(interface), build.guest_init(), packages.busybox()
    room = _SHARED_MEMORY if qemu.free_of(_SHARED_MEMORY) > size + _ROOM else tempfile.gettempdir()
    _sweep(Path(room))
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=room) as folder:
        files = qemu.Files(Path(folder))
        tree = guest_tree(command, add, init, busybox, cancelled)
        told = hashlib.sha256()
        with (files.folder / "initramfs").open("wb") as file:
            for piece in tree.archive():
                if cancelled():
                    raise Cancelled
                told.update(piece)
                file.write(piece)
        about = {
            "command": list(command),
            "memory": memory,
            "pti": pti,
            "thp": thp,
            **({"vcpus": vcpus} if vcpus > 1 else {}),
            "kernel": f"{image.name} {_sha256(image)}",
            "qemu": version,
            "initramfs": told.hexdigest(),
            "plugin": build.plugin_digest(),
        }
        words = qemu.command_line(image, plugin, size, pti=pti, thp=thp, accesses=accesses, deaf=deaf, vcpus=vcpus)
        qemu.run(words, files, size, time_limit, progress, cancelled)
        progress("checking", 0, int(time_limit))
        summary = read_summary(files.summary)
        output = files.output.read_text(errors="replace").replace("\r\n", "\n")
        _refuse(command, summary, output)
        about |= {name: summary[name] for name in ("checks", "compared", "missed")}
        touches = touches_of(files.touches) if accesses else None
        rows = rows_of(files.log, summary["rows"])
    recording = Recording(out.stem, rows, touches, size // 4096, summary["direct_map"] - 2**64, json.dumps(about))
    checked = check(recording)
    if not checked.good:
        raise RecorderError(f"the recording is not all that happened, and was not kept: {checked}")
    recording.write(out)
    return Recorded(recording, checked, about, output)


def _refuse(command: Sequence[str], summary: dict[str, int], output: str) -> None:
    if summary["missed"]:
        raise RecorderError(
            f"{summary['missed']:,} writes to page tables were missed in {summary['checks']:,} comparisons with the "
            f"guest's memory; the recording was not kept"
        )
    if status := summary["status"]:
        said = "\n".join(output.strip().splitlines()[-12:])
        raise RecorderError(
            f"{command[0]} ended with status {status} in the guest, and nothing was kept"
            + (f"; it said:\n{said}" if said else "")
            + "\n(what it needs, --add brings; to record it all the same: sh -c 'COMMAND; true')"
        )


def _sweep(room: Path) -> None:
    """Remove what earlier recorders left that were killed on the spot."""
    for folder in room.glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
