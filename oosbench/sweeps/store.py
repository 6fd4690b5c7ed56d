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
from .row import Row, digest, taken_in

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
_COLUMNS = ("key", "description", "labels", "error", "counters", "seconds")
# A table of its own, which files have that were written since there are digests; others go on with theirs.
_DIGESTS = "CREATE TABLE IF NOT EXISTS digests (key TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID"
_FIRST = ("workload", "preset", "seed", "guest", "levels", "vcpus")  # columns
_READ_ONLY = ("SQLITE_READONLY", "SQLITE_CANTOPEN")


def own_store() -> Path:
    """Return the file in the user's cache folder that keeps what panels have run."""
    cache_root().mkdir(parents=True, exist_ok=True)
    return cache_root() / "sweeps.sqlite"


class Store:
    """A file of results.

    Parameters
    ----------
    path : path
        Made if it is not there. One that may not be written is opened for reading.

    Raises
    ------
    StoreError
        If it cannot be opened or made, is damaged, or is something else; it is left as it is.
    """

    _db: sqlite3.Connection | None = None

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self._place = str(path) != ":memory:"
        if "\0" in str(self.path):
            raise StoreError(f"{str(path)!r}: is no name of a file: there is a NUL in it")
        if self._place and self.path.exists() and not self.path.is_file():
            raise StoreError(f"{path}: is a folder, a pipe or a device; must be a file")
        with self._explained():
            there = self.path.exists() and self.path.stat().st_size > 0
            if there:
                self._inspect()
            try:
                self._open()
            except sqlite3.OperationalError as error:
                if not there:
                    raise
                self._open_for_reading(error)

    def _open(self) -> None:
        self._db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            if self._pragma("application_id") == 0:
                self._db.execute(_SCHEMA)
                self._db.execute(f"PRAGMA application_id = {_OURS}")
                self._db.execute(f"PRAGMA user_version = {_FORM}")
            self._db.execute(_DIGESTS)

    def put(self, point: Point, outcome: Outcome) -> None:
        """Store a point; one that is there already, whole, and went well stays as it is.

        Raises
        ------
        StoreError
            If there is no room, the file may only be read, or is gone. What was stored before is safe.
        """
        row = (
            point.key,
            canonical(point.description),
            json.dumps(point.labels),
            outcome.error,
            json.dumps(outcome.counters),
            outcome.seconds,
        )
        if self._place and not self.path.exists():  # SQLite would go on writing to what nobody can find
            raise StoreError(f"{self.path}: was removed while it was in use; what it held is lost")
        with self._explained(), self._transaction():
            there = self._rows([point.key])
            if not there or there[0] is None or there[0].error != "":
                self._db.execute("REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?)", row)
                self._db.execute("REPLACE INTO digests VALUES (?, ?)", (point.key, digest(row)))

    def known(self, points: Iterable[Point]) -> dict[str, bool]:
        """Return, by key, for those of the points that are stored, whether they went well.

        One that is damaged is not known: it is made again.
        """
        with self._explained():
            rows = self._rows(point.key for point in points)
            return {row.key: row.error == "" for row in rows if row is not None}

    def _rows(self, keys: Iterable[str] | None = None) -> list[Row | None]:
        """Return rows of some keys, or all; None for one that is damaged."""
        raw = ", ".join(f"CAST({name} AS BLOB)" if name != "seconds" else name for name in _COLUMNS)
        has = self._db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'digests'").fetchone()[0]
        told = "(SELECT digest FROM digests WHERE digests.key = points.key)" if has else "NULL"
        query = f"SELECT {raw}, {told} FROM points"
        if keys is None:
            found = self._db.execute(f"{query} ORDER BY key").fetchall()
        else:
            each = (self._db.execute(f"{query} WHERE key = ?", (key,)).fetchone() for key in keys)
            found = [row for row in each if row is not None]
        return [taken_in(*row) for row in found]

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
            oosbench (version and sources that made it), error, seconds and every counter. A counter that has the name
            of an axis is called ``NAME_counted``. What
            a point does not have is NA.

        Raises
        ------
        StoreError
            If all are asked for, and some are damaged.
        """
        with self._explained():
            if points is None:
                found = self._rows()
                damaged = sum(row is None for row in found)
                if damaged:
                    raise StoreError(
                        f"{self.path}: {damaged:,} of {len(found):,} points are damaged; "
                        "the sweep that made them makes them again, and keeps the rest"
                    )
                stored = [(row.labels, row) for row in found]
            else:
                points = list(points)
                rows = {row.key: row for row in self._rows(point.key for point in points) if row is not None}
                stored = [(point.labels, rows[point.key]) for point in points if point.key in rows]
        axes = dict.fromkeys(_FIRST) | dict.fromkeys(name for labels, _ in stored for name in labels)
        rows = []
        for labels, row in stored:
            told = dict(row.counters)
            mode = {name: told.pop(name) for name in ("levels", "vcpus") if name in told}
            counted = {f"{name}_counted" if name in axes else name: n for name, n in told.items()}
            rows.append(labels | mode | {"oosbench": row.version, "error": row.error, "seconds": row.seconds} | counted)
        columns = (
            axes | dict.fromkeys(("oosbench", "error", "seconds")) | dict.fromkeys(name for row in rows for name in row)
        )
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
        if self._db is not None:
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
        try:
            self._db = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)
            self._pragma("application_id")
        except sqlite3.OperationalError as error:
            self._open_for_reading(error)
        try:
            ours, form = self._pragma("application_id"), self._pragma("user_version")
            tables = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if ours != _OURS and (ours or tables):
                raise StoreError(
                    f"{self.path}: is no file of sweep results, but another program's; it is left as it is"
                )
            if form > _FORM:
                raise StoreError(f"{self.path}: is of a later version of oosbench, form {form}; this one knows {_FORM}")
            columns = tuple(name for _, name, *_ in self._db.execute("PRAGMA table_info(points)"))
            if ours == _OURS and columns != _COLUMNS:
                raise StoreError(f"{self.path}: has not the columns of sweep results; it is left as it is")
            told = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if told != "ok":
                raise StoreError(f"{self.path}: is damaged ({' '.join(told.split())}); it is left as it is")
        finally:
            self._db.close()

    def _open_for_reading(self, error: sqlite3.Error) -> None:
        """Open a file that may not be written, or whose folder may not: if that is the error."""
        if not str(getattr(error, "sqlite_errorname", "")).startswith(_READ_ONLY):
            raise error
        self.close()
        log = self.path.with_name(f"{self.path.name}-wal")
        # Where nobody writes, SQLite needs no files beside it if it is told so.
        still = "" if log.exists() and log.stat().st_size else "&immutable=1"
        uri = f"{self.path.absolute().as_uri()}?mode=ro{still}"
        self._db = sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)

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
        except UnicodeEncodeError as error:
            raise StoreError(f"{self.path}: the name of a workload or a file is no text ({error})") from None
        except sqlite3.Error as error:
            told = {
                "SQLITE_FULL": "there is no room left on its disk; what was stored before is safe",
                "SQLITE_NOTADB": "is no file of sweep results; it is left as it is",
                "SQLITE_CORRUPT": "is damaged; it is left as it is",
                "SQLITE_IOERR": "its disk gives errors, has no room, or files may not grow so large",
                "SQLITE_BUSY": f"another process has held it for {_PATIENCE} seconds",
                "SQLITE_READONLY": "cannot be written",
                "SQLITE_CANTOPEN": "cannot be opened: is its folder there, and may it be written?",
            }
            kind = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
            raise StoreError(f"{self.path}: {told.get(kind, 'cannot be used')} ({error})") from None
