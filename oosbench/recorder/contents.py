"""What goes into the guest: the command's files, the libraries and interpreters they need, and a few small tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from ..errors import RecorderError
from .initramfs import MAX_BYTES, Tree

HOME = "/root"  # where the command runs
_FOLDERS = {"/proc": 0o555, "/sys": 0o555, "/dev": 0o755, "/tmp": 0o1777, "/run": 0o755, "/var/tmp": 0o1777}
_TEXTS = {
    "/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n",
    "/etc/group": b"root:x:0:\n",
    "/etc/hosts": b"127.0.0.1 localhost\n",
}
_USUAL = re.compile(r"/(usr/)?lib(64|/x86_64-linux-gnu)?/[^/]+")  # where a program looks without being told
_MOST_WORDS, _MOST_BYTES = 4000, 2**17 - 1


def guest_tree(
    command: Sequence[str],
    add: Sequence[str],
    init: Path,
    busybox: Path,
    cancelled: Callable[[], bool] = lambda: False,
) -> Tree:
    """Return the guest's file system.

    Parameters
    ----------
    command : sequence of str
        A program, by path or by name, and its arguments. Arguments that are files come along.
    add : sequence of str
        More files and folders.
    init, busybox : Path
    cancelled : callable
        Asked now and then; what is returned after it says yes is not whole.

    Raises
    ------
    RecorderError
        If the program is not there, a library is missing, or it is all too large.
    OSError
        If a file cannot be read.
    """
    tree = _Gathering(cancelled)
    for path, mode in _FOLDERS.items():
        tree.folder(path, mode)
    tree.folder(HOME, 0o700)
    tree.device("/dev/console", 5, 1)
    for path, text in _TEXTS.items():
        tree.text(path, text)
    tree.file("/init", init)
    for name in add:
        if not Path(name).exists():
            raise RecorderError(f"--add {name}: there is no such file")
        tree.gather(Path(name))
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    words = [_program(tree, command[0], {*applets, "busybox"}), *command[1:]]
    for word in command[1:]:
        if not word.startswith("-") and os.path.isfile(word):  # Path.is_file fails on a word too long for a name
            tree.argument(word)
    _tools(tree, busybox, applets)
    text = "".join(f"{word}\0" for word in words).encode()
    if len(text) > _MOST_BYTES or len(words) > _MOST_WORDS:
        raise RecorderError(f"the command has {len(words)} words, {len(text):,} bytes; that is too long")
    tree.text("/oosbench/command", text)
    size = sum(e.content.stat().st_size for e in tree.entries.values() if isinstance(e.content, Path))
    if size > MAX_BYTES:
        raise RecorderError(f"the guest's files are {size:,} bytes, at most {MAX_BYTES:,} can be: --add less")
    return tree


class _Gathering(Tree):
    """A tree that brings along what its files need."""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        super().__init__()
        self._cancelled = cancelled
        self._known: set[str] = set()

    def gather(self, path: Path, must: bool = True) -> None:
        """Add a file with what it needs, or a folder and all that is in it."""
        if path.is_dir():
            self.host(path)
            for inside in sorted(path.iterdir()):
                if self._cancelled():
                    return
                if inside.is_symlink() and not inside.exists():
                    continue
                if inside.is_file() or (inside.is_dir() and not inside.is_symlink()):
                    self.gather(inside, False)
                elif inside.is_symlink():
                    self.link(str(inside.absolute()), str(inside.readlink()))
        elif path.is_file():
            self.host(path)
            self.needs_of(path, must)

    def argument(self, word: str) -> None:
        """Add a file at the place where the command will look for it."""
        if Path(word).is_absolute():
            self.gather(Path(word))
            return
        place = str(PurePosixPath(_normal(f"{HOME}/{word}")))
        self.file(place, Path(word))
        self.needs_of(Path(word), False)

    def needs_of(self, path: Path, must: bool) -> None:
        """Add the libraries of a program or library, or the interpreter of a script."""
        real = str(path.resolve())
        if real in self._known:
            return
        self._known.add(real)
        with path.open("rb") as file:
            head = file.read(256)
        if head.startswith(b"\x7fELF"):
            self._libraries(path, must)
        elif head.startswith(b"#!"):
            words = head[2:].split(b"\n")[0].decode(errors="replace").split()
            names = words[:2] if words and words[0].endswith("/env") else words[:1]
            for name in names:
                found = shutil.which(name)
                if found is not None:
                    self.gather(Path(found))
                elif must:
                    raise RecorderError(f"{path}: its interpreter {name} is not there")

    def _libraries(self, path: Path, must: bool) -> None:
        told = subprocess.run(["ldd", path.absolute()], capture_output=True, text=True).stdout
        for line in told.splitlines():
            name, _, place = line.strip().partition(" => ")
            if place.startswith("not found"):
                if must:
                    raise RecorderError(f"{path}: its library {name} is not there")
                continue
            found = re.match(r"(/\S+) \(0x", place or name)
            if found:
                self.host(Path(found[1]))
                if not _USUAL.fullmatch(found[1]) and "/etc/ld.so.cache" not in self:
                    self.host(Path("/etc/ld.so.cache"))


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in PurePosixPath(path).parts[1:]:
        if part == "..":
            del parts[-1:]
        else:
            parts.append(part)
    return "/" + "/".join(parts)


def _program(tree: _Gathering, name: str, tools: set[str]) -> str:
    """Add the program; return where it is in the guest."""
    if "/" in name:
        if not Path(name).is_file():
            raise RecorderError(f"{name}: there is no such program")
        tree.argument(name)
        return name if name.startswith("/") else _normal(f"{HOME}/{name}")
    found = shutil.which(name)
    if found is not None:
        tree.gather(Path(found))
        return str(Path(found).absolute())
    if name in tools:
        return f"/usr/bin/{name}"
    raise RecorderError(f"{name}: there is no such program, neither on this machine nor in busybox")


def _tools(tree: Tree, busybox: Path, applets: Sequence[str]) -> None:
    """Add what a shell script expects, where the machine's own programs are not there already."""
    if "/usr/bin/busybox" not in tree:
        tree.file("/usr/bin/busybox", busybox)
    for folder in ("/bin", "/sbin"):
        if folder not in tree:
            tree.link(folder, "usr/bin")
    for name in applets:
        if f"/usr/bin/{name}" not in tree:
            tree.link(f"/usr/bin/{name}", "busybox")
