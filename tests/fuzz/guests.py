"""Random guests on random machines: every axis, every op, and what the tables never meant."""

from __future__ import annotations

import random

from oosbench import Crash, Machine, PresetError, Trace, TraceError, preset
from oosbench.presets import CHOICES, IDEAS, PRESETS, RANGES, SWITCHES, Preset
from oosbench.x86 import NX, PSE, G

from ..random_guests.guest import DATA, INDICES, L1S, L2S, L3S, NO_RAM, ROOTS, TABLES, Guest

_BITS = (0x67, 0x67, 0x67, 0x65, 0x63, 0x27, 0x47, 0x07, 0x25, 0x00, 0x66)


def some_preset(draw: random.Random) -> Preset:
    """Return a configuration with some axes set at random; what cannot be together is drawn again."""
    while True:
        of = preset(draw.choice([*PRESETS, *IDEAS]))
        changes: dict[str, object] = {}
        for _ in range(draw.randint(0, 6)):
            axis = draw.choice([*CHOICES, *RANGES, *SWITCHES, "policy"])
            if axis in CHOICES:
                changes[axis] = draw.choice(CHOICES[axis])
            elif axis in RANGES:
                least, most = RANGES[axis]
                changes[axis] = draw.choice((least, 2, 3, most, draw.randint(least, most)))
            elif axis == "policy":
                changes[axis] = draw.choice(("never", "always", "threshold(2)", "threshold(5)"))
            else:
                changes[axis] = draw.random() < 0.5
        try:
            return of.replace(**changes)
        except PresetError:
            continue


def _entry(draw: random.Random, upper: bool) -> int:
    if upper:
        bits = draw.choice(_BITS) | draw.choice((0, 0, 0, PSE))
        return draw.choice((0, draw.choice((*L1S, *L1S, *L2S)) << 12 | bits))
    target = draw.choice((*DATA, *DATA, *L1S, NO_RAM, 0))
    return target << 12 | draw.choice(_BITS) | draw.choice((0, 0, 0, NX, G)) if target else draw.choice((0, 0xE00))


def _step(draw: random.Random, levels: int) -> tuple:
    v, table, index = draw.randrange(4), draw.randrange(4), draw.choice(INDICES)
    kind = draw.choice(("access",) * 4 + ("edit",) * 4 + ("store",) * 5 + ("cr3", "cr3", "invlpg", "rare"))
    if kind == "access":
        return kind, v, table, index, draw.choice((0, 8, 1)), draw.choice("rrwwx"), draw.random() < 0.5
    if kind == "edit":
        return kind, v, table, index, _entry(draw, False)
    if kind == "store":
        how = draw.choice(("whole", "whole", "halves", 4, 1))
        if draw.random() < 0.2:
            frames = {2: ROOTS[:2], 3: L2S, 4: (*L2S, *L3S)}[levels]
            return (
                kind,
                v,
                draw.choice(("large", "small")),
                draw.choice(frames),
                draw.randrange(3),
                _entry(draw, True),
                "whole",
            )
        window = draw.choice(("large", "small", "small", "self", "user"))
        return kind, v, window, draw.choice(L1S), index, _entry(draw, False), how
    if kind == "cr3":
        return kind, v, draw.randrange(4)
    if kind == "invlpg":
        return kind, v, table, index
    return draw.choice(
        (
            ("sweep", v, index, _entry(draw, False)),
            ("promote", v, table, draw.randrange(4)),
            ("clear", v, draw.choice(TABLES)),
            ("switch", v, draw.choice(("WP", "NX", "PSE")), draw.randrange(2)),
            ("blow", v),
        )
    )


def some_guest(draw: random.Random) -> str:
    """Return the text of a guest."""
    levels, vcpus = draw.choice((2, 3, 4)), draw.randint(1, 3)
    guest = Guest(
        levels=levels,
        vcpus=vcpus,
        spaces=draw.randint(2, 4),
        careful=draw.random() < 0.2,
        late=frozenset() if draw.random() < 0.8 else frozenset({vcpus - 1}),
        base=draw.choice((0, 320)) if levels == 2 else 0,
        steps=[_step(draw, levels) for _ in range(draw.randint(5, 80))],
    )
    lines = guest.text().splitlines()
    for _ in range(draw.choice((0, 0, 0, 1, 4))):  # what no kernel would do
        frame, at = draw.randrange(64), draw.randrange(0, 4096, 8)
        odd = draw.choice(
            (
                f"POKE {frame << 12 | at:#x} {draw.getrandbits(64 if levels > 2 else 32):#x}",
                f"P2M {frame} {draw.choice(('ram', 'ro', 'mmio'))}",
                f"WRITE 0 {draw.getrandbits(31) & ~7:#x} {draw.getrandbits(32):#x}",
                f"ACCESS 0 {draw.getrandbits(31):#x} {draw.choice('rwx')} {draw.choice('us')}",
                "AUDIT",
            )
        )
        lines.insert(draw.randint(1, len(lines)), odd)
    return "\n".join(lines) + "\n"


def replay(draw: random.Random) -> str:
    """Replay a guest on a machine, in pieces, and once more at once: both give the same."""
    try:
        trace = Trace.from_text(some_guest(draw))
    except TraceError:
        return "refused"
    of = some_preset(draw)
    machine = Machine(trace, of)
    try:
        while machine.row < len(trace.events):
            machine.advance(machine.row + draw.choice((1, 7, 50, 10**9)))
            if draw.random() < 0.1:
                machine.restore(machine.checkpoint())
            if draw.random() < 0.1:
                machine.audit()
            if draw.random() < 0.1:
                list(machine.dump())
    except Crash:
        return "ended by a crash of the guest"
    again = Machine(trace, of).run()
    assert again.counters.equals(machine.result().counters), "other counters"
    assert (again.outcomes == machine.result().outcomes).all(), "other outcomes"
    return "right"
