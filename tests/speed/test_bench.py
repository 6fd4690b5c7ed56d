"""What is timed is what it says, and told as it was found. (How fast it is, `oosbench bench` says, and no test.)"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import oosbench
from oosbench import charts
from oosbench.costs.calibration import out_of_sync
from oosbench.shadow import counters as ctr
from oosbench.shadow import kernels
from oosbench.shadow.state import reserve
from oosbench.speed import GROWTHS, bench, growth, yardstick
from oosbench.speed.bench import ORIGINAL, bench_trace, original

from ..golden import FOLDER, counters, differences

pytestmark = pytest.mark.xdist_group("timed")  # measures time, or ends processes


def test_the_yardstick_is_the_one_defined():
    # The definition, with Python's own whole numbers.
    mask = 2**64 - 1

    def step(r):
        r ^= r << 13 & mask
        r ^= r >> 7
        return r ^ (r << 17 & mask)

    r, m = yardstick.SEED, []
    for _ in range(yardstick.TABLES * 512):
        r = step(r)
        m.append((r % 1024) << 12 | 7)
    tables = np.zeros(yardstick.TABLES * 512, np.uint64)
    state = yardstick.fill(tables, np.uint64(yardstick.SEED))
    assert int(state) == r
    assert tables.tolist() == m
    total = 0
    for _ in range(1000):
        r = step(r)
        table = 0
        for level in (3, 2, 1, 0):
            table = (m[table * 512 + (r >> 9 * level & 511)] >> 12) & 0xFFFFFFFF
        total += table
    assert int(yardstick.walks(tables, np.uint64(state), 1000)) == total


def test_the_library_is_called_and_the_engine_looks_at_the_same_pages():
    rng = np.random.default_rng(1)
    domain = oosbench.Machine(oosbench.Trace.from_text("MODE 4 1 64 512\n")).domain
    domain.memory[:10] = rng.integers(2**62, size=(10, 512))
    kernels.page_copies(domain, 0, 10, 256, 1)
    copies = domain.tables[256:266]
    assert (copies == domain.memory[:10]).all()
    assert yardstick.memcmp_pages(domain.memory[:10], copies, 3) == 0
    copies[7, 511] ^= 1
    assert yardstick.memcmp_pages(domain.memory[:10], copies, 3) == 3
    yardstick.memcpy_pages(domain.memory[:10], copies, 1)
    assert (copies == domain.memory[:10]).all()


def test_dirty_passes_find_what_was_made_dirty():
    domain, slot = out_of_sync("oos-snapshot", 511)
    before = domain.counters.copy()
    kernels.dirty_passes(domain, 0, slot, 7, 10)
    moved = domain.counters - before
    assert moved[ctr.resync_l1_calls] == 10
    assert moved[ctr.resync_dirty] == 70
    assert moved[ctr.set_l1e_changed] == 70
    assert moved[ctr.resync_compared] >= 5110


@pytest.mark.parametrize("name", ORIGINAL)
@pytest.mark.parametrize(("variant", "preset"), [("full", "oos-snapshot"), ("nosnap", "nosnap"), ("preoos", "preoos")])
def test_the_bench_traces_give_what_the_original_counted(name, variant, preset):
    expected = counters(FOLDER / "bench" / f"{name}.{variant}.counters.json")
    result = oosbench.Machine(bench_trace(name), preset, keep_outcomes=False).run()
    assert len(expected) > 60
    assert differences(result, expected) == {}


def test_a_report_tells_what_was_timed(tmp_path):
    path = tmp_path / "mine.trace"
    path.write_text("MODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\nACCESS 0 0x0 r u\n")
    steps = []
    found = bench(
        ["pages", "resync", "sqlite"], [str(path)], ["oos-snapshot"], progress=lambda *told: steps.append(told)
    )
    assert steps[-1][1] == steps[-1][2] - 1
    assert found.traces.trace.tolist() == ["sqlite", str(path)]
    assert found.traces.events.tolist() == [oosbench.Machine(oosbench.open_trace("sqlite")).run().counters.events, 2]
    assert (found.traces.ns_per_event > 0).all()
    told = json.loads(found.to_json())
    assert {"yardstick_walk_ns", "memcmp_ns", "memcpy_ns", "scan_ns", "copy_ns", "resync", "traces"} <= set(told)
    one = told["traces"]["sqlite"]["oos-snapshot"]
    # Pair by pair, so not quite what the best of all yardsticks would give.
    assert one["ns_per_event"] / one["walks_per_event"] >= 0.99 * told["yardstick_walk_ns"]
    assert one["spread"] >= 0
    assert found.resync.dirty.tolist()[0] == 0
    assert found.resync.ns.iloc[-1] > found.resync.ns.iloc[0]
    assert "sqlite · oos-snapshot" in charts.speed_text(found.traces)


def test_what_cannot_be_timed_is_refused():
    with pytest.raises(oosbench.BadInput, match="nothing to time is called 'gccc'; there are pages"):
        bench(["gccc"])
    with pytest.raises(oosbench.BadInput, match="no axis is called 'size'; there are events"):
        growth(["size"])
    with pytest.raises(oosbench.Cancelled):
        bench(["sqlite"], cancelled=lambda: True)


def test_the_original_has_a_source_for_each_figure():
    table = original()
    assert set(table.trace) == set(ORIGINAL)
    assert (table.original_walks > 0).all()


@pytest.mark.slow
def test_growth_is_measured_on_machines_that_grow():
    found = growth(["memory", "vcpus"])
    assert found.value.tolist() == [*GROWTHS["memory"], *GROWTHS["vcpus"]]
    assert (found.ns_per_event > 0).all()
    memory = found[found.axis == "memory"]
    # A TiB of guest takes what is touched of it: the records of its shadow pool, and what the trace writes.
    assert memory.resident_mb.max() < 500
    assert "guest memory, GiB: 1: " in charts.growth_text(found)
    assert charts.as_svg(charts.growth(found)).startswith(b"<?xml")


def test_more_than_the_host_has_can_be_reserved():
    array = reserve((2**28, 512), np.int64)
    assert array.nbytes == 2**40
    array[2**27, 5] = 7
    assert array[2**27].sum() == 7
    assert array.ctypes.data % 4096 == 0
    with pytest.raises(MemoryError, match="no room for"):
        reserve((2**45, 512), np.int64)


def test_the_frame_of_passes_may_be_left_out():
    trace = oosbench.open_trace("sqlite")
    kept = oosbench.Machine(trace).run()
    left = oosbench.Machine(trace, keep_resyncs=False).run()
    pd.testing.assert_series_equal(kept.counters, left.counters)
    assert len(kept.resyncs) == kept.counters.resync_l1_calls > 0 == len(left.resyncs)
