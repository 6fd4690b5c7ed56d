"""A row of a file of results, and whether it is as it was stored."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from ..plain import canonical


def digest(row: tuple) -> str:
    """Return the digest of a row."""
    return hashlib.sha256(canonical(list(row)).encode()).hexdigest()


class Row(NamedTuple):
    """A row that is as it was stored."""

    key: str
    version: str
    labels: dict[str, object]
    error: str
    counters: dict[str, int]
    seconds: float


def taken_in(*columns: object) -> Row | None:
    """Return a row, None if it is damaged: its texts are bytes, its digest the last column, None if it has none."""
    *columns, seconds, told = columns
    try:
        texts = [part.decode() for part in columns]
        key, description, labels, error, counters = texts
        described, labelled, counted = (json.loads(text) for text in (description, labels, counters))
        whole = told in (None, digest((*texts, seconds)))
        whole &= key == hashlib.sha256(description.encode()).hexdigest() and isinstance(labelled, dict)
        whole &= all(type(number) is int for number in counted.values())
        return Row(key, described["oosbench"], labelled, error, counted, float(seconds)) if whole else None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None
