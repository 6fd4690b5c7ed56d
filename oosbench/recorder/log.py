"""From what the plugin wrote to the columns of a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import RecorderError
from ..recordings import convert as rules

ROW = np.dtype(
    [
        ("when", "u8"),
        ("value", "u8"),
        ("va", "u8"),
        ("page", "u4"),
        ("index", "u2"),
        ("kind", "u1"),
        ("level", "u1"),
        ("vcpu", "u1"),
        ("kernel", "u1"),
        ("pad", "V6"),
    ]
)
TOUCHED = np.dtype([("row", "u8"), ("what", "u8")])  # vCPU << 56 | page << 8 | kind


def read_summary(path: Path) -> dict[str, int]:
    """Read the numbers that the plugin wrote when it was done.

    Raises
    ------
    RecorderError
        If the plugin gave up; the message is its own.
    """
    told = dict(line.split("=", 1) for line in path.read_text().splitlines())
    if "error" in told:
        raise RecorderError(told["error"])
    return {name: int(value) for name, value in told.items()}


def rows_of(path: Path, count: int) -> dict[str, np.ndarray]:
    """Return the columns of a recording (``data/README.md``) from the plugin's log of `count` rows."""
    log = np.fromfile(path, ROW)
    if len(log) != count:
        raise RecorderError(f"the log holds {len(log):,} rows, the plugin wrote {count:,}")
    kind, value = log["kind"], log["value"]
    entry = np.isin(kind, (rules.ROW_WRITE, rules.ROW_INIT, rules.ROW_ADUPD))
    links = log[kind == rules.ROW_LINK]  # one for each page, in the order of their numbers
    if not np.array_equal(links["page"], np.arange(len(links))):
        raise RecorderError("the log does not number page-table pages in order")
    return {
        "ev": kind.copy(),
        "dt": np.minimum(np.diff(log["when"], prepend=log["when"][:1]), 2**32 - 1).astype("u4"),
        "page": log["page"].copy(),
        "lvl": log["level"].copy(),
        "idx": log["index"].copy(),
        "flags": np.where(entry, (value & 0xFFF) | value >> 63 << 12, 0).astype("u2"),
        "frame": np.where(entry, value >> 12 & 0xFFFFFFFF, 0).astype("u4"),
        "va": np.where(kind == rules.ROW_LINK, 0, log["va"]),
        "ip_kernel": log["kernel"].astype(bool),
        "vcpu": log["vcpu"].copy(),
        "page_pfn": links["value"].astype("u4"),
        "page_lvl": links["level"].copy(),
        "page_parent": links["va"].astype("u4").view("i4"),
        "page_pidx": links["index"].copy(),
    }


def touches_of(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of first touches from the plugin's log of them."""
    log = np.fromfile(path, TOUCHED)
    table, which = np.unique(log["what"] >> 8 & 0xFFFFFFFFF, return_inverse=True)
    return {
        "pos": np.diff(log["row"], prepend=np.uint64(0)).astype("u4"),
        "vpn": which.astype("u4"),
        "kind": (log["what"] & 0xFF).astype("u1"),
        "vcpu": (log["what"] >> 56).astype("u1"),
        "vpn_table": table,
    }
