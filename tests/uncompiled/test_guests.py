"""Uncompiled, guests do what they do compiled, and are followed alike."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from oosbench import Machine
from oosbench.guests import FAMILIES, generate
from oosbench.studies import watch


def digests() -> str:
    """Return a line for each family, in one mode or another: a digest of what it does, and what a summary says."""
    lines = []
    for i, (name, family) in enumerate(FAMILIES.items()):
        levels = family.levels[i % len(family.levels)]
        trace = generate(name, 800, levels=levels, vcpus=2, pages=8192, seed=4)
        summary = trace.summary()
        told = hashlib.sha256(trace.to_text().encode()).hexdigest()[:16]
        lines.append(f"{name} {levels} {told} {len(summary.tables)} {len(summary.stores)} {len(summary.epochs)}")
    return "\n".join(lines)


def test_a_guest_is_the_same_guest():
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_DISABLE_JIT"}
    code = "from tests.uncompiled.test_guests import digests; print(digests())"
    compiled = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert compiled.stdout.strip() == digests()


def test_audits_and_oracle_run_uncompiled():
    trace = generate("ping_pong", 70, levels=3, pages=2048, seed=4)
    watched = watch(trace, "oos-fixed", audits=True)
    assert (watched.findings, watched.violations) == ([], [])
    assert watched.result.counters.events == Machine(trace, "oos-fixed").run().counters.events > 20
