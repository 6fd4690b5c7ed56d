"""A reader's own rule for when a table goes out of sync."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import oosbench
from oosbench import Machine, Policy, PresetError, open_trace, preset, run_each


def own(function):
    return preset("oos-snapshot").replace(policy=Policy(function), name="own")


def at_once(gmfn, va, vcpu, event, writes, passes, held):
    return True


def not_ever(gmfn, va, vcpu, event, writes, passes, held):
    return 0


def third_write(gmfn, va, vcpu, event, writes, passes, held):
    return writes == 3


def known_and_room(gmfn, va, vcpu, event, writes, passes, held):
    return (passes > 0 and held < 3) or writes >= 2


def run(name, on):
    return Machine(open_trace(name), on, keep_outcomes=False).run()


@pytest.mark.parametrize(
    ("function", "policy"), [(at_once, "always"), (not_ever, "never"), (third_write, "threshold(3)")]
)
def test_a_rule_that_says_the_same_does_the_same(function, policy):
    mine, theirs = run("sqlite", own(function)), run("sqlite", preset("oos-snapshot").replace(policy=policy))
    assert mine.counters.shadow_unsync == theirs.counters.shadow_unsync
    # How often it was tried is counted otherwise: Xen tries with tables that are out of sync already.
    assert mine.counters.drop("unsync_calls").to_dict() == theirs.counters.drop("unsync_calls").to_dict()


def test_a_rule_is_asked_with_what_it_says():
    # Of each table out of sync one write fault came first; with `writes >= 2` at least one was emulated.
    result = run("gcc", own(known_and_room))
    counters = result.counters
    assert 0 < counters.shadow_unsync < run("gcc", "oos-snapshot").counters.shadow_unsync
    assert counters.shadow_unsync_evict < run("gcc", "oos-snapshot").counters.shadow_unsync_evict
    assert counters.emul_writes > 0

    @Policy
    def nothing_held(gmfn, va, vcpu, event, writes, passes, held):
        return held == 0

    lonely = run("gcc", preset("oos-snapshot").replace(policy=nothing_held))
    assert lonely.counters.shadow_unsync > 0
    assert lonely.counters.shadow_unsync_evict == 0, "there is never a second table"

    @Policy
    def late(gmfn, va, vcpu, event, writes, passes, held):
        return event >= 50_000 and vcpu == 0 and gmfn > 0 and va != 0

    assert run("gcc", preset("oos-snapshot").replace(policy=late)).resyncs.line.min() > 50_000


def test_what_a_guest_sees_is_right_under_any_rule():
    trace = oosbench.guests.generate("mix", 20_000, seed=5, vcpus=2)
    for function in (third_write, known_and_room):
        assert oosbench.watch(trace, own(function)).findings == []


def test_a_preset_with_a_rule_goes_wherever_presets_go():
    names = [result.preset.name for result in run_each(["sqlite"], ["oos-snapshot", own(third_write)])]
    assert names == ["oos-snapshot", "own"]
    assert preset("oos-snapshot").replace(policy=Policy(third_write)).name == "oos-snapshot+policy=third_write"


def test_a_rule_that_cannot_be_is_refused():
    with pytest.raises(PresetError, match=r"policy few: takes 2 arguments, must take gmfn, va, vcpu, event, writes"):

        @Policy
        def few(gmfn, va):
            return True

    with pytest.raises(PresetError, match=r"policy odd: cannot be compiled: .*unheard_of"):

        @Policy
        def odd(gmfn, va, vcpu, event, writes, passes, held):
            return unheard_of(gmfn)  # noqa: F821

    with pytest.raises(PresetError, match="or a Policy"):
        preset("oos-snapshot").replace(policy=third_write)
    with pytest.raises(PresetError, match="must be never where no table may go out of sync"):
        preset("emulate").replace(policy=Policy(at_once))


def test_uncompiled_a_rule_says_the_same():
    code = """
from oosbench import Machine, Policy, Trace, preset
from tests.small_guests import GUEST, OUT_OF_SYNC
from tests.presets.test_policy import third_write, known_and_room
writes = "".join(f"WRITE 0 {8 * i:#x} 0x0\\nWRITE 0 {8 * i:#x} {0xd067 + 4096 * i:#x}\\n" for i in range(4))
text = GUEST + "ACCESS 0 0x200000 r u\\n" + writes + "CR3 0 0x1000\\n"
for function in (third_write, known_and_room):
    result = Machine(Trace.from_text(text), preset("oos-snapshot").replace(policy=Policy(function))).run()
    print(result.counters.to_dict())
"""
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"NUMBA_DISABLE_JIT": off},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for off in "01"
    ]
    assert told[0] == told[1]
    assert "'shadow_unsync': 0" not in told[0]
