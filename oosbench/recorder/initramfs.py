"""The guest's file system: an archive (cpio, "newc") that the kernel unpacks into memory.

Nothing of it depends on when or by whom it is written: the same files give the same bytes.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_BYTES = 2**30


@dataclass(frozen=True)
class Entry:
    """A file of the guest: its mode with the type, what it holds (a path of this machine, or bytes), its time."""

    mode: int
    content: Path | bytes = b""
    mtime: int = 0
    device: tuple[int, int] = (0, 0)

    def data(self) -> bytes:
        """Return what it holds."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


class Tree:
    """Files by their absolute path in the guest; folders above them come by themselves."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def __contains__(self, path: str) -> bool:
        return path in self.entries

    def _put(self, path: str, entry: Entry) -> None:
        parent = str(PurePosixPath(path).parent)
        if parent != "/" and parent not in self.entries:
            self.folder(parent)
        self.entries[path] = entry

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Add a folder."""
        if path not in self.entries:
            self._put(path, Entry(stat.S_IFDIR | mode))

    def text(self, path: str, content: bytes) -> None:
        """Add a small file."""
        self._put(path, Entry(stat.S_IFREG | 0o644, content))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._put(path, Entry(stat.S_IFLNK | 0o777, target.encode()))

    def device(self, path: str, major: int, minor: int) -> None:
        """Add a character device."""
        self._put(path, Entry(stat.S_IFCHR | 0o600, device=(major, minor)))

    def file(self, path: str, source: Path) -> None:
        """Add a file of this machine; its time comes along, on which Python's compiled files depend."""
        told = source.stat()
        mode = 0o755 if told.st_mode & 0o111 else 0o644
        self._put(path, Entry(stat.S_IFREG | mode, source, int(told.st_mtime)))

    def host(self, source: Path) -> str:
        """Add a file or folder of this machine at its own place, with every symbolic link on the way.

        Returns
        -------
        str
            Where it is, when all links are followed.
        """
        at, left = "/", list(Path(source).absolute().parts[1:])
        links = 0
        while left:
            part = left.pop(0)
            if part == "..":
                at = str(PurePosixPath(at).parent)
                continue
            here = Path(at) / part
            if here.is_symlink():
                links += 1
                if links > 40:
                    raise OSError(40, "Too many levels of symbolic links", str(source))
                target = here.readlink()
                if str(here) not in self.entries:
                    self.link(str(here), str(target))
                left = [part for part in target.parts if part != "/"] + left
                at = "/" if target.is_absolute() else at
            elif here.is_dir():
                self.folder(str(here))
                at = str(here)
            else:
                if str(here) not in self.entries:
                    self.file(str(here), here)
                at = str(here)
        return at

    def archive(self) -> Iterator[bytes]:
        """Yield the archive, piece by piece: folders before what is in them."""
        for number, (path, entry) in enumerate(sorted(self.entries.items()), 1):
            yield from _member(path.lstrip("/"), number, entry, entry.data())
        yield from _member("TRAILER!!!", 0, Entry(0), b"")


def _member(name: str, number: int, entry: Entry, data: bytes) -> Iterator[bytes]:
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    title = name.encode() + b"\0"
    numbers = (number, entry.mode, 0, 0, links, entry.mtime, len(data), 0, 0, *entry.device, len(title), 0)
    head = b"070701" + "".join(f"{value & 0xFFFFFFFF:08x}" for value in numbers).encode() + title
    yield head + b"\0" * (-len(head) % 4)
    yield data
    yield b"\0" * (-len(data) % 4)
