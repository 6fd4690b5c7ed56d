"""The axes a sweep may have: those of every machine, and those of generated guests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sized
from contextlib import suppress

from ..errors import DesignError
from ..guests import OPTIONS
from ..guests import family as find_family
from ..presets import CHOICES, DEFAULT, axes, preset

MACHINE = tuple(axes(preset(DEFAULT)))  # of every machine, by name
MODE = ("levels", "vcpus", "events")  # of every generated guest, beside its parameters


def axes_of(workloads: Iterable[str | Mapping[str, object]]) -> list[str]:
    """Return the axes a sweep of these workloads may have: those of every machine, then those of its guests."""
    return list(dict.fromkeys([*MACHINE, *(axis for workload in workloads for axis in named(workload)[1])]))


def axis_values(axis: str, text: str) -> tuple[object, ...]:
    """Return the values of an axis from text with commas between, as people type them.

    Raises
    ------
    DesignError
        If there is none.

    Examples
    --------
    >>> axis_values("oos_slots", "2, 3, 8"), axis_values("prefetch", "on, off")
    ((2, 3, 8), (True, False))
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise DesignError(f"{axis} has no values, must be some with commas between: 2, 3, 4, 8")
    return tuple(word if axis in CHOICES else _value(word) for word in words)


def _value(word: str) -> object:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(word)
    return {"on": True, "true": True, "off": False, "false": False}.get(word.lower(), word)


def named(workload: str | Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
    """Return what tables call a workload, and the axes that it has."""
    if isinstance(workload, str):
        return workload, ()
    if "source" in workload:
        direct_map = workload.get("direct_map", "recorded")
        return str(workload["source"]) + (f" ({direct_map} direct map)" if direct_map != "recorded" else ""), ()
    family = find_family(str(workload["family"]))
    own = (*MODE, *(p.name for p in (*OPTIONS, *family.parameters)))
    told = [f"{name}={value}" for name, value in workload.items() if name != "family"]
    return " ".join([family.name, *told]), own


def points_of(workload: str | Mapping[str, object], axes: Mapping[str, Sized], seeds: Sized, sampled: int) -> int:
    """Return how many points a workload has on one machine; `sampled` is how many are drawn, 0 for a grid."""
    _, own = named(workload)
    drawn = sampled or math.prod(len(values) for axis, values in axes.items() if axis in MACHINE or axis in own)
    return drawn * (len(seeds) if own else 1)
