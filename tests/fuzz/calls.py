"""Public calls with what nobody would hand to them. Any exception is an answer; the end of the process is none."""

from __future__ import annotations

import inspect
import random
from dataclasses import replace

import numpy as np

from oosbench import Design, Machine, Trace, recordings, splice, watch
from oosbench.errors import BadInput
from oosbench.guests import FAMILIES, Kernel, Workload
from oosbench.stepping import TimeMachine
from oosbench.studies import first_difference
from oosbench.traces.events import EVENT

from .guests import some_guest, some_preset

_NUMBERS = (0, 1, 2, 3, 7, 64, 255, 256, 4096, 10**7, 2**31, 2**62, -1, -(10**6), 2**63, 2**64, 1.5, None, "3", True)


def _some(draw: random.Random):
    return draw.choice(_NUMBERS)


def _trace(draw: random.Random) -> Trace:
    while True:
        try:
            return Trace.from_text(some_guest(draw))
        except BadInput:
            continue


def _machine(draw: random.Random) -> None:
    machine = Machine(
        _trace(draw), some_preset(draw), keep_outcomes=draw.random() < 0.7, keep_resyncs=draw.random() < 0.7
    )
    other = Machine(_trace(draw), some_preset(draw))
    for _ in range(6):
        calls = (
            lambda: machine.advance(_some(draw)),
            lambda: machine.run(stop=_some(draw)),
            lambda: machine.run_audited(_some(draw)),
            lambda: machine.step(),
            lambda: setattr(machine, "row", _some(draw)),
            lambda: machine.restore(draw.choice((machine, other)).checkpoint()),
            lambda: list(machine.deltas()),
            lambda: list(machine.dump()),
            lambda: machine.audit(),
            lambda: list(machine.result().outcome_lines(_some(draw), _some(draw))),
            lambda: len(machine.result().resyncs),
            lambda: machine.trace.events.__setitem__(slice(None), 0),
        )
        _try(draw.choice(calls))


def _raw_trace(draw: random.Random) -> None:
    numbers = np.random.default_rng(draw.randrange(2**32))
    events = np.frombuffer(numbers.bytes(EVENT.itemsize * 20), EVENT).copy()
    events["op"] %= 13
    trace = Trace(draw.choice((2, 3, 4, 9)), draw.choice((1, 64, 200)), draw.choice((1, 64, -5)), 0, events)
    for call in (trace.summary, trace.describe, trace.to_text, trace.counts, lambda: Machine(trace).run()):
        _try(call)


def _spoiled_recording(draw: random.Random) -> None:
    good = recordings.load("sqlite")
    rows = {name: column.copy() for name, column in good.rows.items()}
    touches = {name: column.copy() for name, column in good.touches.items()}
    for _ in range(draw.randint(1, 5)):
        held = draw.choice((rows, touches))
        name = draw.choice(list(held))
        column = held[name]
        most = np.iinfo(column.dtype).max if column.dtype.kind in "iu" else 1
        if draw.random() < 0.1:
            held[name] = column[: draw.randrange(len(column))]
        else:
            column[draw.randrange(len(column))] = draw.choice((0, 1, most, draw.randint(0, most)))
    spoiled = replace(good, rows=rows, touches=touches, ram_pages=draw.choice((2**18, 2**18, 1, 4096)))
    _try(lambda: Machine(spoiled.trace(draw.choice(recordings.DIRECT_MAPS))).run(stop=20_000))
    _try(lambda: recordings.check(spoiled))


def _time_machine(draw: random.Random) -> None:
    time = TimeMachine(_trace(draw), some_preset(draw))
    for _ in range(5):
        calls = (
            lambda: time.goto(_some(draw)),
            lambda: time.forward(_some(draw)),
            lambda: time.next(draw.choice(("fault", "unsync", "resync", "eviction", "nonsense"))),
            lambda: time.focus(),
            lambda: time.moment,
        )
        _try(draw.choice(calls))


def _splice(draw: random.Random) -> None:
    one, other = _trace(draw), _trace(draw)
    _try(lambda: splice.cut(one, _some(draw), _some(draw)))
    _try(lambda: Machine(splice.cut(one, 2, 20)).run())
    _try(lambda: Machine(splice.concatenate([one, other])).run())
    _try(lambda: Machine(splice.interleave([one, other], _some(draw), draw.choice((None, [1, 2], [0.5, 1])))).run())


def _workload(draw: random.Random) -> None:
    family = FAMILIES[draw.choice(list(FAMILIES))]
    parameters = {
        p.name: draw.choice((p.low, p.high, p.default, _some(draw))) for p in family.parameters if draw.random() < 0.3
    }
    mode = {
        "levels": draw.choice((None, 2, 3, 4, 5)),
        "vcpus": draw.choice((1, 2, 64, 0)),
        "seed": draw.choice((0, 7, -1)),
    }
    _try(lambda: Machine(Workload(family.name, **mode, **parameters).trace(draw.choice((1, 3000, 0, -1)))).run())


def _kernel(draw: random.Random) -> None:
    kernel = Kernel(draw.choice((2, 3, 4)), draw.choice((1, 2)))
    made: list[object] = []  # processes, files and regions
    methods = [name for name, _ in inspect.getmembers(kernel, callable) if not name.startswith("_")]
    for _ in range(25):
        method = getattr(kernel, draw.choice(methods))
        takes = len(inspect.signature(method).parameters)
        given = [draw.choice(made) if made and draw.random() < 0.5 else _some(draw) for _ in range(takes)]
        _try(lambda method=method, given=given: made.append(method(*given)))
    _try(lambda: Machine(kernel.trace()).run())


def _studies(draw: random.Random) -> None:
    trace = _trace(draw)
    _try(lambda: watch(trace, some_preset(draw), audits=True))
    _try(lambda: first_difference(trace, some_preset(draw), some_preset(draw)))
    _try(lambda: Design(workloads=["sqlite"], axes={"oos_slots": [_some(draw), _some(draw)]}, seeds=[_some(draw)]))


def _try(call) -> None:
    try:
        call()
    except (AssertionError, SystemError):
        raise
    except Exception:  # an answer
        pass


_CALLS = (_machine, _machine, _kernel, _raw_trace, _spoiled_recording, _time_machine, _splice, _workload, _studies)


def call(draw: random.Random) -> str:
    """Make some calls on one thing."""
    draw.choice(_CALLS)(draw)
    return "right"
