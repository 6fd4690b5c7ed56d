"""Parameters that were fitted to recordings: made by ``oosbench fit``, and the defaults of the families.

`FITTED` says for each recording which family stands for it, and with which values. A family's defaults are those of
the first recording it stands for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from ..errors import GuestError

FILE = Path(__file__).with_suffix(".json")


class Fit(NamedTuple):
    """What was fitted to a recording.

    Attributes
    ----------
    family : str
    parameters : dict of str to float
    """

    family: str
    parameters: dict[str, float]


#: By recording.
FITTED = {name: Fit(**fit) for name, fit in json.loads(FILE.read_text()).items()}


def fitted(recording: str) -> Fit:
    """Return what was fitted to a recording.

    Raises
    ------
    GuestError
        If nothing was; the message lists the recordings there are.
    """
    if recording not in FITTED:
        raise GuestError(f"no workload was fitted to {recording!r}; there are {', '.join(FITTED)}")
    return FITTED[recording]


def fitted_defaults(family: str) -> dict[str, float]:
    """Return the values of the first recording that a family stands for, none if it stands for none."""
    return next((fit.parameters for fit in FITTED.values() if fit.family == family), {})
