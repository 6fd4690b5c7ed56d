"""Adams & Agesen, ASPLOS 2006: what a page-table write, a page fault and a process cost on the first VT-x processor.

Their hardware VMM traps and emulates, as `emulate` does. Compared is what the hypervisor adds: its time less the native
time. The price of an emulated instruction is what their ptemod leaves when the round trip is taken off; so ptemod is
theirs again but for the work around it.

forkwait is a process that forks and waits 40,000 times. How large it was is not known: here it has 16 pages of its own
and 48 of files, and the child, before it ends, writes 4 of those and runs in 16 of these; the range is that of half and
of double, in a 32-bit guest. The model falls short by seventeen times. It counts what the shadow code does, and a
table that is filled before anybody runs on it costs it nothing; Linux 2.6.11 also copied the entries of file pages at
fork, and what their VMM did at each switch of processes is not known.

The software VMM, which translates binaries, is not modelled.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from ..charts import pairs, pairs_text
from ..costs import cost, processor, tally
from ..guests import Kernel
from ..machine import run_each
from ..traces import Trace
from .agreement import cells
from .published import value

CALIBRATED = "the price of emulating an instruction, on ptemod"
PREDICTED = "pgfault, and a process of forkwait"
UNIT = "cycles"
TRUST = "secondary"
MISSES = "forkwait, by more than ten times; the software VMM, which is not modelled"

PROCESSOR = "Prescott"
_MANY = 2000
_PROCESSES = 40_000  # of forkwait
_SIZES = {"low": 0.5, "model": 1, "high": 2}


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


def forkwait(times: int, size: float = 1) -> Trace:
    """Return a guest that forks and waits so many times.

    Parameters
    ----------
    times : int
    size : float
        Of the process, see above.
    """
    own, files, written, run = (int(pages * size) for pages in (16, 48, 4, 16))
    kernel = Kernel(levels=2)
    parent = kernel.spawn()
    code = kernel.map(parent, files, kernel.file(files), writable=False)
    data = kernel.map(parent, own)
    kernel.run(parent)
    kernel.touch(code, range(files), "x", around=1)
    kernel.touch(data, range(own), "w")
    for _ in range(times):
        child = kernel.fork(parent)
        kernel.touch(data, range(2), "w")
        kernel.run(child)
        kernel.touch(code._replace(process=child), range(run), "x", around=1)
        kernel.touch(data._replace(process=child), range(written), "w")
        kernel.end(child)
        kernel.run(parent)
        kernel.touch(data, range(2), "w")
    return kernel.trace("forkwait")


def _forkwait(size: float) -> float:
    """Return what one more process costs."""
    few, many = 10, 50
    return (_cycles(forkwait(many, size)) - _cycles(forkwait(few, size))) / (many - few)


def table(progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Return one row per nano-benchmark: cycles that the hypervisor adds, published and modelled, and their ratio.

    `native` stands for comparison; `low` and `high` are the range over the size of a process of forkwait.
    """
    cycles = processor(PROCESSOR).ghz * 1e9 / _PROCESSES
    ptemod, pgfault = _ptemod(), _pgfault()
    rows = [
        ("ptemod", value("aa06-09"), value("aa06-11"), ptemod, ptemod, ptemod),
        ("pgfault", value("aa06-12"), value("aa06-14"), pgfault, pgfault, pgfault),
        ("forkwait, a process", value("aa06-01") * cycles, value("aa06-03") * cycles, *map(_forkwait, _SIZES.values())),
    ]
    if progress is not None:
        progress(3, 3)
    frame = pd.DataFrame(rows, columns=["benchmark", "native", "hardware_vmm", *_SIZES])
    frame.insert(3, "published", frame.hardware_vmm - frame.native)
    frame["ratio"] = frame.model / frame.published
    return frame


def compared(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cost of each benchmark beside the published one; see `agreement.cells`."""
    role = frame.benchmark.eq("ptemod").map({True: "calibrated", False: "predicted"})
    return cells(frame.benchmark, frame.published, frame.model, role)


def chart(frame: pd.DataFrame) -> Figure:
    """Draw the cycles that a hypervisor adds, published and modelled, and native ones."""
    series = {"native": frame.native, "published": frame.published, "model": frame.model}
    return pairs(
        frame.benchmark,
        series,
        "Trap and emulate, 2006",
        "cycles that the hypervisor adds, Pentium 4 at 3.8 GHz (logarithmic)",
        "{:,.0f}",
        True,
    )


def chart_text(frame: pd.DataFrame) -> str:
    """Say what `chart` shows."""
    series = {"published": frame.published, "model": frame.model}
    return pairs_text(frame.benchmark, series, "Cycles that trap and emulate adds", "{:,.0f}")
