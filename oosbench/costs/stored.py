"""A processor's prices as a file: a calibration that is kept, and shared with those who have no such machine."""

from __future__ import annotations

import json
import os
import platform
import re
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

from ..errors import CostError
from ..output import whole_file
from .prices import Price, Processor


def dated_name() -> str:
    """Return what a calibration of today is called: the processor, as the system tells it, and the date."""
    try:
        told = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        told = None
    model = " ".join(told[1].split()) if told else platform.machine()
    return f"{model}, {date.today().isoformat()}"


def write_processor(of: Processor, path: str | os.PathLike, name: str | None = None) -> str:
    """Write a processor with all its prices as JSON; return what it is called there.

    Parameters
    ----------
    of : Processor
    path : str or path
    name : str, optional
        Default: that of the processor this runs on, and the date.
    """
    kept = asdict(replace(of, name=name or dated_name()))
    with whole_file(Path(path)) as file:
        file.write((json.dumps(kept, indent=1) + "\n").encode())
    return kept["name"]


def read_processor(path: str | os.PathLike) -> Processor:
    """Read a processor that `write_processor` wrote.

    Raises
    ------
    CostError
        If the file holds none, with what is wrong.
    OSError
        If it cannot be read.
    """
    try:
        kept = json.loads(Path(path).read_bytes())
        prices = {event: Price(**price) for event, price in kept.pop("prices").items()}
        return Processor(prices=prices, **kept)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CostError(f"{path}: is no processor that 'calibrate --save' wrote ({error})") from None
    except CostError as error:
        raise CostError(f"{path}: {error}") from None
