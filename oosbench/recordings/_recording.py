"""Reading recordings, and making them ready for `convert`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import RecordingError
from ..input import is_regular, read_input, shown
from ..traces import Trace
from ..traces.events import EVENT
from ..x86 import P
from . import convert as rules
from ._format import (
    DIRECT_MAP,
    RAM_PAGES,
    ROWS,
    TOUCHES,
    Held,
    beside,
    read_rows,
    read_touches,
    refuse_missing_touches,
    refuse_rows,
    refuse_touches,
    write,
)
from .direct_map import extra_pages, l3_entry, root_index, small_pages
from .first_touches import TLB, TOUCH, TOUCHED, ready_touches
from .walk import NOT_MAPPED

SHADOW_PAGES = 4096
DIRECT_MAPS = ("recorded", "4k")


def data_folder() -> Path:
    """Return where the bundled data lies: in an installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def bundled() -> pd.DataFrame:
    """Return the bundled recordings: by name, workload, whether the `original` code ran it, checksum of its trace."""
    return pd.read_csv(data_folder() / "recordings.csv", index_col="recording")


def studied() -> list[str]:
    """Return what studies go over when they are told no names: the recordings that the original C code has run, too.

    Each is of another program. Most of the others come in pairs that differ in one setting of the guest.
    """
    return list(bundled().query("original").index)


@dataclass(frozen=True, eq=False)
class Recording:
    """What a real guest did to its page tables.

    Attributes
    ----------
    name : str
    rows : dict of str to ndarray
        One element per recorded event, and one per page-table page for ``page_*``. ``data/README.md`` has
        the columns.
    touches : dict of str to ndarray or None
        First touches of pages, if they were recorded.
    ram_pages : int
        Memory of the guest, in pages of 4 KiB.
    direct_map : int
        Where its kernel maps all memory.
    about : str
        What made it, as JSON; empty if that is not told.
    """

    name: str
    rows: dict[str, np.ndarray]
    touches: dict[str, np.ndarray] | None = None
    ram_pages: int = RAM_PAGES
    direct_map: int = DIRECT_MAP
    about: str = ""

    @classmethod
    def read(cls, path: str | os.PathLike, name: str | None = None) -> Recording:
        """Read ``NAME.npz``, and ``NAME.touch.npz`` if it lies beside it.

        Raises
        ------
        RecordingError
            If one of them is damaged, a column is missing, or a number in it is impossible.
        OSError
            If it cannot be read.
        """
        return cls.from_bytes(read_input(path, RecordingError), path, name)

    @classmethod
    def from_bytes(cls, data: bytes, path: str | os.PathLike, name: str | None = None) -> Recording:
        """Return the recording of which `data` was read from `path`; see `read`."""
        held = read_rows(data, shown(path))
        other = beside(Path(path))
        if is_regular(path) and other.is_file():
            touches = read_touches(read_input(other, RecordingError), shown(other), held)
        else:
            refuse_missing_touches(held, shown(path))
            touches = None
        return cls(name or shown(Path(path).stem), held.rows, touches, held.ram_pages, held.direct_map, held.about)

    @property
    def values(self) -> np.ndarray:
        """The new entry that each row tells of, put together (int64[rows])."""
        flags = self.rows["flags"].astype(np.int64)
        return (flags & 0xFFF) | self.rows["frame"].astype(np.int64) << 12 | (flags >> 12) << 63

    @property
    def vcpus(self) -> int:
        """How many vCPUs the guest had: as many as did anything."""
        touched = 0 if self.touches is None else self.touches["vcpu"].max(initial=0)
        return 1 + int(max(touched, self.rows["vcpu"].max(initial=0)))

    def write(self, path: str | os.PathLike) -> None:
        """Write ``NAME.npz``, and ``NAME.touch.npz`` if there are touches; each appears whole or not at all."""
        write(Path(path), Held(self.rows, self.ram_pages, self.direct_map, self.about), self.touches)

    @classmethod
    def empty(cls) -> Recording:
        """Return a recording of nothing."""
        return cls("empty", {name: np.zeros(0, kind) for name, kind in (ROWS | {"vcpu": "u1"}).items()})

    def trace(self, direct_map: str = "recorded") -> Trace:
        """Return the recording as a trace for as many vCPUs (rules: `oosbench.recordings.convert`).

        The machine's own accessed and dirty bits take the place of the recorded hardware's.

        Parameters
        ----------
        direct_map : {"recorded", "4k"}
            Whether the guest's kernel maps all memory as it did, mostly by large pages, or by pages of 4 KiB
            (`oosbench.recordings.direct_map`).

        Raises
        ------
        RecordingError
            If there is no such direct map, or a number in it is impossible.
        """
        refuse_rows(self.rows, self.ram_pages, self.name)
        if self.touches is not None:
            refuse_touches(self.touches, self.name)
        if direct_map not in DIRECT_MAPS:
            raise RecordingError(f"direct map is {direct_map!r}, must be one of {', '.join(DIRECT_MAPS)}")
        rows, touches, touched, keys, regions = _ready(self)
        pages, vcpus, name = self.ram_pages, self.vcpus, self.name
        head = np.zeros(0, EVENT)
        if direct_map == "4k":
            pages, name = pages + extra_pages(pages), f"{self.name} (4k direct map)"
            of_root = np.isin(rows.kind, (rules.ROW_WRITE, rules.ROW_INIT)) & (rows.level == 4)
            rows.value[of_root & (rows.index == root_index(self.direct_map)) & (rows.value & P != 0)] = l3_entry(
                self.ram_pages
            )
            head = small_pages(self.ram_pages)
        memory = np.zeros((pages, 512), np.int64)
        memory[head["address"] >> 12, (head["address"] & 4095) >> 3] = head["value"]
        room = len(rows) + 3 * len(touches) + 515 * int(np.count_nonzero(rows.kind == rules.ROW_LINK))
        events = np.empty(len(head) + room, EVENT).view(np.recarray)  # most of it is never touched
        events[: len(head)] = head
        n = rules.convert(
            rows,
            touches,
            touched,
            self.direct_map,
            np.full(vcpus, NOT_MAPPED),
            np.zeros(vcpus, np.int64),
            np.zeros((vcpus, len(touched)), TLB).view(np.recarray),
            memory,
            np.full(pages, -1, np.int32),
            np.zeros(pages, np.bool_),
            np.zeros(keys, np.int64),
            np.zeros(regions, np.int64),
            np.zeros(pages, np.int64),
            events,
            len(head),
        )
        return Trace(4, vcpus, pages, SHADOW_PAGES, events[:n].copy(), name).validate()

    def describe(self) -> str:
        """Return what the recorded guest did, in a screenful: its page faults, and the summary of its trace."""
        faults = np.count_nonzero(self.rows["ev"] == rules.ROW_PF)
        return f"{self.trace().summary()}\n  {faults:,} page faults were recorded."


def load(name: str) -> Recording:
    """Return a bundled recording.

    Raises
    ------
    RecordingError
        If there is none of that name; the message lists those there are.
    """
    names = bundled().index
    if name not in names:
        raise RecordingError(f"no bundled recording {name!r}; there are {', '.join(names)}; a file is written ./{name}")
    return Recording.read(data_folder() / f"{name}.npz", name)


def _ready(recording: Recording) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    """Return rows, touches and touched pages for `convert`, and how many keys and regions there are."""
    columns = recording.rows
    rows = np.zeros(len(columns["ev"]), rules.ROW).view(np.recarray)
    page = columns["page"].astype(np.int64)
    page[page >= len(columns["page_pfn"])] = -1  # rows that belong to no table
    rows.kind, rows.level, rows.error, rows.index = columns["ev"], columns["lvl"], columns["lvl"], columns["idx"]
    rows.vcpu = columns["vcpu"]
    rows.page = page
    rows.frame = np.append(columns["page_pfn"], 0)[page]
    rows.value = recording.values
    rows.va = columns["va"].view(np.int64)
    table_regions = _regions_of_tables(columns)

    touches = recording.touches or {name: np.zeros(0, kind) for name, kind in TOUCHES.items()}
    pages = touches["vpn_table"].view(np.int64) << 28 >> 16  # 36 bits, extended by their sign
    of_row = np.where(rows.kind == rules.ROW_INVLPG, rows.va >> 21, np.append(table_regions, 0)[page])
    regions, numbers = np.unique(np.concatenate([of_row, pages >> 21]), return_inverse=True)
    rows.region = numbers[: len(rows)]
    touched = np.zeros(len(pages), TOUCHED).view(np.recarray)
    touched.va, touched.region = pages, numbers[len(rows) :]
    invalidated = rows.kind == rules.ROW_INVLPG
    rows.page[invalidated] = _places(rows.va[invalidated] >> 12 << 12, pages)

    ready = np.empty(len(touches["pos"]), TOUCH).view(np.recarray)
    alike = np.empty(len(ready), np.int64)
    columns = [touches[name] for name in ("pos", "vpn", "kind", "vcpu")]
    ready_touches(*columns, rows, pages, np.full(recording.vcpus, NOT_MAPPED), ready, alike)
    ready.key, kinds = pd.factorize(alike)
    return rows, ready, touched, len(kinds), len(regions)


def _places(wanted: np.ndarray, pages: np.ndarray) -> np.ndarray:
    """Return where in `pages` each of `wanted` is, -1 if nowhere."""
    order = np.argsort(pages, kind="stable")
    place = np.append(order, -1)[np.searchsorted(pages, wanted, sorter=order)]
    return np.where(np.append(pages, 0)[place] == wanted, place, -1)


def _regions_of_tables(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Return, for each page-table page, the 2 MiB of address space (address >> 21) an L1 table there has."""
    parent, index = columns["page_parent"].astype(np.int64), columns["page_pidx"].astype(np.int64)
    place = np.arange(len(parent))
    region = np.zeros(len(parent), np.int64)
    for shift in (0, 9, 18):
        region |= np.where(place >= 0, index[place], 0) << shift
        place = np.where(place >= 0, parent[place], -1)
    return region << 37 >> 37  # 27 bits, extended by their sign
