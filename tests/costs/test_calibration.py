"""What is measured on this machine, when that is refused, and how it is kept."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest

from oosbench import recordings
from oosbench.costs import pieces, processor, read_processor, worth, write_processor
from oosbench.costs.calibration import NAME, STEADY, measure, moved, this_machine, told
from oosbench.costs.stored import dated_name
from oosbench.errors import CostError

MEASURED = {
    *("snapshot_copy", "snapshot_compare", "resync_entries_tested", "validate_gl1e"),
    *("p2m_lookup", "propagate", "set_l1e_call"),
}


@pytest.fixture(scope="module")
def times():
    return measure()


@pytest.fixture
def quiet(times):
    """Return times as on a machine on which nothing else runs."""
    return times.assign(high=1.1 * times.ns, low=0.9 * times.ns)


def test_this_machine_is_measured(times):
    assert (times.low <= times.ns).all()
    assert (times.ns <= times.high).all()
    assert (times.ns > 0).all()
    assert times.ns["look-up cold"] > times.ns["look-up hot"]
    assert times.ns["validation hot"] > times.ns["look-up hot"]
    assert re.match(r"(Measured in|Not steady: after) \d+ rounds at a load of [\d.]+ a processor", told(times))
    assert times.attrs["steady"] == (times.attrs["moved"] <= STEADY)


def test_prices_come_of_it(quiet):
    here = this_machine("Haswell", quiet)
    assert here.name == NAME
    assert {event for event, price in here.prices.items() if price.trust == "measured"} == MEASURED
    assert here.prices["vmexit_pf"] == processor("Haswell").prices["vmexit_pf"]
    hot, cold = (quiet.ns[f"look-up {state}"] * here.ghz for state in ("hot", "cold"))
    look_up = here.prices["p2m_lookup"]
    assert look_up.cycles == pytest.approx(np.sqrt(hot * cold))
    assert (look_up.low, look_up.high) == (pytest.approx(0.9 * hot), pytest.approx(1.1 * cold))


def test_an_answer_lies_in_its_own_range(quiet):
    table = worth(recordings.studied(), [this_machine(times=quiet)])
    assert (table.net_cycles_low <= table.net_cycles).all()
    assert (table.net_cycles <= table.net_cycles_high).all()


def test_noise_is_refused(quiet):
    quiet.loc["copy cold", "high"] = 20 * quiet.ns["copy cold"]
    with pytest.raises(CostError, match=r"too busy to be measured: copy cold took [\d.,e+]+ ns in the median and"):
        this_machine(times=quiet)


def test_what_does_not_stand_still_is_told(times):
    rounds = pd.DataFrame({"still": [1.0] * 16, "slower": [1.0] * 8 + [1.3] * 8})
    assert moved(rounds).round(3).to_dict() == {"still": 0, "slower": 0.3}
    noisy = times.copy()
    noisy.attrs = {"rounds": 96, "moved": 0.31, "steady": False, "load": 2.0}
    assert told(noisy).startswith(
        "Not steady: after 96 rounds at a load of 2.0 a processor a median still moved by 31%"
    )


def test_pieces_in_c_find_the_same():
    given = pieces.arrays(4096, 1000)
    given[2][::7] &= ~np.int64(0x40)  # some entries without D, some without A, some frames with flags
    given[2][::11] &= ~np.int64(0x20)
    given[1][::8][::13] = 1
    for name, arguments in (("look-up", (given[0], given[2])), ("derivation", given[:3]), ("validation", given)):
        kept = [array.copy() for array in arguments]
        compiled, in_c = pieces.batch(name, arguments, 1), pieces.batch_in_c(name, tuple(kept), 1)
        if in_c is None:
            pytest.skip("there is no C compiler")
        assert compiled() == in_c()
        assert all((a == b).all() for a, b in zip(arguments, kept, strict=True))
    assert pieces.batch("validation", given, 1)() == 0, "what was set stays set"


def test_a_calibration_can_be_kept_and_shared(quiet, tmp_path):
    here = this_machine(times=quiet)
    name = write_processor(here, tmp_path / "mine.json")
    assert name == dated_name()
    assert name.endswith(f", {date.today().isoformat()}")
    there = read_processor(tmp_path / "mine.json")
    assert (there.name, there.ghz, there.prices) == (name, here.ghz, here.prices)
    first = (tmp_path / "mine.json").read_bytes()
    write_processor(there, tmp_path / "again.json", there.name)
    assert (tmp_path / "again.json").read_bytes() == first


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is no processor"),
        ("[]", "is no processor"),
        ("{}", "is no processor"),
        ('{"name": "x", "ghz": 1, "prices": {"propagate": {"cycles": 1}}}', "is no processor"),
        ('{"name": "x", "ghz": 0, "prices": {}}', "ghz is 0"),
        (
            '{"name": "x", "ghz": 1, "prices": {"propagate": {"cycles": 9, "low": 1, "high": 2}}}',
            "must lie in its range",
        ),
        ("[" * 100_000, "is no processor"),
    ],
)
def test_what_is_no_calibration_is_refused_by_name(text, wrong, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(CostError, match=f"mine.json: .*{wrong}"):
        read_processor(path)
