"""What oracle and audits find in a guest, without what is known of it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings

from oosbench import Trace, preset
from oosbench.oracle.finding import MISSING_P, STUCK
from oosbench.studies import watch

FAILURES = Path(__file__).parents[1] / "failures"
EXAMPLES = 100

# The same guests each time. `--hypothesis-profile` of one's own, or a larger number here, looks further.
the_same_each_time = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# The defects that a wild guest may run into, and what corrects each.
CORRECTIONS = {"D2": "resync_late", "D4": "prealloc_first", "D5": "skip_2level"}
# What is not a defect of tables out of sync: the error code of a fault before the series; and a user who stores to
# the very table that maps the address, which is unshadowed and needed again for ever (on presets that let such a
# table go out of sync, only if it may not).
KNOWN = {"emulate": {MISSING_P, STUCK}}


def keep(text: str, what: str) -> str:
    """Leave a failing guest as a trace; return where."""
    FAILURES.mkdir(exist_ok=True)
    path = FAILURES / f"{what}.trace"
    path.write_text(text)
    return f"{path}\n{text}"


def complaints(trace: Trace, on) -> list[str]:
    """Return what oracle and audits find on a preset, without what is known of it."""
    watched = watch(trace, on, audits=True, stop_at_first=False)
    known = KNOWN.get(preset(on).name, {STUCK})
    assert watched.crash is None, watched.crash
    told = [str(finding) for finding in watched.findings if finding.kind not in known]
    return told + [f"line {line}: {violation}" for line, violation in watched.violations]


def corrected(name: str, *axes: str):
    """Return a preset with some corrections; emulation alone needs none."""
    return preset(name).replace(**dict.fromkeys(axes if preset(name).oos else (), True))


def unexplained(trace: Trace, name: str) -> tuple[list[str], list[str]]:
    """Return what is found on a preset and is no defect of 2008, and the defects that were met.

    A historical preset may have such a defect: then its correction makes the finding go.
    """
    found = complaints(trace, name)
    if not found or name == "oos-fixed":
        return found, []
    met = [defect for defect, axis in CORRECTIONS.items() if not complaints(trace, corrected(name, axis))]
    return ([] if met else complaints(trace, corrected(name, *CORRECTIONS.values()))), met
