"""Names that tell things apart: another guest, machine or run has another name, and the same thing has one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import TypeVar

from ..presets import Preset, axes
from ..traces import Trace
from .result import Result

Named = TypeVar("Named", Trace, Preset)


class Names:
    """Names that have been given, each to one thing."""

    def __init__(self) -> None:
        self._given: dict[str, Hashable] = {}

    def of(self, name: str, what: Hashable) -> str:
        """Return `name`, or if another thing has that, the first that none has of ``"NAME (2)"``, ``"NAME (3)"``…"""
        return next(label for label in _numbered(name) if self._given.setdefault(label, what) == what)

    def of_trace(self, trace: Trace) -> Trace:
        """Return a trace by a name that no other guest has."""
        return _renamed(trace, self.of(trace.name, trace.digest))

    def of_preset(self, preset: Preset) -> Preset:
        """Return a preset by a name that no other configuration has."""
        return _renamed(preset, self.of(preset.name, tuple(axes(preset).values())))


def _renamed(named: Named, name: str) -> Named:
    return named if named.name == name else replace(named, name=name)


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} ({i})" for i in count(2))


def told_apart(results: Iterable[Result]) -> list[Result]:
    """Return results by names that tell them apart, each result once.

    Where a guest or a machine has the name of another, or the same pair has run to another end, the name is numbered.
    """
    guests, machines = Names(), Names()
    told: dict[tuple[str, str], Result] = {}
    for result in results:
        machine = machines.of_preset(result.preset)
        for label in _numbered(result.trace.name):
            if guests.of(label, result.trace.digest) != label:
                continue  # another guest's
            named = replace(result, trace=_renamed(result.trace, label), preset=machine)
            if told.setdefault((label, machine.name), named).counters.equals(result.counters):
                break
    return list(told.values())
