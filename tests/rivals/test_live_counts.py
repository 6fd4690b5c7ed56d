"""The model of KVM held against what a real one counted: `live/README.md` says how."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from oosbench import open_trace, recordings
from oosbench.rivals import SHADOWS, rivals
from oosbench.rivals.kvm import replay
from oosbench.rivals.kvm.counted import OWN
from oosbench.rivals.kvm.replay import own_counts

FOLDER = Path(__file__).parent / "live"
REAL = pd.read_csv(FOLDER / "real.csv").set_index(["program", "count"]).real
PROGRAMS = REAL.index.unique("program")
#: What stays outside the tolerance, with the model's count and the reason.
OUTSIDE = {
    ("fork", "sync_dropped"): (51, "real runs differ as much: 40, and 57 with huge pages behind the guest"),
    ("sql", "sync_compared"): (
        1656,
        "not explained; the recorded guest loads CR3 once more, and syncs at other moments",
    ),
    ("sql", "sync_dropped"): (110, "not explained; as above"),
    ("forkpti", "cr3_writes"): (1536, "the real guest is slower, so more timer ticks come for the same work"),
    ("forkpti", "cr3_reads"): (1490, "the same"),
}


def model(program: str) -> dict[str, int]:
    k, _ = replay(open_trace(FOLDER / f"{program}.npz"))
    return own_counts(k)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_model_counts_what_the_real_one_does(program):
    found = model(program)
    assert list(found) == list(OWN) == list(REAL[program].index)
    for name, real in REAL[program].items():
        if (program, name) in OUTSIDE:
            assert found[name] == OUTSIDE[program, name][0], name
        elif real > 100:
            assert found[name] == pytest.approx(real, rel=0.05), name
        else:
            assert found[name] == pytest.approx(real, abs=10), name


def test_what_is_listed_as_outside_is_outside_and_not_far():
    for (program, name), (found, _) in OUTSIDE.items():
        real = REAL[program, name]
        assert abs(found - real) > (0.05 * real if real > 100 else 10), f"{name} is within: take it off the list"
        assert found == pytest.approx(real, rel=0.2, abs=12)


def test_isolation_agrees_for_the_right_reason():
    """Two shadow pages a table: many syncs of few entries each, not half as many of twice the entries."""
    found = model("forkpti")
    assert found["sync_compared"] / found["sync_page"] == pytest.approx(41778 / 924, rel=0.05)


def test_the_model_is_the_cheapest_shadow_on_the_studied_recordings():
    for name in recordings.studied():
        cycles = rivals(name).set_index("system").cycles
        assert cycles[[*SHADOWS, "kvm"]].idxmin() == "kvm", name


def test_counts_are_handed_on():
    table = rivals(FOLDER / "fork.npz").set_index("system")
    assert table.counts["kvm"] == model("fork")
    assert table.counts["oos-snapshot"] is None
