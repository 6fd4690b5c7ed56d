"""Adams & Agesen, ASPLOS 2006: what a page-table write, a page fault and a process cost on the first VT-x processor.

Their hardware VMM traps and emulates, as `emulate` does. The price of an emulated instruction is what their ptemod
leaves when the round trip is taken off; so ptemod is theirs again but for the work around it. Their guest is Linux 2.6
of 2005, forkwait a process that forks and waits 40,000 times.

The software VMM, which translates binaries, is not modelled. Native is not either: it stands for comparison.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from ..charts import pairs, pairs_text
from ..costs import cost, processor
from ..events import CR3
from ..experiment import run_each
from ..guests import generate
from ..primitives import tally
from ..published import value
from ..trace import Trace

CALIBRATED = "the price of emulating an instruction, on ptemod"
PREDICTED = "pgfault, and a process of forkwait"
TRUST = "secondary"

PROCESSOR = "Prescott"
_MANY = 2000
_PROCESSES = 40_000  # of forkwait


def _cycles(trace: Trace) -> float:
    (result,) = run_each([trace], ["emulate"])
    return float(cost(tally(result), PROCESSOR).cycles["total"])


_TABLES = """\
MODE 4 1 4096 1024
POKE 0x1000 0x2067
POKE 0x2000 0x3067
POKE 0x3000 0x4067
POKE 0x3008 0x5067
POKE 0x5000 0x4063
CR3 0 0x1000
ACCESS 0 0x1000 r s
"""


def _ptemod() -> float:
    """Return what a store to an entry of a page table costs: its frame changes, and it stays present."""
    head = _TABLES.replace("CR3", "POKE 0x4008 0x400067\nCR3", 1)

    def cycles(times: int) -> float:
        stores = "".join(f"WRITE 0 0x200008 {0x400067 + 4096 * (i % 512):#x}\n" for i in range(times))
        return _cycles(Trace.from_text(head + stores))

    return (cycles(_MANY) - cycles(1)) / (_MANY - 1)


def _pgfault() -> float:
    """Return what a fault of the guest costs: an access to what is not there, which its kernel then maps.

    The store by which it maps the page, and the access that is tried again, are part of it.
    """

    def cycles(times: int) -> float:
        lines = ""
        for i in range(2, 2 + times):
            page = 4096 * i
            lines += f"ACCESS 0 {page:#x} w u\nWRITE 0 {0x200000 + 8 * i:#x} {0x400067 + page:#x}\n"
            lines += f"ACCESS 0 {page:#x} w u\n"
        return _cycles(Trace.from_text(_TABLES + lines))

    return (cycles(400) - cycles(1)) / 399


def _forkwait() -> float:
    """Return what a process costs that forks and waits: that of `fork_exec`, per address space that is born."""
    trace = generate("fork_exec", 60_000, levels=3, seed=1)
    roots = len(set(trace.events.address[trace.events.op == CR3].tolist()))
    return _cycles(trace) / roots


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per nano-benchmark: cycles native, published for the hardware VMM, modelled, and the ratio."""
    ghz = processor(PROCESSOR).ghz
    spawn = (value("aa06-03") - value("aa06-01")) / _PROCESSES * ghz * 1e9
    native = value("aa06-01") / _PROCESSES * ghz * 1e9
    rows = [
        ("ptemod", value("aa06-09"), value("aa06-11"), _ptemod()),
        ("pgfault", value("aa06-12"), value("aa06-14"), _pgfault()),
        ("forkwait, a process", native, spawn, _forkwait()),
    ]
    if progress is not None:
        progress(3, 3)
    frame = pd.DataFrame(rows, columns=["benchmark", "native", "published", "model"])
    frame["ratio"] = frame.model / frame.published
    return frame


def chart(frame: pd.DataFrame) -> Figure:
    """Draw published and modelled cycles, and native ones."""
    series = {"native": frame.native, "published": frame.published, "model": frame.model}
    return pairs(
        frame.benchmark,
        series,
        "Trap and emulate, 2006",
        "cycles on a Pentium 4 at 3.8 GHz (logarithmic)",
        "{:,.0f}",
        True,
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    series = {"published": frame.published, "model": frame.model}
    return pairs_text(frame.benchmark, series, "Cycles of trap and emulate", "{:,.0f}")
