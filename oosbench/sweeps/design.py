"""`Design`: what a sweep goes through, as a small TOML file that can be kept and run again.

::

    kind = "grid"
    workloads = ["gcc", "my.trace.gz", { family = "fork_exec", vcpus = 2, events = 50000 }]
    presets = ["oos-snapshot", "oos-fixups"]
    seeds = [0, 1]

    [axes]
    oos_slots = [2, 3, 4, 8]
    heap = [100, 200]

A grid has every workload × preset × seed × value of each axis. ``kind = "sample"`` draws `samples` times from the axes
instead (``method = "latin"`` or ``"sobol"``, ``seed``); there an axis may be ``{ low = 2, high = 16 }``. An axis is one
of the machine (`oosbench.Preset`), or of generated guests: a parameter, ``levels``, ``vcpus`` or ``events``. What a
workload does not have, axes or seeds, does not multiply it.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from ..errors import BadInput, DesignError
from ..guests import family as find_family
from ..guests.generate import EVENTS
from ..output import whole_file
from ..plain import canonical, read_toml, toml, toml_key
from ..presets import DEFAULT, Preset
from ..presets import preset as find_preset
from .axes import MACHINE, MODE, axes_of, named, points_of
from .point import Point, generated_guest, recorded_guest
from .sampling import METHODS, grid, sample

KINDS = ("grid", "sample")
MOST = 100_000  # points, unless a design says that more are meant
_ENDS = ("low", "high")


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a sweep goes through.

    Parameters
    ----------
    workloads : sequence of str or dict
        A bundled recording or a trace file by name, ``{"source": name, "direct_map": "4k"}``, or
        ``{"family": name}`` with ``levels``, ``vcpus``, ``events`` and parameters of the family.
    presets : sequence of str
    axes : dict of str to sequence
        The values of each axis; in a sample also ``{"low": a, "high": b}``, whole numbers if both are.
    seeds : sequence of int
        Of generated guests.
    kind : {"grid", "sample"}
    samples : int
        How many to draw for each workload, preset and seed.
    method : {"latin", "sobol"}
        Latin hypercube or a scrambled Sobol sequence, which wants a power of two.
    seed : int
        Of the drawing.
    most : int
        How many points it may have. They are counted before any is made; what is meant to be large says so here.
    origin : Path, optional
        The file it is from: messages begin with it, and relative paths of traces begin in its folder.

    Raises
    ------
    DesignError
        If a key or axis does not exist, or a value fits nowhere. A value that fits only in some places is right: the
        points where it does not fail, each with its reason.
    """

    workloads: Sequence[str | Mapping[str, object]]
    presets: Sequence[str] = (DEFAULT,)
    axes: Mapping[str, object] = field(default_factory=dict)
    seeds: Sequence[int] = (0,)
    kind: str = "grid"
    samples: int = 16
    method: str = "latin"
    seed: int = 0
    most: int = field(default=MOST, compare=False)
    origin: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("workloads", "presets", "seeds"):
            values = _listed(getattr(self, name))
            if not values:
                self._refuse(name, getattr(self, name), "must be a list with something in it")
            object.__setattr__(self, name, values)
        self._whole("seeds", *self.seeds)
        self._whole("seed", self.seed)
        self._whole("samples", self.samples, least=1)
        self._whole("most", self.most, least=1)
        if self.kind not in KINDS:
            self._refuse("kind", self.kind, f"must be {' or '.join(KINDS)}")
        if self.method not in METHODS:
            self._refuse("method", self.method, f"must be {' or '.join(METHODS)}")
        if self.kind == "sample" and self.method == "sobol" and self.samples & (self.samples - 1):
            nearest = 1 << self.samples.bit_length()
            self._refuse("samples", self.samples, f"must be a power of two for sobol, {nearest} say")
        if not isinstance(self.axes, Mapping):
            self._refuse("axes", self.axes, "must be a table")
        object.__setattr__(self, "axes", {name: self._axis(name, values) for name, values in self.axes.items()})
        self._check()

    @classmethod
    def from_toml(cls, path: str | os.PathLike, most: int | None = None) -> Design:
        """Read a design; `most` is how many points it may have, if not what it says itself.

        Raises
        ------
        DesignError
            If the file is no TOML, or the design is wrong; the message names file, key and what would be right.
        OSError
            If it cannot be read.
        """
        told, path = read_toml(path, DesignError), Path(path)
        known = [f.name for f in fields(cls) if f.name != "origin"]
        for name in told:
            if name not in known:
                raise DesignError(f"{path}: there is no key {name!r}; there are {', '.join(known)}")
        if "workloads" not in told:
            raise DesignError(f"{path}: workloads is missing, must be a list of recordings, traces or families")
        if most is not None:
            told["most"] = most
        return cls(**told, origin=path)

    def to_toml(self) -> str:
        """Return the design as the text of a TOML file."""
        sampled = ("samples", "method", "seed") if self.kind == "sample" else ()
        sampled += ("most",) if self.most != MOST else ()
        lines = [
            f"{name} = {toml(getattr(self, name))}" for name in ("kind", "workloads", "presets", "seeds", *sampled)
        ]
        if self.axes:
            lines += ["", "[axes]", *(f"{toml_key(name)} = {toml(values)}" for name, values in self.axes.items())]
        return "\n".join(lines) + "\n"

    def write(self, path: str | os.PathLike) -> None:
        """Write the TOML file."""
        with whole_file(path) as file:
            file.write(self.to_toml().encode())

    def points(self) -> tuple[Point, ...]:
        """Return the points, always in the same order, those of one guest beside each other, each once."""
        return self._points

    def __len__(self) -> int:
        return len(self._points)

    # --- what is in it ---------------------------------------------------------------------------------------

    @cached_property
    def _points(self) -> tuple[Point, ...]:
        found: dict[str, Point] = {}
        for workload, seed in itertools.product(self.workloads, self.seeds):
            name, own = named(workload)
            guests: dict[str, tuple[dict[str, object], str]] = {}  # a file is read once, not once a point
            for chosen in self._rows:
                mine = {axis: value for axis, value in chosen.items() if axis in MACHINE or axis in own}
                for_guest = {axis: value for axis, value in mine.items() if axis in own}
                called = canonical(for_guest)
                if called not in guests:
                    guests[called] = self._guest(workload, seed, for_guest)
                guest, no_guest = guests[called]
                for preset in self.presets:
                    machine, no_machine = self._machine(preset, mine)
                    point = Point(name, find_preset(preset).name, mine, guest, machine, no_guest or no_machine)
                    found.setdefault(point.key, point)
        # Points of one guest stand together, so that a process makes its trace once.
        order = {guest: i for i, guest in enumerate(dict.fromkeys(id(point.guest) for point in found.values()))}
        return tuple(sorted(found.values(), key=lambda point: order[id(point.guest)]))

    @cached_property
    def _rows(self) -> list[dict[str, object]]:
        """What is chosen of the axes, by point of the grid or by sample."""
        return grid(self.axes) if self.kind == "grid" else sample(self.axes, self.samples, self.method, self.seed)

    def _guest(self, workload: str | Mapping, seed: int, chosen: Mapping[str, object]) -> tuple[dict, str]:
        """Return the guest, or why there can be none."""
        told = {"source": workload} if isinstance(workload, str) else dict(workload)
        if "source" in told:
            origin = self.origin.parent if self.origin is not None else Path()
            return recorded_guest(str(told["source"]), str(told.get("direct_map", "recorded")), origin), ""
        asked = {"levels": None, "vcpus": 1, "events": EVENTS} | told | dict(chosen)
        family = find_family(str(asked.pop("family"))).name
        mode = {name: asked.pop(name) for name in MODE}
        try:
            if type(mode["events"]) is not int or mode["events"] < 1:
                raise DesignError(f"{family}: events is {mode['events']!r}, must be a whole number of at least 1")
            return generated_guest(family, seed, **mode, given=asked), ""
        except BadInput as wrong:
            return {"family": family, "seed": seed} | mode, str(wrong)

    def _machine(self, preset: str, chosen: Mapping[str, object]) -> tuple[Preset | None, str]:
        """Return the machine, or why there can be none."""
        changes = {axis: value for axis, value in chosen.items() if axis in MACHINE}
        try:
            return find_preset(preset).replace(**changes) if changes else find_preset(preset), ""
        except BadInput as wrong:
            return None, str(wrong)

    # --- what is wrong with it -------------------------------------------------------------------------------

    def _refuse(self, key: str, value: object, why: str) -> NoReturn:
        raise DesignError(f"{self.origin or 'sweep'}: {key} is {value!r}, {why}")

    def _whole(self, key: str, *values: object, least: int = 0) -> None:
        for value in values:
            if type(value) is not int or value < least:
                self._refuse(key, value, f"must be a whole number of at least {least}")

    def _axis(self, name: str, values: object) -> tuple | dict[str, float]:
        """Return the values of an axis in their form."""
        key, listed = f"axes.{name}", _listed(values)
        if listed and all(isinstance(value, int | float | str | bool) for value in listed):
            return listed
        if not isinstance(values, Mapping):
            self._refuse(key, values, "must be a list of values, or in a sample { low = ..., high = ... }")
        numbers = [values.get(end) for end in _ENDS]
        if set(values) != set(_ENDS) or any(type(n) not in (int, float) for n in numbers) or numbers[0] > numbers[1]:
            self._refuse(
                key, dict(values), "must be { low = ..., high = ... }, two numbers of which the second is larger"
            )
        if self.kind == "grid":
            self._refuse(key, dict(values), 'must be a list of values in a grid (a range is for kind = "sample")')
        return dict(zip(_ENDS, numbers, strict=True))

    def _check(self) -> None:
        """Refuse what does not exist, and what fits nowhere."""
        for preset in self.presets:
            try:
                find_preset(preset)
            except (BadInput, AttributeError) as wrong:
                self._refuse("presets", preset, f"must be a preset: {wrong}")
        for workload in self.workloads:
            self._check_workload(workload)
        known = axes_of(self.workloads)
        self._check_size()
        for axis in self.axes:
            if axis not in known:
                there = ", ".join(known)
                raise DesignError(f"{self.origin or 'sweep'}: there is no axis {axis!r} here; there are {there}")
        # A value that fails wherever it is tried is a mistake; it is told before anything runs.
        fits: dict[tuple[str, str], tuple[object, str]] = {}
        for point in self._points:
            choices = {f"axes.{axis}": value for axis, value in point.chosen.items()} | {"workloads": point.workload}
            for key, value in choices.items():
                drawn = isinstance(self.axes.get(key.removeprefix("axes.")), dict)
                place = (key, "" if drawn else repr(value))
                if not point.refused or place not in fits:
                    fits[place] = (value, point.refused)
        for (key, _), (value, refused) in fits.items():
            if refused:
                self._refuse(key, value, f"which fits nowhere: {refused}")

    def _check_size(self) -> None:
        """Count the points before any is made."""
        sampled = self.samples if self.kind == "sample" else 0
        points = sum(points_of(workload, self.axes, self.seeds, sampled) for workload in self.workloads)
        points *= len(self.presets)
        rows = sampled or math.prod(map(len, self.axes.values()))
        if max(points, rows) > self.most:
            told = f"{max(points, rows):,} points, at most {self.most:,} are run unless more are asked for"
            raise DesignError(f"{self.origin or 'sweep'}: has {told} (most = {max(points, rows)}, or --most)")

    def _check_workload(self, workload: object) -> None:
        what = "must be the name of a recording or a file, or a table with a source or a family"
        if not isinstance(workload, str | Mapping):
            self._refuse("workloads", workload, what)
        if isinstance(workload, Mapping) and ("source" in workload) == ("family" in workload):
            self._refuse("workloads", dict(workload), what)
        try:
            _, own = named(workload)
            if isinstance(workload, str) or "source" in workload:
                own = ("direct_map",)
                self._guest(workload, 0, {})
        except (BadInput, OSError) as wrong:
            told = f"{wrong.filename}: {wrong.strerror}" if isinstance(wrong, OSError) else wrong
            self._refuse("workloads", workload, f"which cannot be used: {told}")
        for name in workload if isinstance(workload, Mapping) else ():
            if name not in ("source", "family", *own):
                self._refuse("workloads", name, f"must be one of {', '.join(own)}")


def _listed(values: object) -> tuple | None:
    """Return the values of a list, a range or an array; None if it is nothing like that."""
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        return None
    return tuple(values.tolist() if hasattr(values, "tolist") else values)
