"""Published numbers, with where they stand and how far they can be trusted: `data/published_numbers.csv`."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache

import pandas as pd

from ..errors import PublishedError
from ..recordings import data_folder


@cache
def _rows() -> pd.DataFrame:
    return pd.read_csv(data_folder() / "published_numbers.csv", index_col="id", dtype=str, keep_default_na=False)


def numbers() -> pd.DataFrame:
    """Return all rows, as text, by id; `data/README.md` describes the columns. `value` makes a number of one."""
    return _rows().copy()


def value(row: str) -> float:
    """Return a published number.

    Raises
    ------
    PublishedError
        If there is no such row, or no number in it.

    Examples
    --------
    >>> value("xen-oos-04")
    409.0
    """
    table = _rows()
    if row not in table.index:
        near = ", ".join(get_close_matches(row, table.index, 4)) or "nothing like it"
        raise PublishedError(f"published_numbers.csv: there is no row {row!r}; there is {near}")
    told = table.value[row]
    try:
        return float(told)
    except ValueError:
        raise PublishedError(f"published_numbers.csv: row {row} has no number, it says {told!r}") from None
