"""Guests small enough to read, and what the oracle says of what they did."""

from __future__ import annotations

import numpy as np
import pytest

from oosbench import Machine, Trace
from oosbench.oracle import Finding, Oracle
from oosbench.shadow.replay import OUTCOMES

# In each mode: the L1 in frame 4 maps 0x0 to frame 5, writable. Frame 5 is the L1 of the region that X is the
# start of: four user pages 8, 9, a and b, the last one read-only. Frame 6 is an empty page.
X = {2: 0x400000, 3: 0x200000, 4: 0x200000}
GUESTS = {
    2: """\
MODE 2 {vcpus} 64 256
POKE 0x1000 0x4067
POKE 0x1004 0x5067
POKE 0x1008 0x0
POKE 0x4000 0x5063
POKE 0x4004 0x1063
POKE 0x4008 0x8063
POKE 0x5000 0x8067
POKE 0x5004 0x9067
POKE 0x5008 0xa067
POKE 0x500c 0xb025
""",
    3: """\
MODE 3 {vcpus} 64 256
POKE 0x1020 0x3001
POKE 0x3000 0x4067
POKE 0x3008 0x5067
POKE 0x4000 0x5063
POKE 0x4008 0x3063
POKE 0x4010 0x1063
POKE 0x5000 0x8067
POKE 0x5008 0x9067
POKE 0x5010 0x800000000000a067
POKE 0x5018 0xb025
""",
    4: """\
MODE 4 {vcpus} 64 256
POKE 0x1000 0x2067
POKE 0x2000 0x30e7
POKE 0x3000 0x4067
POKE 0x3008 0x5067
POKE 0x4000 0x5063
POKE 0x4008 0x3063
POKE 0x4010 0x2063
POKE 0x5000 0x8067
POKE 0x5008 0x9067
POKE 0x5010 0x800000000000a067
POKE 0x5018 0xb025
""",
}
ROOT = {2: 0x1000, 3: 0x1020, 4: 0x1000}


def guest(levels: int, events: str, vcpus: int = 1) -> str:
    """Return a trace: the guest, a first CR3 for each vCPU, and events; X is spelled as the letter."""
    on = "".join(f"CR3 {v} {ROOT[levels]:#x}\n" for v in range(vcpus))
    events = events.replace("ROOT", hex(ROOT[levels]))
    for i in range(5):
        events = events.replace(f"X{i}", hex(X[levels] + 0x1000 * i))
    return GUESTS[levels].format(vcpus=vcpus) + on + events


def judged(text: str, doctored: str = "", memory: dict[int, int] | None = None, preset: str = "full") -> list[Finding]:
    """Return what is found in the last event and in memory then; there must be nothing before.

    Its outcome is replaced by `doctored`, and the words in `memory` (by byte address) are what it leaves behind.
    """
    trace = Trace.from_text(text)
    machine, oracle = Machine(trace, preset), Oracle(trace)
    done = 0
    while machine.row < len(trace.events):
        machine.step()
        for row in range(done, machine.row):
            outcome = machine.outcomes[row]
            told = (OUTCOMES[outcome.outcome], int(outcome.place), int(outcome.value))
            if row == len(trace.events) - 1:
                for address, word in (memory or {}).items():
                    machine.domain.memory[address >> 12, (address & 4095) >> 3] = np.uint64(word).astype(np.int64)
                if doctored:
                    name, *numbers = doctored.split()
                    told = (name, *(int(number, 16) for number in (*numbers, "0", "0")[:2]))
                return oracle.observe(row, *told, machine.domain.memory) + oracle.finish(machine.domain.memory)
            assert oracle.observe(row, *told, machine.domain.memory) == []
        done = machine.row
    raise AssertionError("no event at the end")


def kinds(text: str, doctored: str = "", memory: dict[int, int] | None = None, preset: str = "full") -> list[str]:
    """Return the kinds of what `judged` finds; "end" is what shows only when all of memory is compared."""
    return ["end" if found.va is None else found.kind for found in judged(text, doctored, memory, preset)]


LEVELS = pytest.mark.parametrize("levels", [2, 3, 4])
READ = "ACCESS 0 X0 r u\n"
REMAP = f"{READ}WRITE 0 0x0 0xc067\n"
