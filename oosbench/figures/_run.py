"""What figures have in common: cycles of a run, and the lines in which a figure says what it is."""

from __future__ import annotations

import re

from ..costs import Processor, cost
from ..primitives import tally
from ..result import Result

#: The machine of the series' mail.
CORE2 = "Core 2 6420"
_WORDS = ("Calibrated", "Predicted", "Trust", "Not reproduced")


def cycles(result: Result, of: str | Processor = CORE2) -> float:
    """Return what a run cost, in cycles."""
    return float(cost(tally(result), of).cycles["total"])


def told(doc: str) -> list[str]:
    """Return what the docstring of a figure says is calibrated, is predicted, can be trusted, and is not reproduced."""
    after = rf"(?=\n\n|\n(?:{'|'.join(_WORDS)}): )"
    found = [re.search(rf"^{word}: (.+?){after}", doc, re.MULTILINE | re.DOTALL) for word in _WORDS]
    return [" ".join(match[1].split()) for match in found]
