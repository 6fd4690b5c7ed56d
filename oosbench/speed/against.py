"""Two builds timed against each other, run by run in turn, so that what a shared machine does is done to both."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from .. import recordings
from ..errors import BadInput
from ..machine import Cancelled
from ..presets import DEFAULT
from .bench import ORIGINAL, Progress, spread

_HERE = Path(__file__).parents[2]
_PAIRS = 15
# Runs in a process of its own under either build, so it asks for what every version of the package has.
_RUNNER = """
import sys, time
from oosbench import Machine, open_trace
traces = {}
for line in sys.stdin:
    source, preset = line.rstrip("\\n").split("\\t")
    if source not in traces:
        traces[source] = open_trace(source)
    machine = Machine(traces[source], preset, keep_outcomes=False)
    start = time.thread_time()
    result = machine.run()
    print(1e9 * (time.thread_time() - start) / int(result.counters.events), flush=True)
"""


def against(
    other: str | Path,
    only: Sequence[str] | None = None,
    files: Sequence[str] = (),
    presets: Sequence[str] = (DEFAULT,),
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Time this build of the package against another.

    Parameters
    ----------
    other : str or Path
        A folder with another checkout, or a commit of the one that this package is in.
    only : sequence of str, optional
        The two traces of the original, or bundled recordings, by name. Default: the two traces.
    files : sequence of str
        Traces of your own.
    presets : sequence of str
    progress, cancelled
        As for `oosbench.run_each`.

    Returns
    -------
    DataFrame
        A row for each trace and preset: ``ns_there`` and ``ns_here`` an event (medians), the median of the ratios of
        pairs (below 1: this one is faster), and their ``spread`` (see `bench`).

    Raises
    ------
    BadInput
        If there is no such folder or commit, or no such trace.
    """
    sources = [*(list(ORIGINAL) if only is None else only), *files]
    known = [*ORIGINAL, *recordings.bundled().index]
    for name in only or ():
        if name not in known:
            raise BadInput(f"no trace to time is called {name!r}; there are {', '.join(known)}")
    rows, done, total = [], 0, len(sources) * len(presets)
    with ExitStack() as stack:
        there, here = (stack.enter_context(_runner(folder)) for folder in (stack.enter_context(_folder(other)), _HERE))
        for source in sources:
            name = str(recordings.data_folder() / f"{source}.trace.xz") if source in ORIGINAL else str(source)
            for preset in presets:
                if cancelled is not None and cancelled():
                    raise Cancelled("the benchmark was stopped")
                if progress is not None:
                    progress(f"{source} · {preset}", done, total)
                done += 1
                there(name, preset), here(name, preset)  # compiled, and read
                pairs = np.array([(there(name, preset), here(name, preset)) for _ in range(_PAIRS)])
                ratios = pairs[:, 1] / pairs[:, 0]
                medians = dict(zip(("ns_there", "ns_here"), np.median(pairs, axis=0).tolist(), strict=True))
                told = {"trace": Path(source).name, "preset": preset} | medians
                rows.append(told | {"ratio": float(np.median(ratios)), "spread": spread(ratios)})
    return pd.DataFrame(rows)


@contextmanager
def _folder(other: str | Path) -> Iterator[Path]:
    """Give a folder with the other build: itself, or a commit that is unpacked while the block lasts."""
    if (Path(other) / "oosbench" / "__init__.py").is_file():
        yield Path(other).absolute()
        return
    git = ["git", "-C", str(_HERE), "archive", "--format=tar", str(other), "oosbench", "data"]
    packed = subprocess.run(git, capture_output=True)
    if packed.returncode:
        raise BadInput(f"{other}: neither a folder with another oosbench in it nor a commit of {_HERE}")
    with tempfile.TemporaryDirectory(prefix="oosbench-") as folder:
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
        yield Path(folder)


@contextmanager
def _runner(folder: Path) -> Iterator[Callable[[str, str], float]]:
    """Give a function that replays a trace on a preset under the build in a folder, and returns ns an event."""
    process = subprocess.Popen(
        [sys.executable, "-c", _RUNNER],
        env=os.environ | {"PYTHONPATH": str(folder)},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(source: str, preset: str) -> float:
        process.stdin.write(f"{source}\t{preset}\n")
        process.stdin.flush()
        told = process.stdout.readline()
        if not told:
            raise BadInput(f"{folder}: the build there cannot replay {source} on {preset}")
        return float(told)

    try:
        yield run
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
