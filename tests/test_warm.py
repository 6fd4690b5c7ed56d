"""Compiling ahead of time leaves nothing to compile."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from . import golden

CODE = """
from oosbench import Machine, PRESETS, open_trace
from oosbench.warm import Compiling, warm

told = []
warm(lambda done, total: told.append((done, total)))
first = len(told)
with Compiling(lambda done, total: told.append((done, total))):
    for source in ("sqlite", {trace!r}):
        for preset in PRESETS:
            machine = Machine(open_trace(source), preset)
            machine.run()
            list(machine.dump())
print(first, len(told) - first, told[:1] + told[first - 1 : first])
"""


@pytest.mark.slow
def test_everything_is_compiled_ahead_and_progress_is_told(tmp_path):
    code = CODE.format(trace=str(golden.TRACES / "stress32.trace.gz"))
    environment = os.environ | {"OOSBENCH_CACHE": str(tmp_path)}

    def run() -> str:
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        ).stdout

    first, later, ends = run().split(" ", 2)
    assert int(first) > 100
    assert later == "0"
    (zero, total), (done, same) = eval(ends)
    assert (zero, done) == (0, total) == (0, same)
    assert run().split(" ", 2)[:2] == ["0", "0"]
