"""`Summary`: what a trace is, before any machine runs it. Page tables, stores to them, flushes; counted by epochs.

An epoch ends with a CR3 load of whichever vCPU: a guest's TLB flush, at which tables out of sync are brought back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from .events import ACCESS, CR3, INVLPG, OPS
from .follow import FULL, STORE, TABLE, follow


class Following(NamedTuple):
    """What `follow` works on.

    Attributes
    ----------
    memory : int64[frames, 512]
    references : int64[frames, 5]
        By frame and level: how many entries point to it as a table of that level.
    number : int64[frames]
        The table that a frame is, -1 for none.
    is_root : bool[frames]
    roots, wp : int64[vcpus]
        CR3 (-1 before the first load), CR0.WP.
    tables : TABLE[...]
    stores : STORE[...]
    state : int64[3]
        How many of these there are, and whether one of them is full.
    stack : int64[8, 3]
        Where `follow` is in the tables it goes through.
    """

    memory: np.ndarray
    references: np.ndarray
    number: np.ndarray
    is_root: np.ndarray
    roots: np.ndarray
    wp: np.ndarray
    tables: np.ndarray
    stores: np.ndarray
    state: np.ndarray
    stack: np.ndarray


def followed(events: np.ndarray, levels: int, vcpus: int, guest_pages: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the page tables (TABLE[n]) and the stores to them (STORE[m]) in a trace's events (EVENT[...])."""
    tables, stores = 4096, len(events) + 4096
    while True:
        f = Following(
            memory=np.zeros((guest_pages, 512), np.int64),
            references=np.zeros((guest_pages, 5), np.int64),
            number=np.full(guest_pages, -1),
            is_root=np.zeros(guest_pages, bool),
            roots=np.full(vcpus, -1),
            wp=np.ones(vcpus, np.int64),
            tables=np.zeros(tables, TABLE).view(np.recarray),
            stores=np.zeros(stores, STORE).view(np.recarray),
            state=np.zeros(3, np.int64),
            stack=np.zeros((8, 3), np.int64),
        )
        if follow(f, events, levels) != FULL:
            return f.tables[: f.state[0]], f.stores[: f.state[1]]
        tables, stores = 4 * tables, 2 * stores


@dataclass(frozen=True, eq=False)
class Summary:
    """What a trace is.

    Attributes
    ----------
    name : str
    levels, vcpus, guest_pages : int
    ops : Series of int
        How many lines there are of each op.
    accesses : Series of int
        ACCESS lines by kind (``user reads``, …).
    tables : DataFrame
        One row per page table: frame, level, born, died (rows of the trace; -1 if it never did).
    stores : DataFrame
        One row per store to a page table: row, level, table (its row in `tables`), index, changed.
    epochs : DataFrame
        One row per L1 table and epoch in which entries of it were stored: epoch, table, entries (how many different
        ones), runs (stretches of adjacent ones), destroyed (whether the table was gone before the epoch ended).
    runs : Series of int
        The length of each of those stretches.
    flushes : Series of int
        By epoch: how many L1 tables were stored to, in those in which one was. What comes after the last flush is no
        epoch.
    """

    name: str
    levels: int
    vcpus: int
    guest_pages: int
    ops: pd.Series
    accesses: pd.Series
    tables: pd.DataFrame
    stores: pd.DataFrame
    epochs: pd.DataFrame
    runs: pd.Series
    flushes: pd.Series

    def __str__(self) -> str:
        modes = {2: "2-level", 3: "PAE", 4: "64-bit"}
        count = int(self.ops.drop("POKE").sum())
        told = [
            f"{self.name}: {modes[self.levels]} guest, {self.vcpus} vCPU{'s' * (self.vcpus > 1)}, "
            f"{self.guest_pages:,} pages ({self.guest_pages / 256:,.1f} MiB), {count:,} events",
            "",
            "  " + ", ".join(f"{n:,} {op}" for op, n in self.ops[self.ops > 0].items()),
            "  " + ", ".join(f"{n:,} {kind}" for kind, n in self.accesses[self.accesses > 0].items()),
            "",
            f"  {'':<28}{'L1':>10}{'L2':>10}{'L3':>10}{'L4':>10}",
        ]
        for what, frame in (("page tables", self.tables), ("of these destroyed", self.tables[self.tables.died >= 0])):
            told.append(f"  {what:<28}" + _by_level(frame.level))
        told.append(f"  {'stores to entries':<28}" + _by_level(self.stores.level))
        told.append(f"  {'of these that change one':<28}" + _by_level(self.stores.level[self.stores.changed != 0]))
        told.append("")
        live = self.epochs[~self.epochs.destroyed]
        if len(live) and len(self.flushes):
            told += [
                f"  {'between two CR3 loads':<28}{'median':>10}{'p90':>10}{'max':>10}{'mean':>10}",
                f"  {'entries stored, by L1 table':<28}" + _spread(live.entries),
                f"  {'runs of adjacent ones':<28}" + _spread(live.runs),
                f"  {'L1 tables stored to':<28}" + _spread(self.flushes),
                "",
                f"  {(live.runs == 1).mean():.0%} of {len(live):,} tables stored to have one run; "
                f"{len(self.epochs) - len(live):,} more were gone before the flush.",
                f"  {(self.flushes > 3).mean():.0%} of {len(self.flushes):,} epochs with a store have one to more than "
                "3 L1 tables.",
            ]
        else:
            told.append("  no store to an L1 table that a CR3 load comes after")
        return "\n".join(told)

    def kinds(self) -> pd.DataFrame:
        """Return how many lines there are of each kind: columns kind and lines, accesses by who and what."""
        ops = self.ops.drop(OPS[ACCESS])
        counts = pd.concat([self.accesses, ops])
        return counts[counts > 0].rename_axis("kind").rename("lines").reset_index()

    def words(self) -> str:
        """Return a few sentences that say what the guest does to its page tables."""
        changes = int((self.stores.changed != 0).sum())
        told = [
            f"{_several(len(self.tables), 'page table')}, of which {(self.tables.died >= 0).sum():,} were destroyed.",
            f"{_several(len(self.stores), 'store')} to their entries, of which {changes:,} change one.",
            f"{_several(self.ops[OPS[CR3]], 'CR3 load')} and {_several(self.ops[OPS[INVLPG]], 'INVLPG')}.",
        ]
        live = self.epochs[~self.epochs.destroyed]
        if len(live) and len(self.flushes):
            told.append(
                f"Between two CR3 loads a table that is stored to gets {live.entries.mean():,.1f} entries in "
                f"{live.runs.mean():,.1f} runs of adjacent ones on average, and {self.flushes.mean():,.1f} L1 tables "
                "are stored to."
            )
        return " ".join(told)


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _by_level(levels: pd.Series) -> str:
    counts = np.bincount(levels, minlength=5)
    return "".join(f"{n:>10,}" for n in counts[1:5])


def _spread(values: pd.Series) -> str:
    return f"{values.median():>10,.0f}{values.quantile(0.9):>10,.0f}{values.max():>10,}{values.mean():>10,.1f}"


def summarise(name: str, mode: tuple[int, int, int, int], events: np.ndarray) -> Summary:
    """Return the summary of a trace.

    Parameters
    ----------
    name : str
    mode : tuple of int
        Levels, vCPUs, guest pages, shadow pages.
    events : EVENT[n]
    """
    levels, vcpus, guest_pages, _ = mode
    tables, stores = followed(events, levels, vcpus, guest_pages)
    flushes = np.flatnonzero(events.op == CR3)
    epochs, runs = epochs_of(tables, stores, flushes)
    closed = epochs[epochs.epoch < len(flushes)]
    counts = np.bincount(events.op, minlength=len(OPS))
    access = events.access[events.op == ACCESS].astype(np.int64)
    kinds = [f"{who} {what}" for who in ("supervisor", "user") for what in ("reads", "writes", "fetches")]
    kind = np.where(access & 4, 3, 0) + np.where(access & 16, 2, np.where(access & 2, 1, 0))
    return Summary(
        name,
        levels,
        vcpus,
        guest_pages,
        pd.Series(counts, index=pd.Index(OPS, name="op"), name=name),
        pd.Series(np.bincount(kind, minlength=6), index=kinds, name=name),
        pd.DataFrame(tables),
        pd.DataFrame(stores),
        epochs,
        runs,
        closed.groupby("epoch").size().rename("tables"),
    )


def epochs_of(tables: np.ndarray, stores: np.ndarray, flushes: np.ndarray) -> tuple[pd.DataFrame, pd.Series]:
    """Return what was stored to each L1 table between flushes: `Summary.epochs` and `Summary.runs`.

    Parameters
    ----------
    tables : TABLE[n]
    stores : STORE[m]
    flushes : int64[k]
        Rows of the trace that flush, ascending.
    """
    mine = stores[stores.level == 1]
    epoch = np.searchsorted(flushes, mine.row)
    keys = np.stack([epoch, mine.table, mine.index], axis=1)
    keys = np.unique(keys, axis=0)
    frame = pd.DataFrame(keys, columns=["epoch", "table", "index"])
    new = frame.groupby(["epoch", "table"], sort=False)["index"].diff().ne(1)
    frame["run"] = new.cumsum()
    lengths = frame.groupby(["epoch", "table", "run"]).size()
    by = lengths.groupby(["epoch", "table"])
    result = pd.DataFrame({"entries": by.sum(), "runs": by.size()}).reset_index()
    ends = np.append(flushes, np.iinfo(np.int64).max)[result.epoch.to_numpy(np.int64)]
    died = tables.died[result.table.to_numpy(np.int64)]
    result["destroyed"] = (died >= 0) & (died <= ends)
    return result, lengths.rename("length").reset_index(drop=True)
