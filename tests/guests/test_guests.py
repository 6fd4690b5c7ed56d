"""Generated guests: legal on every preset, the same for the same seed, refused where they make no sense."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from oosbench import Machine, Trace
from oosbench.errors import GuestError
from oosbench.guests import FAMILIES, FITTED, OPTIONS, Kernel, Region, Workload, generate
from oosbench.guests.families import turns
from oosbench.presets import IDEAS, PRESETS
from oosbench.studies import watch
from oosbench.traces.events import CR3, INVLPG, WRITE, WRITEHL

from ..random_guests import unexplained
from ..tiers import some

SMALL = {"pages": 8192}
EVERYWHERE = [(name, levels) for name, family in FAMILIES.items() for levels in family.levels]


@pytest.mark.parametrize("vcpus", [1, 3])
@pytest.mark.parametrize(("name", "levels"), EVERYWHERE)
def test_every_family_in_every_mode_is_judged_and_audited(name, levels, vcpus, tally):
    trace = generate(name, 2500, levels=levels, vcpus=vcpus, seed=vcpus, **SMALL)
    watched = watch(trace, "oos-fixed", audits=True, stop_at_first=True)
    assert (watched.findings, watched.violations, watched.crash) == ([], [], None)
    tally["families x modes x vCPUs under audits and oracle"] += 1


@pytest.mark.parametrize("preset", some([*PRESETS, *IDEAS], {"emulate", "oos-snapshot"}))
@pytest.mark.parametrize(("name", "levels"), EVERYWHERE)
def test_every_family_meets_only_known_defects_on_every_preset(name, levels, preset, tally):
    found, met = unexplained(generate(name, 1000, levels=levels, seed=5, **SMALL), preset)
    assert found == []
    if met:
        tally[f"{' or '.join(met)} met by a family"] += 1


@pytest.mark.parametrize(("name", "levels"), EVERYWHERE)
def test_the_same_seed_gives_the_same_bytes_however_it_is_made(name, levels, tmp_path):
    trace = generate(name, 3000, levels=levels, vcpus=2, seed=1, **SMALL)
    assert (trace.events == generate(name, 3000, levels=levels, vcpus=2, seed=1, **SMALL).events).all()
    assert (trace.events != generate(name, 3000, levels=levels, vcpus=2, seed=2, **SMALL).events).any()
    pieces = Workload(name, levels, 2, 1, **SMALL)
    together = np.concatenate([*pieces.run(1000), *pieces.run(2000)])
    for column in ("op", "vcpu", "address", "value", "access", "width", "spelled"):
        assert (together[column] == trace.events[column]).all()
    for suffix in (".trace", ".trace.gz", ".npz"):
        path = tmp_path / f"guest{suffix}"
        Workload(name, levels, 2, 1, **SMALL).write(path, 3000)
        read = Trace.read(path)
        assert (read.events == trace.events).all()
        assert read.to_text() == trace.to_text()
        assert Machine(read).run().counters.equals(Machine(trace).run().counters)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_ends_of_every_range_work(name):
    family = FAMILIES[name]
    for parameter in family.parameters:
        for value in parameter.choices or (parameter.low, parameter.high):
            if name == "mix":
                value = max(value, 1)
            trace = generate(name, 4000, **{parameter.name: value})
            assert len(trace.events) == 4000


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_out_of_range_is_refused_with_the_range(name):
    for parameter in (*FAMILIES[name].parameters, *OPTIONS):
        for value in ("much", parameter.low - 1, parameter.high + 1, float("nan")):
            with pytest.raises(GuestError, match=f"{name}: {parameter.name} is .*, must be "):
                generate(name, 10, **{parameter.name: value})
        if isinstance(parameter.low, int) and not parameter.choices:
            with pytest.raises(GuestError, match=f"{parameter.name} is 1.5, must be a whole number"):
                generate(name, 10, **{parameter.name: 1.5})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "nothing"}, "no workload family 'nothing'; there are demand_paging, fork_exec"),
        ({"name": "windows", "levels": 4}, "windows: levels is 4; it exists for levels 2 and 3"),
        ({"name": "mix", "levels": 5}, "mix: levels is 5; it exists for levels 2 and 3 and 4"),
        ({"name": "mix", "vcpus": 65}, "vcpus is 65, must be from 1 to 64"),
        ({"name": "mix", "heap": 9}, "mix has no parameter 'heap'; it has demand_paging"),
        ({"name": "mix", "events": 0}, "events is 0, must be at least 1"),
        ({"name": "mix", "pages": 5000}, "pages is 5,000, must be a multiple of 1,024"),
        ({"name": "mix", "levels": 2, "isolation": 1}, "isolation needs levels 3 or 4, not 2"),
        ({"name": "mix", "lowmem": 2048}, "lowmem is for levels 2 and 3"),
        ({"name": "mix", "levels": 2, "lowmem": 5}, "lowmem is 5, must be 0 or at least 1,024"),
        ({"name": "mix", **{name: 0 for name in FAMILIES if name != "mix"}}, "mix: has 0 programs, must have 1 to 64"),
        ({"name": "fork_exec", "pages": 2048, "text": 4096}, "used up its 2,048 pages of memory"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(given, told):
    with pytest.raises(GuestError, match=told):
        generate(**given)


def test_the_numbers_of_families_are_those_of_their_turns():
    source = Path(turns.__file__).read_text()
    for what in ("start", "turn"):
        called = re.findall(rf"family == (\d+):\n +(\w+)\.{what}\(", source)
        assert [(int(number), name) for number, name in called] == list(enumerate(list(FAMILIES)[:-1]))
    assert list(FAMILIES)[-1] == "mix"


def test_placement_decides_which_slot_tables_want():
    def slots(**options: object) -> set[int]:
        stores = generate("mmap_churn", 20_000, seed=3, **options).summary()
        return set((stores.tables.frame[stores.tables.born > 100] % 3).tolist())

    assert slots(placement="modulo") == {0}
    assert slots(placement="random") == slots() == {0, 1, 2}


def test_a_large_trace_is_made_in_pieces():
    # 100 MB is the limit beyond the guest's own memory, which is 128 MB of address space and mostly never touched.
    code = (
        "import resource; from oosbench.guests import Workload\n"
        "w = Workload('demand_paging')\n"
        "next(w.run(1000)); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "w.write('/dev/null', 1_500_000)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 250_000  # kB; 1.5 million events as they are in memory would be more


# --- a kernel of one's own -------------------------------------------------------------------------------------------


def everything(kernel: Kernel) -> None:
    """Let a kernel do all that it can."""
    parent = kernel.spawn()
    heap, text = kernel.map(parent, 120), kernel.map(parent, 40, kernel.file(40), writable=False)
    data = kernel.map(parent, 40, kernel.file(40))
    kernel.run(parent)
    assert kernel.touch(text, range(0, 40, 5), "x") == 8
    assert kernel.touch(text, 3, "w") == 0  # it is not writable
    assert kernel.touch(data, range(0, 40, 3)) + kernel.touch(data, range(0, 40, 4), "w") == 24
    assert kernel.touch(heap, range(20)) + kernel.touch(heap, range(120), "w") == 140
    child = kernel.fork(parent)
    kernel.run(child, kernel.vcpus - 1)
    assert kernel.touch(Region(child, heap.number, 120), range(0, 120, 9), "w", kernel.vcpus - 1) == 14
    kernel.run(parent)
    assert kernel.touch(heap, range(0, 120, 10), "w") == 12
    kernel.protect(heap, 0, 60)
    assert kernel.touch(heap, range(0, 120, 10), "w") == 12
    kernel.protect(heap, 0, 60, writable=True)
    assert kernel.age(heap, 0, 50) == 0
    assert kernel.touch(heap, 7) == 1
    assert kernel.age(heap, 0, 50) == 49
    kernel.trim(heap, 50, 30)
    assert kernel.touch(heap, range(0, 120, 2)) == 60
    kernel.vmalloc(30)
    kernel.discard(heap, 0, 100)
    kernel.populate(heap, 0, 50)
    kernel.migrate(heap, 5, 10)
    kernel.unmap(data)
    kernel.end(child)
    again = kernel.map(kernel.execute(), 30)
    assert kernel.touch(again, range(30), "w") == 30
    kernel.vmalloc(4090)


OPTION_SETS = [
    *({"direct_map": "small"}, {"self_map": 1}, {"isolation": 1}, {"lowmem": 1024}, {"flush_ceiling": 0}),
    *({"placement": "random"}, {"placement": "modulo"}, {"isolation": 1, "self_map": 1, "placement": "random"}),
]


@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("options", OPTION_SETS, ids=lambda options: "-".join(options))
def test_a_kernel_is_legal_and_foresees_its_faults(options, levels):
    if ("isolation" in options and levels == 2) or ("lowmem" in options and levels == 4):
        with pytest.raises(GuestError, match="levels"):
            Kernel(levels, **options)
        return
    for vcpus in (1, 2):
        kernel = Kernel(levels, vcpus, pages=8192, **options)
        everything(kernel)
        trace = kernel.trace("everything")
        watched = watch(trace, "oos-fixed", audits=False)
        assert (watched.findings, watched.crash) == ([], None)
        assert watched.result.counters.fault_guest == kernel.guest.state[0].faults > 200


def test_a_kernel_reaches_page_tables_in_its_own_way():
    def ops(**options: object) -> Trace:
        kernel = Kernel(3, pages=8192, **options)
        everything(kernel)
        return kernel.trace()

    direct, windowed, mapped = ops(), ops(lowmem=1024, placement="random"), ops(self_map=1)

    def places(trace: Trace) -> np.ndarray:
        stores = trace.events[np.isin(trace.events.op, (WRITE, WRITEHL))]
        return np.unique(stores.address >> 24 << 24)

    assert 0xFE000000 in places(mapped)
    assert 0xFF000000 in places(windowed)
    assert (places(direct) < 0xF0000000).all()
    assert windowed.counts()["INVLPG"] > 2 * direct.counts()["INVLPG"]


def test_isolation_loads_cr3_at_each_door():
    def loads(**options: object) -> int:
        kernel = Kernel(pages=8192, **options)
        process = kernel.spawn()
        heap = kernel.map(process, 50)
        kernel.run(process)
        kernel.touch(heap, range(50), "w")
        return kernel.trace().counts()["CR3"]

    assert loads(isolation=1) >= loads() + 100


def test_a_shootdown_reaches_the_vcpus_that_run_the_process():
    kernel = Kernel(vcpus=3, pages=8192)
    process = kernel.spawn()
    heap = kernel.map(process, 100)
    for vcpu in (0, 2):
        kernel.run(process, vcpu)
    kernel.touch(heap, range(100), "w")
    before = len(kernel.trace().events)
    kernel.discard(heap, 10, 5)
    kernel.discard(heap, 20, 50)
    events = kernel.trace().events[before:]
    assert np.bincount(events.vcpu[events.op == INVLPG], minlength=3).tolist() == [5, 0, 5]
    assert np.bincount(events.vcpu[events.op == CR3], minlength=3).tolist() == [1, 0, 1]


def test_what_a_kernel_cannot_do_is_refused():
    kernel = Kernel(pages=2048)
    process = kernel.spawn()
    heap = kernel.map(process, 100)
    for wrong, told in (
        (lambda: kernel.touch(heap, 0), "vCPU 0 does not run process 0"),
        (lambda: kernel.run(17), "there is no process 17"),
        (lambda: kernel.run(process, 1), "vcpu is 1, must be from 0 to 0"),
        (lambda: kernel.execute(-1), "vcpu is -1, must be from 0 to 0"),
        (lambda: kernel.touch(heap, 0, vcpu=5), "vcpu is 5, must be from 0 to 0"),
        (lambda: kernel.touch(heap, 0, around=0), "around is 0, must be at least 1"),
        (lambda: kernel.map(process, 5, file=0), "file is 0, must be what file\\(\\) gave for at least 5 pages"),
        (lambda: kernel.file(0), "pages is 0, must be at least 1"),
        (lambda: kernel.vmalloc(5000), "pages is 5000, must be from 1 to 4,096"),
        (lambda: kernel.map(process, 10_000), "pages is 10000, must be from 1 to 8,192"),
        (lambda: kernel.discard(heap, 90, 20), "pages 90 to 110 are not all in"),
        (lambda: kernel.touch(heap, 0, "rw"), "access is 'rw', must be one of r, w, x"),
        (lambda: kernel.populate(kernel.map(process, 8000), 0, 8000), "used up its 2,048 pages"),
        (lambda: [kernel.map(process, 1) for _ in range(50)], "a process has more than 24 regions"),
        (lambda: [kernel.spawn() for _ in range(70)], "used up its 2,048 pages|more than 64 processes"),
    ):
        with pytest.raises(GuestError, match=told):
            wrong()
    kernel.unmap(heap)
    with pytest.raises(GuestError, match="is not mapped"):
        kernel.unmap(heap)


def test_a_fitted_guest_is_there_for_each_recording():
    for name in FITTED:
        workload = Workload.like(name)
        assert workload.parameters.items() >= FITTED[name].parameters.items()
    with pytest.raises(GuestError, match="no workload was fitted to 'word'; there are forkexec, gcc"):
        Workload.like("word")


def test_text_that_is_streamed_is_whole_or_not_there(tmp_path):
    path = tmp_path / "guest.trace.gz"
    workload = Workload("demand_paging", pages=2048, heap=8000, file=16, ends=0, frees=0)
    with pytest.raises(GuestError, match="used up its 2,048 pages"):
        workload.write(path, 100_000)
    assert list(tmp_path.iterdir()) == []
    Workload("ping_pong", **SMALL).write(path, 500)
    assert gzip.decompress(path.read_bytes()).count(b"\n") == 501
