"""Each claim of README and notebooks, and the computation that would fail it.

A claim is a pattern; what its groups catch is handed to the check as numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from oosbench import PRESETS, open_trace, preset, recordings, run_each
from oosbench.costs import breakdown, processors
from oosbench.figures import FIGURES, ddk_build, walks_and_traps
from oosbench.figures.agreement import agreement
from oosbench.studies import defects

from .computed import ALL, STUDIED, answers, of, passes, ratios, there

CLAIMS: dict[str, Callable[..., None]] = {}


def claim(*patterns: str) -> Callable:
    """Register a check for what these patterns catch."""

    def register(check: Callable[..., None]) -> Callable[..., None]:
        CLAIMS.update(dict.fromkeys(patterns, check))
        return check

    return register


# --- counts ------------------------------------------------------------------------------------------------------


@claim(r"on twelve recordings: (\d+) to (\d+) times fewer", r"on all twelve recordings it is (\d+) to (\d+) times")
def fewer_on_all(least, most):
    assert len(ALL) == 12
    assert (round(ratios(ALL).min()), round(ratios(ALL).max())) == (least, most)


@claim(r"derive (\d+) to (\d+) times fewer entries")
def fewer_on_the_studied(least, most):
    assert len(STUDIED) == 5
    assert (round(ratios(STUDIED).min()), round(ratios(STUDIED).max())) == (least, most)


@claim(
    r"It derives exactly as many entries as `oos-fixups`",
    r"Its predecessor derives every entry that is present",
)
def an_unbelieved_snapshot_saves_nothing():
    before, kept = of("oos-fixups"), of("oos-snapshot-untrusted")
    assert (before.resync_propagated == kept.resync_propagated).all()
    assert (before.resync_propagated == before.resync_compared).all()


@claim(r"About one entry in eight has changed .*, one in twenty-seven for redis", r"One entry in eight has changed")
def one_in_eight():
    s = of("oos-snapshot", STUDIED)
    inverse = s.resync_compared / s.resync_dirty
    assert inverse.drop("redis").between(6.5, 8.5).all()
    assert round(inverse["redis"]) == 27


@claim(r"About two in three looks at a table find nothing at all")
def two_in_three():
    assert abs((passes().dirty == 0).mean() - 2 / 3) < 0.04


@claim(r"Here is every pass over five recorded guests: (\d+) of them")
def number_of_passes(count):
    assert len(passes()) == count


@claim(r"About half of the passes or more find nothing.*one in ten finds two thirds.*\(redis: nine tenths\)")
def few_find_much():
    for name, part in passes().groupby("trace"):
        assert (part.dirty == 0).mean() > 0.48
        most = part.dirty.nlargest(round(len(part) / 10)).sum() / part.dirty.sum()
        assert 0.9 < most < 0.95 if name == "redis" else 0.65 < most < 0.85, name


@claim(r"On four of five recordings, a table that has to leave .*python is the exception")
def evicted_tables_have_changed_more():
    sums = passes().groupby(["trace", "cause"])[["dirty", "compared"]].sum()
    share = (sums.dirty / sums.compared).unstack()
    assert sorted(share.index[share.evict < share.cr3]) == ["python"]


@claim(r"In three of five passes that find any, they lie in one or two runs.*a third of all have one run only")
def runs():
    found = passes()[passes().dirty > 0]
    assert abs((found.runs <= 2).mean() - 3 / 5) < 0.05
    assert abs((found.runs == 1).mean() - 1 / 3) < 0.05


@claim(r"Isolation, which came in 2018 .*a thousand times as many CR3 loads, twenty times as many resyncs")
def isolation():
    s = of("oos-snapshot")
    plain, isolated = s.loc["inserts"], s.loc["inserts-pti"]
    assert 800 < isolated.cr3_loads / plain.cr3_loads < 1200
    assert 18 < isolated.shadow_resync / plain.shadow_resync < 25
    assert isolated.resync_dirty / isolated.resync_compared < 0.02
    assert there(ALL).share.idxmax() == "inserts-pti"


@claim(
    r"Isolation of page tables reloads CR3 .*twenty times as many resyncs, most of which find one entry changed among"
)
def isolated_resyncs_find_one():
    (result,) = run_each(["inserts-pti"], ["oos-snapshot"])
    assert (result.resyncs.dirty == 1).mean() > 0.5
    assert result.resyncs.compared[result.resyncs.dirty == 1].median() > 100
    isolation()


@claim(r"Small pages give `lists` nearly twice as much that has changed")
def small_pages():
    s = of("oos-snapshot")
    assert 1.7 < s.resync_dirty["lists-small"] / s.resync_dirty["lists"] < 2


@claim(r"On two vCPUs, `pipeline` has tables brought back more often, with less changed each time")
def two_vcpus():
    one, two = of("oos-snapshot").loc["pipeline"], of("oos-snapshot").loc["pipeline-smp"]
    assert two.resync_l1_calls > one.resync_l1_calls
    assert two.resync_dirty / two.resync_l1_calls < one.resync_dirty / one.resync_l1_calls


@claim(r"With more slots fewer tables are evicted.*on gcc with sixteen slots two fifths as many as with three")
def more_slots():
    three, sixteen = run_each(["gcc"], ["oos-snapshot", "oos-snapshot+oos_slots=16"])
    assert sixteen.counters.shadow_unsync_evict < three.counters.shadow_unsync_evict
    assert abs(sixteen.counters.shadow_resync / three.counters.shadow_resync - 2 / 5) < 0.02


# --- cycles ------------------------------------------------------------------------------------------------------


@claim(r"in ([\d.]+) % or more of (\d+) draws .*and in ([\d.]+) % .*at its worst it costs on each of these five")
def odds(independent, draws, together):
    rows = there()
    assert (rows.draws == draws).all()
    assert 100 * rows.pays.min() >= independent - 0.05
    assert 100 * rows.pays_together.min() >= together - 0.05
    assert (rows.net_cycles_worst < 0).all()
    assert (rows.net_cycles > 0).all()


@claim(r"The cycles rest on prices, and most of those are estimates", r"(\d+) of (\d+) prices have no published source")
def prices_without_a_source(none=30, count=55):
    table = processors()["Core 2 6420"].frame()
    assert len(table) == count
    assert (table.trust == "none").sum() == none > count / 2


@claim(r"two lists, one for the first four processors and one for the six later ones")
def two_lists():
    net = answers().net_cycles.unstack("processor")[list(processors())].T.round(3)
    first, later = net.iloc[:4], net.iloc[4:]
    assert len(later) == 6
    assert len(first.drop_duplicates()) == len(later.drop_duplicates()) == 1
    assert (first.iloc[0] != later.iloc[0]).all()


@claim(r"Exits, walks and most emulation are the same on both sides and cancel")
def what_cancels():
    table = breakdown(run_each(STUDIED, ["oos-fixups", "oos-snapshot"])).set_index(["recording", "category", "system"])
    before, after = table.cycles.unstack()[["oos-fixups", "oos-snapshot"]].to_numpy().T
    same = pd.Series(np.isclose(before, after), table.cycles.unstack().index).unstack()
    assert same[["exits", "walks"]].all(axis=None)
    assert (of("oos-fixups").emulate_insn == of("oos-snapshot").emulate_insn).all()


@claim(r"the strongest assumption and the narrowest range")
def ranges_widen():
    rows = there(ALL)
    independent = rows.net_cycles_high - rows.net_cycles_low
    together = rows.net_cycles_high_together - rows.net_cycles_low_together
    assert (independent < together).all()
    assert (together < rows.net_cycles_best - rows.net_cycles_worst).all()


@claim(r"On gcc three slots with a snapshot cost less than sixteen without")
def slots_or_a_snapshot():
    table = breakdown(run_each(["gcc"], ["oos-snapshot", "oos-fixups+oos_slots=16"]))
    snapshot, slots = table.groupby("system", sort=False).cycles.sum()
    assert snapshot < slots


# --- published figures -------------------------------------------------------------------------------------------

_DDK: dict[str, pd.DataFrame] = {}


def _ddk() -> pd.DataFrame:
    if not _DDK:
        _DDK["table"] = ddk_build.table()
    return _DDK["table"]


@claim(r"each of the six gains and PAE gains most, but on PAE it is calibrated")
def all_six_gain():
    table = _ddk().set_index("guest")
    assert len(table) == 6
    assert (table[["change", "model_change"]] < 0).all(axis=None)
    assert table.change.idxmin() == table.model_change.idxmin() == "PAE, 1 vCPU"
    assert table.index[table.calibrated].tolist() == ["PAE, 1 vCPU"]


@claim(r"64-bit with one vCPU is third there and fifth here")
def third_and_fifth():
    ranks = ddk_build.compared(_ddk()).set_index("cell").loc["64bit, 1 vCPU"]
    assert (ranks.rank_published, ranks.rank_modelled) == (3, 5)


@claim(r"The sizes are off by (\d+) to (\d+) percentage points; of the second vCPU's loss .* a tenth of a point")
def sizes_of_the_ddk_build(least, most):
    table = _ddk()
    errors = table.error[~table.calibrated].abs()
    assert (round(errors.min()), round(errors.max())) == (least, most)
    loss = table.model_change[3:].to_numpy() - table.model_change[:3].to_numpy()
    assert ((loss > 0) & (loss < 0.2)).all()


@claim(r"no simulation, so these must agree exactly, and do")
def closed_forms_agree():
    found = agreement(walks_and_traps.compared(walks_and_traps.table()))
    assert found.exact == found.predicted == 6


@claim(r"Seven figures that the literature on shadow paging left")
def seven_figures():
    assert len(FIGURES) == 7


@claim(r"For each it is told what was calibrated and what is predicted")
def figures_tell():
    for figure in FIGURES.values():
        assert all(getattr(figure, line).strip() for line in ("CALIBRATED", "PREDICTED", "TRUST", "MISSES"))


# --- the machine -------------------------------------------------------------------------------------------------


@claim(r"three slots, thirteen buckets of fixups and a prefetch of (\d+) entries")
def what_xen_chose(distance):
    axes = preset("oos-snapshot")
    assert (axes.oos_slots, axes.fixup_buckets, axes.prefetch_distance) == (3, 13, distance)


@claim(r"Five recorded programs, three machines each")
def the_main_job():
    from oosbench.machine import PRESETS_TO_COMPARE

    assert (len(STUDIED), len(PRESETS_TO_COMPARE)) == (5, 3)
    assert set(PRESETS_TO_COMPARE) <= set(PRESETS)


@claim(r"later commits mended most of them", r"The model has them, each behind a switch")
def most_defects_were_mended():
    table = defects.table()
    assert (table.commit != "").mean() > 0.5
    assert (table["with"] != table["without"]).all()


@claim(
    r"Three of their programs run twice, with one setting changed: huge pages, isolation of page tables, a second vCPU"
)
def three_pairs():
    pairs = {"lists": "lists-small", "inserts": "inserts-pti", "pipeline": "pipeline-smp"}
    assert set(pairs) | set(pairs.values()) <= set(recordings.bundled().index)
    assert (open_trace("pipeline").vcpus, open_trace("pipeline-smp").vcpus) == (1, 2)


@claim(r"`emulate` traps every write to a page table", r"`emulate` traps every write,")
def emulation_traps():
    emulated = of("emulate")
    assert (emulated.shadow_resync == 0).all()
    assert (emulated.shadow_unsync == 0).all()
