"""`Trace`: what a guest does, as columns. The contract between guests and machines."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from ..compiled import writeable
from ..errors import TraceError
from ..input import foreign, read_input, shown
from ..output import text_file, whole_file
from ..x86 import LEVELS, MAX_FRAMES, unsigned
from .checks import complaints, filled_in, numbered, refuse_verbatim
from .columns import ZIP, read_columns
from .events import EVENT, OPS, POKE
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
    Making a trace does not check it; `validate` does, and all that uses it calls that.
    """

    levels: int
    vcpus: int
    guest_pages: int
    shadow_pages: int
    events: np.ndarray
    name: str = "trace"
    verbatim: Mapping[int, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        events = np.require(self.events, EVENT, ["C"]).view(np.recarray)
        object.__setattr__(self, "events", events)
        object.__setattr__(self, "verbatim", MappingProxyType(dict(self.verbatim)))
        object.__setattr__(self, "_valid", False)

    @classmethod
    def from_events(cls, mode: tuple[int, int, int, int], events: np.ndarray, name: str) -> Trace:
        """Return a trace of a copy of these events, checked; its lines become those of its text form.

        Fields that an op does not have become 0.

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
        return cls(*mode, events=numbered(events), name=name).validate()

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
        return cls(*parsed.mode, events=parsed.events, name=name, verbatim=parsed.verbatim)._checked()

    def to_text(self) -> str:
        """Return the text form; for a trace that was read from text, the same text.

        Raises
        ------
        TraceError
            If an event is impossible.
        """
        self.validate()
        return spell(Parsed(self.mode, self.events, dict(self.verbatim)))

    @classmethod
    def read(cls, path: str | os.PathLike) -> Trace:
        """Read a trace from a text file, compressed by gzip or xz or not, or from ``.npz``; and check it.

        It is read once, so it may be a pipe; ``-`` is standard input.

        Raises
        ------
        TraceError
            If it holds no trace.
        OSError
            If it cannot be read.
        """
        return cls.from_bytes(read_input(path, TraceError), shown(path))

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "trace") -> Trace:
        """Return the trace in the bytes of a file, of any kind that `read` takes; and check it.

        Raises
        ------
        TraceError
            If they hold no trace.
        """
        if data.startswith(ZIP):
            return cls._from_npz(data, name)
        unpack = next((opens for sign, opens in _PACKED.items() if data.startswith(sign)), None)
        if unpack is not None:
            try:
                with unpack(io.BytesIO(data)) as file:
                    data = file.read(MAX_TEXT + 1)
            except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
                raise TraceError(f"{name}: is damaged or cut short ({error})") from None
            if len(data) > MAX_TEXT:
                raise TraceError(f"{name}: unpacks to more than {MAX_TEXT:,} bytes")
        if what := foreign(data):
            raise TraceError(f"{name}: {what}")
        if len(data) > MAX_TEXT:
            raise TraceError(f"{name}: is larger than {MAX_TEXT:,} bytes")
        return cls.from_text(data, name)

    @classmethod
    def _from_npz(cls, data: bytes, name: str) -> Trace:
        columns = read_columns(data, name, _NPZ_COLUMNS, TraceError)
        lengths = {name: len(columns[name]) for name in EVENT.names}
        if len(columns["mode"]) != 4 or len(set(lengths.values())) != 1:
            raise TraceError(f"{name}: mode must have 4 numbers and all columns one length, they have {lengths}")
        events = np.zeros(len(columns["op"]), EVENT).view(np.recarray)
        for column in EVENT.names:
            events[column] = columns[column]
        numbers = columns["verbatim_line"].tolist()
        kept = columns["verbatim_text"].tobytes().decode(errors="replace").split("\n")
        if len(kept) != max(len(numbers), 1):
            raise TraceError(f"{name}: verbatim_text has {len(kept)} lines, verbatim_line {len(numbers)}")
        verbatim = dict(zip(numbers, kept, strict=False))
        return cls(*columns["mode"].tolist(), events=events, name=name, verbatim=verbatim).validate()

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
        self.validate()
        return {
            "mode": np.array(self.mode),
            "verbatim_line": np.array(list(self.verbatim), np.int64),
            "verbatim_text": np.frombuffer(text, np.uint8),
        } | {name: self.events[name] for name in EVENT.names}

    # --- looking -----------------------------------------------------------------------------------------------

    @property
    def mode(self) -> tuple[int, int, int, int]:
        """Levels, vCPUs, guest pages, shadow pages."""
        return self.levels, self.vcpus, self.guest_pages, self.shadow_pages

    def __len__(self) -> int:
        """Return the number of events; a POKE is none."""
        return int(np.count_nonzero(self.events.op != POKE))

    @cached_property
    def digest(self) -> str:
        """16 hex digits that are the same for traces that say the same, whatever they are called."""
        told = hashlib.sha256(f"{self.mode}".encode())
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
        self.validate()
        return summarise(self.name, self.mode, writeable(self.events))

    # --- checking ----------------------------------------------------------------------------------------------

    def validate(self) -> Trace:
        """Return the trace itself if everything in it is possible, and can be said in every form.

        Lines that are all 0 are numbered, and `spelled` grows where a field must be written out. From then on the
        events, and the array they came in, may not be written.

        Raises
        ------
        TraceError
            With the first offending line, and what would be right.
        """
        if not self._valid:
            self._checked()
            if self.verbatim:
                object.__setattr__(self, "_valid", False)
                refuse_verbatim(Parsed(self.mode, self.events, dict(self.verbatim)), self.name)
                object.__setattr__(self, "_valid", True)
        return self

    def _checked(self) -> Trace:
        """Check mode and events, and freeze the events."""
        self._check_mode()
        events = filled_in(self.events, self.levels)
        worst = len(events)
        message = ""
        for wrong, what in complaints(events, self.mode, bool(self.verbatim)):
            rows = np.flatnonzero(wrong)
            if len(rows) and rows[0] < worst:
                worst, message = int(rows[0]), what
        if message:
            event = events[worst]
            told = f"{OPS[event.op] if event.op < len(OPS) else event.op} of vcpu {event.vcpu}"
            number = f"address {unsigned(event.address):#x}, value {unsigned(event.value):#x}"
            raise TraceError(f"{self.name}, line {event.line}: {message} ({told}, {number}, size {event.width})")
        object.__setattr__(self, "events", events)
        array: object = events
        while isinstance(array, np.ndarray):
            array.flags.writeable = False
            array = array.base
        object.__setattr__(self, "_valid", True)
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
