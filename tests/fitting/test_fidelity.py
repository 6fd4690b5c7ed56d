"""Generated guests beside recorded ones."""

from __future__ import annotations

import numpy as np
import pytest

from oosbench.fitting import fidelity, fit
from oosbench.guests import FAMILIES, FITTED, Workload, generate

pytestmark = pytest.mark.xdist_group("fitting")  # its tests share what takes a while


@pytest.fixture(scope="module")
def real(recorded):
    return {name: fidelity.profile(recorded(name)) for name in FITTED}


@pytest.fixture(scope="module")
def made():
    return {name: fidelity.profile(Workload.like(name, seed=1).trace(fidelity.EVENTS)) for name in FITTED}


def test_a_profile_is_what_the_recording_is_known_for(real):
    # The original code's resyncs, and what was counted when the recordings were made.
    assert {name: len(p.dirty) for name, p in real.items()} == {
        **{"forkexec": 2101, "gcc": 573, "python": 277, "sqlite": 126, "redis": 2416},
    }
    assert sum((p.dirty == 0).sum() for p in real.values()) / 5493 == pytest.approx(0.64, abs=0.005)
    assert {name: round(100 * p.many) for name, p in real.items()} == {
        **{"forkexec": 20, "gcc": 43, "python": 34, "sqlite": 13, "redis": 5},
    }
    assert {name: round((1 - p.lost) * unsyncs) for (name, p), unsyncs in zip(real.items(), UNSYNCS, strict=True)} == {
        name: len(p.dirty) for name, p in real.items()
    }


UNSYNCS = (3121, 611, 302, 146, 2513)


def test_a_guest_is_no_distance_from_itself(real):
    for profile in real.values():
        assert (fidelity.distances(profile, profile).fillna(0) == 0).all(axis=None)


def test_distances_are_what_they_say():
    one = fidelity.Profile(np.array([0, 0, 1, 3]), *[np.array([1])] * 3, many=0.25, lost=0.5, idle=0.0)
    other = fidelity.Profile(np.array([0, 1, 1, 7]), *[np.array([], np.int64)] * 3, many=0.5, lost=0.5, idle=1.0)
    found = fidelity.distances(one, other)
    assert found.ks.to_dict() == {
        **{"dirty": 0.25, "runs": 1, "length": 1, "tables": 1},
        **{"many": 0.25, "lost": 0, "idle": 1},
    }
    assert found.wasserstein.dirty == pytest.approx((0 + 1 + 0 + 1) / 4)  # in doublings, matched in order
    assert fidelity.loss(one, other) == 4.5


@pytest.mark.parametrize("name", FITTED)
def test_the_fitted_guest_is_closer_than_any_other(name, real, made):
    losses = {other: fidelity.loss(real[name], made[other]) for other in FITTED}
    assert min(losses, key=losses.get) == name
    assert losses[name] < 1.5


def test_a_fit_is_deterministic_and_no_worse_than_where_it_began(recorded):
    options = {"events": 2000, "generations": 1}
    found, loss = fit.refit("sqlite", **options)
    assert (found, loss) == fit.refit("sqlite", **options)
    began = generate("demand_paging", 2000, seed=0, **FITTED["sqlite"].parameters)
    assert loss <= fidelity.loss(fidelity.profile(recorded("sqlite")), fidelity.profile(began))
    for parameter in FAMILIES[found.family].parameters:
        assert parameter.value(found.parameters[parameter.name], "fit") == found.parameters[parameter.name]


def test_the_table_has_every_statistic_of_every_recording():
    table = fidelity.fidelity(["sqlite"], 20_000)
    assert table.statistic.tolist() == list(fidelity.LABELS.values())
    told = fidelity.told(table)
    assert told.startswith("sqlite and a guest of the family demand_paging\n")
    assert "0 / 46 / 385" in told  # the recorded dirty entries per resync
