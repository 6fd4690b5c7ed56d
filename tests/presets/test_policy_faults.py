"""A reader's own rule that raises an error, or that never answers."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

import oosbench
from oosbench import Machine, Policy, PresetError, open_trace, preset

pytestmark = pytest.mark.xdist_group("timed")  # measures time, or ends processes


def run(function):
    mine = preset("oos-snapshot").replace(policy=Policy(function), name="own")
    return Machine(open_trace("sqlite"), mine, keep_outcomes=False).run()


def divides(gmfn, va, vcpu, event, writes, passes, held):
    return 1 // held > 0


def raises_late(gmfn, va, vcpu, event, writes, passes, held):
    if event > 1000:
        raise ValueError("enough")
    return True


def reaches_out(gmfn, va, vcpu, event, writes, passes, held):
    return (10, 20)[passes + 5] > 0


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (divides, "policy divides: raised ZeroDivisionError: integer division or modulo by zero"),
        (raises_late, "policy raises_late: raised ValueError: enough"),
        (reaches_out, "policy reaches_out: raised IndexError"),
    ],
)
def test_a_rule_that_raises_ends_the_run_with_its_error(function, told, capfd):
    with pytest.raises(PresetError, match=told):
        run(function)
    assert capfd.readouterr().err == ""


def test_a_rule_that_raises_fails_every_way_of_running():
    mine = preset("oos-snapshot").replace(policy=Policy(divides))
    trace = open_trace("sqlite")
    for use in (
        lambda: Machine(trace, mine).run_audited(stop=20_000),
        lambda: list(Machine(trace, mine).deltas()),
        lambda: oosbench.watch(trace, mine),
        lambda: oosbench.compare([trace], [mine]),
    ):
        with pytest.raises(PresetError, match="policy divides: raised ZeroDivisionError"):
            use()


def test_the_next_run_is_right():
    with pytest.raises(PresetError):
        run(divides)

    def at_once(gmfn, va, vcpu, event, writes, passes, held):
        return True

    always = preset("oos-snapshot").replace(policy="always")
    assert run(at_once).counters.shadow_unsync == Machine(open_trace("sqlite"), always).run().counters.shadow_unsync


def test_a_rule_that_never_answers_is_refused_when_it_is_made(monkeypatch):
    monkeypatch.setattr("oosbench.presets._policy.TIME_LIMIT", 0.5)
    began = time.monotonic()
    with pytest.raises(PresetError, match=r"policy endless: does not answer within 0\.5 seconds: does it end\?"):

        @Policy
        def endless(gmfn, va, vcpu, event, writes, passes, held):
            while writes >= 0:
                passes += 1
            return passes > 0

    assert time.monotonic() - began < 30  # most of it compiles


def test_uncompiled_a_rule_that_raises_ends_the_run_too():
    code = """
from oosbench import Machine, Policy, PresetError, Trace, preset
from tests.presets.test_policy_faults import divides
from tests.shadow.test_behaviour import GUEST
text = GUEST + "ACCESS 0 0x200000 r u\\nWRITE 0 0x0 0x0\\nWRITE 0 0x0 0xd067\\nCR3 0 0x1000\\n"
try:
    Machine(Trace.from_text(text), preset("oos-snapshot").replace(policy=Policy(divides))).run()
except PresetError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "policy divides: raised ZeroDivisionError: integer division or modulo by zero\n"
    assert done.stderr == ""
