"""What oracle and audits find in a guest, without what is known of it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings

from oosbench import Machine, Trace, preset
from oosbench.oracle.finding import MISSING_P, STUCK, Finding
from oosbench.studies import watch
from oosbench.x86 import PFEC_U, PFEC_W, frame_in

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
CORRECTIONS = {"D2": "resync_late", "D4": "prealloc_first", "D5": "skip_2level", "CR4.PSE": "pse_unshadow"}
OF_ALL = ("pse_unshadow",)  # those that have nothing to do with tables out of sync


def keep(text: str, what: str) -> str:
    """Leave a failing guest as a trace; return where."""
    FAILURES.mkdir(exist_ok=True)
    path = FAILURES / f"{what}.trace"
    path.write_text(text)
    return f"{path}\n{text}"


def complaints(trace: Trace, on) -> list[str]:
    """Return what oracle and audits find on a preset, without what is known of it."""
    watched = watch(trace, on, audits=True, stop_at_first=False)
    assert watched.crash is None, watched.crash
    told = [str(finding) for finding in watched.findings if not _is_known(trace, on, finding)]
    return told + [f"line {line}: {violation}" for line, violation in watched.violations]


def _is_known(trace: Trace, on, finding: Finding) -> bool:
    """Say whether a finding is no defect of tables out of sync.

    Those are the error code of a fault before the series; and a user who stores to the very table that maps the
    address, which is unshadowed and needed again for ever (on presets that let such a table go out of sync, only if it
    may not).
    """
    if finding.kind == MISSING_P:
        return not preset(on).oos
    event = trace.events[finding.row]
    if finding.kind != STUCK or not event.access & PFEC_U or not event.access & PFEC_W:
        return False
    machine = Machine(trace, on)
    machine.run(stop=finding.row + 1)
    walk = machine.domain.walk[0]
    own = (machine.domain.vcpus[int(event.vcpu)].guest_root, walk.l3mfn, walk.l2mfn, walk.l1mfn)
    return frame_in(int(walk.l1e)) in own


def corrected(name: str, *axes: str):
    """Return a preset with some corrections; emulation alone needs few."""
    wanted = [axis for axis in axes if preset(name).oos or axis in OF_ALL]
    return preset(name).replace(**dict.fromkeys(wanted, True))


def unexplained(trace: Trace, name: str) -> tuple[list[str], list[str]]:
    """Return what is found on a preset and is no defect of 2008, and the defects that were met.

    A historical preset may have such a defect: then its correction makes the finding go.
    """
    found = complaints(trace, name)
    if not found or name == "oos-fixed":
        return found, []
    met = [defect for defect, axis in CORRECTIONS.items() if not complaints(trace, corrected(name, axis))]
    return ([] if met else complaints(trace, corrected(name, *CORRECTIONS.values()))), met
