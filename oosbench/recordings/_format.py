"""Recordings as files: ``NAME.npz``, and ``NAME.touch.npz`` beside it. ``data/README.md`` has the columns."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import RecordingError
from ..output import whole_file, whole_files
from ..traces import MAX_VCPUS
from ..traces.columns import column_names, read_columns
from ..x86 import signed, unsigned
from . import convert as rules

VERSION = 2  # 1 had neither a number nor what `_ADDED` holds
RAM_PAGES = 2**18  # 1 GiB: what files of version 1 were recorded with
MAX_RAM_PAGES = 2**20
DIRECT_MAP = signed(0xFFFF888000000000)

ROWS = {"ev": "u1", "dt": "u4", "page": "u4", "lvl": "u1", "idx": "u2", "flags": "u2", "frame": "u4", "va": "u8"} | {
    "ip_kernel": "?",
    "page_pfn": "u4",
    "page_lvl": "u1",
    "page_parent": "i4",
    "page_pidx": "u2",
}
_TOUCHES_OF_ONE = {"pos": "u4", "vpn": "u4", "kind": "u1", "vpn_table": "u8"}
TOUCHES = _TOUCHES_OF_ONE | {"vcpu": "u1"}
_ADDED = {"version": "u4", "ram_pages": "u4", "direct_map": "u8", "about": "u1", "vcpu": "u1"}
_TIE = "tie"  # SHA-256 of rows and touches, in both files
_BESIDE = ".touch.npz"
_AGAIN = "record it again, or copy both files"
_PER_PAGE = ("page_pfn", "page_lvl", "page_parent", "page_pidx")


@dataclass(frozen=True, eq=False)
class Held:
    """What a file holds beside first touches."""

    rows: dict[str, np.ndarray]
    ram_pages: int = RAM_PAGES
    direct_map: int = DIRECT_MAP
    about: str = ""
    tie: bytes | None = None  # what the touches beside must bear; empty if there are none, None if that is not told


def read_rows(data: bytes, path: str) -> Held:
    """Read what is in ``NAME.npz``, of this version or an earlier one."""
    there = column_names(data)
    if "version" not in there:
        rows = read_columns(data, path, ROWS, RecordingError)
        held = Held(rows | {"vcpu": np.zeros(len(rows["ev"]), "u1")})
    else:
        tied = {_TIE: "u1"} if _TIE in there else {}
        columns = read_columns(data, path, ROWS | _ADDED | tied, RecordingError)
        for name in ("version", "ram_pages", "direct_map"):
            if len(columns[name]) != 1:
                raise RecordingError(f"{path}: column {name!r} has {len(columns[name])} elements, must have 1")
        if columns["version"][0] != VERSION:
            raise RecordingError(f"{path}: is a recording of version {columns['version'][0]}, must be {VERSION}")
        ram_pages = int(columns["ram_pages"][0])
        if not 0 < ram_pages <= MAX_RAM_PAGES:
            raise RecordingError(f"{path}: ram_pages is {ram_pages}, must be 1 to {MAX_RAM_PAGES}")
        about = columns["about"].tobytes().decode(errors="replace")
        rows = {name: columns[name] for name in (*ROWS, "vcpu")}
        tie = columns[_TIE].tobytes() if tied else None
        held = Held(rows, ram_pages, signed(int(columns["direct_map"][0])), about, tie)
    refuse_rows(held.rows, held.ram_pages, path)
    return held


def read_touches(data: bytes, path: str, held: Held) -> dict[str, np.ndarray]:
    """Read what is in ``NAME.touch.npz`` beside the rows in `held`."""
    there = column_names(data)
    wanted = (TOUCHES if "vcpu" in there else _TOUCHES_OF_ONE) | ({_TIE: "u1"} if _TIE in there else {})
    touches = read_columns(data, path, wanted, RecordingError)
    tie = touches.pop(_TIE).tobytes() if _TIE in touches else None
    if "vcpu" not in touches:
        touches["vcpu"] = np.zeros(len(touches["pos"]), "u1")
    refuse_touches(touches, path)
    if tie != held.tie:
        raise RecordingError(f"{path}: has the first touches of another recording than the file beside it; {_AGAIN}")
    return touches


def refuse_missing_touches(held: Held, path: str) -> None:
    """Refuse a recording that had first touches, if no file of them lies beside it."""
    if held.tie:
        raise RecordingError(f"{path}: was recorded with first touches, and {_BESIDE} is not beside it; {_AGAIN}")


def refuse_touches(touches: dict[str, np.ndarray], path: str) -> None:
    """Refuse first touches that no guest can have made."""
    for name in ("vpn", "kind", "vcpu"):
        if len(touches[name]) != len(touches["pos"]):
            raise RecordingError(f"{path}: column {name!r} has not the length of 'pos'")
    _refuse(touches["vpn"] >= len(touches["vpn_table"]), path, "vpn is not in vpn_table")
    _refuse(touches["vcpu"] >= MAX_VCPUS, path, f"vcpu must be below {MAX_VCPUS}")
    _refuse(~np.isin(touches["kind"], (0, 1, 2, 16, 17, 18)), path, "kind must be 0 to 2, or 16 to 18")


def write(path: Path, held: Held, touches: dict[str, np.ndarray] | None) -> None:
    """Write ``NAME.npz`` and, if there are touches, ``NAME.touch.npz``; else remove one that lies there.

    Both are written before either takes its place, and both bear the same digest: whatever ends this in between, rows
    and touches of different recordings are not taken for one.
    """
    added = {
        "version": np.array([VERSION], "u1"),
        "ram_pages": np.array([held.ram_pages], "u4"),
        "direct_map": np.array([unsigned(held.direct_map)], "u8"),
        "about": np.frombuffer(held.about.encode(), "u1"),
    }
    rows = {name: held.rows[name] for name in (*ROWS, "vcpu")}
    if touches is None:
        with whole_file(path) as file:
            _write_columns(file, rows | added | {_TIE: np.zeros(0, "u1")})
        beside(path).unlink(missing_ok=True)  # it belongs to another recording
        return
    several = np.any(touches["vcpu"])
    touches = {name: touches[name] for name in (TOUCHES if several else _TOUCHES_OF_ONE)}
    tie = {_TIE: np.frombuffer(_digest(rows | touches), "u1")}
    with whole_files([path, beside(path)]) as (file, other):
        _write_columns(file, rows | added | tie)
        _write_columns(other, touches | tie)


def beside(path: Path) -> Path:
    """Return where the first touches of a recording are."""
    return path.with_suffix(_BESIDE)


def _digest(columns: dict[str, np.ndarray]) -> bytes:
    told = hashlib.sha256()
    for name, column in columns.items():
        whole = column.astype("i8" if column.dtype.kind == "i" else "u8")
        told.update(f"{name} {len(column)} ".encode() + whole.tobytes())
    return told.digest()


def _write_columns(file: BinaryIO, columns: dict[str, np.ndarray]) -> None:
    """Write columns; the same ones give the same bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, column in columns.items():
            held = io.BytesIO()
            small = column.astype(np.min_scalar_type(column.max(initial=0))) if column.dtype.kind == "u" else column
            np.lib.format.write_array(held, small, (1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), held.getvalue(), zipfile.ZIP_DEFLATED, 9)


def _refuse(wrong: np.ndarray, file: str, what: str) -> None:
    if np.any(wrong):
        raise RecordingError(f"{file}: row {int(np.argmax(wrong))}: {what}")


def refuse_rows(rows: dict[str, np.ndarray], ram_pages: int, path: str) -> None:
    """Refuse numbers that no guest can have produced."""
    count, pages = len(rows["ev"]), len(rows["page_pfn"])
    for name in rows:
        wanted = pages if name in _PER_PAGE else count
        if len(rows[name]) != wanted:
            raise RecordingError(f"{path}: column {name!r} has {len(rows[name])} elements, must have {wanted}")
    kind = rows["ev"]
    unknown = ~np.isin(kind, rules.ROW_KINDS)
    _refuse(rows["vcpu"] >= MAX_VCPUS, path, f"vcpu must be below {MAX_VCPUS}")
    _refuse(unknown, path, f"unknown event {kind[np.argmax(unknown)] if count else ''}")
    of_table = np.isin(kind, (rules.ROW_CR3, rules.ROW_WRITE, *range(rules.ROW_LINK, rules.ROW_ROOT + 1)))
    _refuse(of_table & (rows["page"] >= pages), path, f"page must be below {pages}")
    _refuse((kind == rules.ROW_WRITE) & ((rows["lvl"] < 1) | (rows["lvl"] > 4)), path, "lvl must be 1 to 4")
    _refuse(np.isin(kind, (rules.ROW_WRITE, rules.ROW_INIT)) & (rows["idx"] > 511), path, "idx must be below 512")
    _refuse(rows["page_pfn"] >= ram_pages, path, f"page_pfn must be below {ram_pages}")
    _refuse((rows["page_parent"] < -1) | (rows["page_parent"] >= pages), path, "page_parent names no page")
