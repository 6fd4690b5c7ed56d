"""Numbers that were published about shadow paging, each with its source and how far it can be trusted.

They are rows of `data/published_numbers.csv` and nowhere else: a figure or a test that needs one asks by its id.
"""

from __future__ import annotations

import math
from difflib import get_close_matches
from functools import cache

import pandas as pd

from .errors import PublishedError
from .recordings import data_folder

#: Words of trust in the file; `data/README.md` says what each means.
TRUST = (
    "primary",
    "abstract",
    "arithmetic",
    "secondary",
    "derived",
    "memory",
    "student",
    "teaching",
    "press",
    "estimate",
    "not found",
)


@cache
def _table() -> pd.DataFrame:
    path = data_folder() / "published_numbers.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False, index_col="id")


def numbers() -> pd.DataFrame:
    """Return all published numbers.

    Returns
    -------
    DataFrame
        Indexed by id: `source`, `year`, `figure_or_table`, `workload`, `metric`, `config`, `value`, `unit`, `verified`,
        `trust`, `note`. All text: a value may be a formula, or "not found".
    """
    return _table().copy()


def row(number: str) -> pd.Series:
    """Return the row of a published number.

    Raises
    ------
    PublishedError
        If there is none of that id; the message names those that look like it.
    """
    table = _table()
    if number not in table.index:
        near = get_close_matches(number, table.index, n=3, cutoff=0.5)
        meant = f"; near it: {', '.join(near)}" if near else ""
        raise PublishedError(f"no published number has the id {number!r}{meant}")
    return table.loc[number]


def value(number: str) -> float:
    """Return a published number.

    Raises
    ------
    PublishedError
        If there is none of that id, or what its source gives is no number.

    Examples
    --------
    >>> value("xen-oos-04")
    409.0
    """
    told = row(number)
    try:
        found = float(told.value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise PublishedError(f"{number} ({told.source}, {told.metric}) is no number but {told.value!r}")
    return found
