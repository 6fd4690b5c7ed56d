"""`Trace`: what a guest does, as columns. The contract between guests and machines."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import TraceError
from ..output import text_file, whole_file
from ..x86 import LEVELS, MAX_FRAMES, PAGE_SIZE
from .columns import read_columns
from .events import ACCESS, CR3, EVENT, INVLPG, NX, OPS, P2M, POKE, PSE, WP, WRITE, WRITEHL
from .summary import Summary, summarise
from .text import Parsed, parse, spell

MAX_VCPUS = 64  # the original looks through all vCPUs' slots at a resync, so its cost grows with them
MAX_SHADOW_PAGES = 2**22  # 16 GiB of shadow
_PACKED = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\0": lzma.open}  # by what such files begin with
MAX_TEXT = 4 * 2**30  # bytes of an uncompressed text trace
_NPZ_COLUMNS = {"mode": "i8", "verbatim_line": "i8", "verbatim_text": "u1"} | {
    name: EVENT[name].str for name in EVENT.names
}


@dataclass(frozen=True, eq=False)
class Trace:
    """What a guest does: initial memory, then CR3 loads, accesses, stores… of each vCPU, in order.

    Parameters
    ----------
    levels : {2, 3, 4}
        Levels of paging of every vCPU once its paging is on: 2-level, PAE, 64-bit.
    vcpus : int
        1 to 64.
    guest_pages, shadow_pages : int
        Pages of 4 KiB that the guest has, and that its shadow may take. A shadow pool smaller than Xen's
        minimum is raised to it.
    events : EVENT[n]
        See `oosbench.traces.events.EVENT`.
    name : str
        What tables and messages call it.
    verbatim : mapping of int to str
        Lines of the text it was read from that are not spelled as usual; see `oosbench.traces.text`.

    Notes
    -----
    Making a trace does not check it; `validate` does, and `Machine` calls that.
    """

    levels: int
    vcpus: int
    guest_pages: int
    shadow_pages: int
    events: np.ndarray
    name: str = "trace"
    verbatim: Mapping[int, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        events = np.require(self.events, EVENT, ["C", "W"]).view(np.recarray)
        object.__setattr__(self, "events", events)

    @classmethod
    def from_events(cls, mode: tuple[int, int, int, int], events: np.ndarray, name: str) -> Trace:
        """Return a trace of these events, checked; their lines become those of its text form.

        Parameters
        ----------
        mode : tuple of int
            Levels, vCPUs, guest pages, shadow pages.
        events : EVENT[n]
        name : str

        Raises
        ------
        TraceError
            If an event is impossible.
        """
        events["line"] = np.arange(2, len(events) + 2)
        return cls(*mode, events=events, name=name).validate()

    # --- reading and writing ---------------------------------------------------------------------------------

    @classmethod
    def from_text(cls, text: bytes | str, name: str = "trace") -> Trace:
        """Return the trace that `text` spells, checked.

        Raises
        ------
        TraceError
            If a line is malformed or says something impossible.
        """
        parsed = parse(text.encode() if isinstance(text, str) else text, name)
        return cls(*parsed.mode, events=parsed.events, name=name, verbatim=parsed.verbatim).validate()

    def to_text(self) -> str:
        """Return the text form; for a trace that was read from text, the same text."""
        mode = (self.levels, self.vcpus, self.guest_pages, self.shadow_pages)
        return spell(Parsed(mode, self.events, dict(self.verbatim)))

    @classmethod
    def read(cls, path: str | os.PathLike) -> Trace:
        """Read a trace from a text file, compressed by gzip or xz or not, or from ``.npz``; and check it.

        Raises
        ------
        TraceError
            If it holds no trace.
        OSError
            If it cannot be read.
        """
        path = Path(path)
        with path.open("rb") as file:
            start = file.read(6)
        if start.startswith(b"PK"):
            return cls._from_npz(path)
        unpack = next((opens for sign, opens in _PACKED.items() if start.startswith(sign)), None)
        if unpack is None:
            if path.stat().st_size > MAX_TEXT:
                raise TraceError(f"{path}: is larger than {MAX_TEXT:,} bytes")
            return cls.from_text(path.read_bytes(), str(path))
        try:
            with unpack(path) as file:
                text = file.read(MAX_TEXT + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
            raise TraceError(f"{path}: is damaged or cut short ({error})") from None
        if len(text) > MAX_TEXT:
            raise TraceError(f"{path}: unpacks to more than {MAX_TEXT:,} bytes")
        return cls.from_text(text, str(path))

    @classmethod
    def _from_npz(cls, path: Path) -> Trace:
        columns = read_columns(path, _NPZ_COLUMNS, TraceError)
        lengths = {name: len(columns[name]) for name in EVENT.names}
        if len(columns["mode"]) != 4 or len(set(lengths.values())) != 1:
            raise TraceError(f"{path}: mode must have 4 numbers and all columns one length, they have {lengths}")
        events = np.zeros(len(columns["op"]), EVENT).view(np.recarray)
        for name in EVENT.names:
            events[name] = columns[name]
        kept = columns["verbatim_text"].tobytes().decode(errors="replace").split("\n")
        verbatim = dict(zip(columns["verbatim_line"].tolist(), kept, strict=False))
        return cls(*columns["mode"].tolist(), events=events, name=str(path), verbatim=verbatim).validate()

    def write(self, path: str | os.PathLike) -> None:
        """Write the trace: ``.npz``, text packed by gzip (``.gz``) or xz (``.xz``), or text.

        The file appears when it is complete, and not at all if something goes wrong. The same trace gives the
        same bytes.
        """
        path = Path(path)
        if path.suffix == ".npz":
            with whole_file(path) as file:
                np.savez_compressed(file, **self._npz_columns())
        else:
            with text_file(path) as file:
                file.write(self.to_text().encode())

    def _npz_columns(self) -> dict[str, np.ndarray]:
        text = "\n".join(self.verbatim.values()).encode()
        return {
            "mode": np.array([self.levels, self.vcpus, self.guest_pages, self.shadow_pages]),
            "verbatim_line": np.array(list(self.verbatim), np.int64),
            "verbatim_text": np.frombuffer(text, np.uint8),
        } | {name: self.events[name] for name in EVENT.names}

    # --- looking -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of events; a POKE is none."""
        return int(np.count_nonzero(self.events.op != POKE))

    @cached_property
    def digest(self) -> str:
        """16 hex digits that are the same for traces that say the same, whatever they are called."""
        told = hashlib.sha256(f"{self.levels} {self.vcpus} {self.guest_pages} {self.shadow_pages} ".encode())
        for name in ("op", "vcpu", "width", "access", "address", "value"):
            told.update(np.ascontiguousarray(self.events[name]))
        return told.hexdigest()[:16]

    def counts(self) -> pd.Series:
        """Return how many lines there are of each op."""
        counts = np.bincount(self.events.op, minlength=len(OPS))
        return pd.Series(counts, index=pd.Index(OPS, name="op"), name=self.name)

    def describe(self) -> str:
        """Return a few lines that say what the trace holds."""
        modes = {2: "2-level", 3: "PAE", 4: "64-bit"}
        told = [
            f"{self.name}: {modes[self.levels]} guest, {self.vcpus} vCPU{'s' * (self.vcpus > 1)}, "
            f"{self.guest_pages:,} pages ({self.guest_pages / 256:,.1f} MiB), {len(self):,} events"
        ]
        counts = self.counts()
        told += [f"  {op:<8}{count:>12,}" for op, count in counts[counts > 0].items()]
        return "\n".join(told)

    def summary(self) -> Summary:
        """Return what the guest does to its page tables, in numbers; printed, it is a table."""
        return summarise(self.name, (self.levels, self.vcpus, self.guest_pages, self.shadow_pages), self.events)

    # --- checking ----------------------------------------------------------------------------------------------

    def validate(self) -> Trace:
        """Return the trace itself if everything in it is possible.

        Raises
        ------
        TraceError
            With the first offending line, and what would be right.
        """
        self._check_mode()
        worst = len(self.events)
        message = ""
        for wrong, what in self._complaints():
            rows = np.flatnonzero(wrong)
            if len(rows) and rows[0] < worst:
                worst, message = int(rows[0]), what
        if message:
            event = self.events[worst]
            told = f"{OPS[event.op] if event.op < len(OPS) else event.op} of vcpu {event.vcpu}"
            number = f"address {int(event.address) & (2**64 - 1):#x}, value {int(event.value) & (2**64 - 1):#x}"
            raise TraceError(f"{self.name}, line {event.line}: {message} ({told}, {number}, size {event.width})")
        return self

    def _check_mode(self) -> None:
        for what, value, least, most in (
            ("levels", self.levels, min(LEVELS), max(LEVELS)),
            ("vcpus", self.vcpus, 1, MAX_VCPUS),
            ("guest_pages", self.guest_pages, 1, MAX_FRAMES.get(self.levels, 0)),
            ("shadow_pages", self.shadow_pages, 0, MAX_SHADOW_PAGES),
        ):
            if not least <= value <= most:
                raise TraceError(f"{self.name}, MODE: {what} is {value}, must be {least} to {most}")

    def _complaints(self):
        """Yield, for each rule, which events break it and what the rule is."""
        op, address, width, value = (self.events[name] for name in ("op", "address", "width", "value"))
        physical = (op == POKE) | (op == CR3)
        virtual = (op == ACCESS) | (op == WRITE) | (op == WRITEHL) | (op == INVLPG)
        sized = (op == POKE) | (op == WRITE)
        switch = (op == WP) | (op == NX) | (op == PSE)
        yield op >= len(OPS), "unknown op"
        yield (virtual | switch | (op == CR3)) & (self.events.vcpu >= self.vcpus), f"vcpu must be below {self.vcpus}"
        yield sized & ~np.isin(width, (1, 2, 4, 8)), "size must be 1, 2, 4 or 8"
        length = np.where(op == WRITEHL, 8, width)
        yield (sized | (op == WRITEHL)) & ((address & 4095) + length > PAGE_SIZE), "a store must not cross a page"
        shift = np.minimum(8 * width.astype(np.int64), 63)
        yield sized & (width < 8) & (value >> shift != 0), "the value is wider than its size"
        top = self.guest_pages * PAGE_SIZE
        yield physical & ((address < 0) | (address >= top)), f"guest memory ends at {top:#x}"
        align = 32 if self.levels == 3 else PAGE_SIZE
        yield (op == CR3) & (address % align != 0), f"a root must be aligned to {align} bytes"
        yield (op == P2M) & ((address < 0) | (address >= self.guest_pages)), f"gfn must be below {self.guest_pages}"
        yield (op == P2M) & ((value < 0) | (value > 2)), "type of memory must be ram, ro or mmio"
        yield switch & (value != 0) & (value != 1), "must be 0 or 1"
        if self.levels == 4:
            yield virtual & (address != address << 16 >> 16), "the address is not canonical"
        else:
            yield virtual & ((address < 0) | (address >= 2**32)), "the address is wider than 32 bits"
