"""`Store`: the results of sweeps in one SQLite file, each from the moment it is there.

A point is stored in a transaction of its own, so that a process that is killed loses nothing that was finished. Of
two processes on one file the second waits a moment. (A power cut may lose the last points; it damages nothing.)
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pandas as pd

from ..cache import cache_root
from ..errors import StoreError
from ..plain import canonical
from .point import Outcome, Point

_OURS = 0x006F6F73  # "oos": PRAGMA application_id
_FORM = 1  # PRAGMA user_version
_PATIENCE = 60  # seconds to wait for another process
_SCHEMA = """
CREATE TABLE points (
    key TEXT PRIMARY KEY,  -- SHA-256 of the description
    description TEXT NOT NULL,  -- JSON: everything that made the result
    labels TEXT NOT NULL,  -- JSON: what tables call it
    error TEXT NOT NULL,  -- empty if it is right
    counters TEXT NOT NULL,  -- JSON
    seconds REAL NOT NULL
) WITHOUT ROWID
"""
_FIRST = ("workload", "preset", "seed", "guest", "levels", "vcpus")  # columns


def own_store() -> Path:
    """Return the file in the user's cache folder that keeps what panels have run."""
    cache_root().mkdir(parents=True, exist_ok=True)
    return cache_root() / "sweeps.sqlite"


class Store:
    """A file of results.

    Parameters
    ----------
    path : path
        Made if it is not there.

    Raises
    ------
    StoreError
        If it cannot be opened or made, is damaged, or is something else; it is left as it is.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        with self._explained():
            if self.path.exists() and self.path.stat().st_size:
                self._inspect()
            self._db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            with self._transaction():
                if self._pragma("application_id") == 0:
                    self._db.execute(_SCHEMA)
                    self._db.execute(f"PRAGMA application_id = {_OURS}")
                    self._db.execute(f"PRAGMA user_version = {_FORM}")

    def put(self, point: Point, outcome: Outcome) -> None:
        """Store a point; one that is there already and went well stays as it is.

        Raises
        ------
        StoreError
            If there is no room. What was stored before is safe.
        """
        row = (
            point.key,
            canonical(point.description),
            json.dumps(point.labels),
            outcome.error,
            json.dumps(outcome.counters),
            outcome.seconds,
        )
        with self._explained(), self._transaction():
            self._db.execute(
                "INSERT INTO points VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
                "error = excluded.error, counters = excluded.counters, seconds = excluded.seconds WHERE error != ''",
                row,
            )

    def known(self, points: Iterable[Point]) -> dict[str, bool]:
        """Return, by key, for those of the points that are stored, whether they went well."""
        with self._explained():
            query = "SELECT error FROM points WHERE key = ?"
            rows = ((point.key, self._db.execute(query, (point.key,)).fetchone()) for point in points)
            return {key: row[0] == "" for key, row in rows if row is not None}

    def frame(self, points: Iterable[Point] | None = None) -> pd.DataFrame:
        """Return what is stored as tidy data.

        Parameters
        ----------
        points : iterable of Point, optional
            Only these, in this order, by the names they have there. Default: all, in the order of their keys.

        Returns
        -------
        DataFrame
            One row per point: workload, preset, seed, guest (a digest), a column for each axis and parameter, then
            error, seconds and every counter. A counter that has the name of an axis is called ``NAME_counted``. What
            a point does not have is NA.
        """
        with self._explained():
            if points is None:
                found = self._db.execute("SELECT labels, error, seconds, counters FROM points ORDER BY key").fetchall()
                stored = [(json.loads(labels), *rest) for labels, *rest in found]
            else:
                query = "SELECT error, seconds, counters FROM points WHERE key = ?"
                each = ((point.labels, self._db.execute(query, (point.key,)).fetchone()) for point in points)
                stored = [(labels, *row) for labels, row in each if row is not None]
        axes = dict.fromkeys(_FIRST) | dict.fromkeys(name for labels, *_ in stored for name in labels)
        rows = []
        for labels, error, seconds, counters in stored:
            told = json.loads(counters)
            mode = {name: told.pop(name) for name in ("levels", "vcpus") if name in told}
            counted = {f"{name}_counted" if name in axes else name: n for name, n in told.items()}
            rows.append(labels | mode | {"error": error, "seconds": seconds} | counted)
        columns = axes | dict.fromkeys(("error", "seconds")) | dict.fromkeys(name for row in rows for name in row)
        frame = pd.DataFrame(rows, columns=list(columns))
        if frame.error.ne("").any():  # whole numbers stay such where some are missing
            counters = frame.columns[frame.columns.get_loc("seconds") + 1 :]
            frame[counters] = frame[counters].astype("Int64")
        return frame

    def __len__(self) -> int:
        with self._explained():
            return self._db.execute("SELECT count(*) FROM points").fetchone()[0]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _pragma(self, name: str) -> int:
        return self._db.execute(f"PRAGMA {name}").fetchone()[0]

    def _inspect(self) -> None:
        """Look whether the file is what it should be, without a change to it."""
        self._db = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)
        try:
            ours, form = self._pragma("application_id"), self._pragma("user_version")
            tables = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if ours != _OURS and (ours or tables):
                raise StoreError(
                    f"{self.path}: is no file of sweep results, but another program's; it is left as it is"
                )
            if form > _FORM:
                raise StoreError(f"{self.path}: is of a later version of oosbench, form {form}; this one knows {_FORM}")
            told = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if told != "ok":
                raise StoreError(f"{self.path}: is damaged ({' '.join(told.split())}); it is left as it is")
        finally:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in plain words what SQLite complains of."""
        try:
            yield
        except sqlite3.Error as error:
            told = {
                "SQLITE_FULL": "there is no room left on its disk; what was stored before is safe",
                "SQLITE_NOTADB": "is no file of sweep results; it is left as it is",
                "SQLITE_CORRUPT": "is damaged; it is left as it is",
                "SQLITE_BUSY": f"another process has held it for {_PATIENCE} seconds",
                "SQLITE_READONLY": "cannot be written",
                "SQLITE_CANTOPEN": "cannot be opened: is its folder there, and may it be written?",
            }
            kind = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
            raise StoreError(f"{self.path}: {told.get(kind, 'cannot be used')} ({error})") from None
