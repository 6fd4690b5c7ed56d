"""Workloads from families: `generate` gives a trace, a `Workload` one of any length in pieces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from ..errors import GuestError
from ..output import text_file
from ..traces import Trace
from ..traces.events import POKE
from ..traces.text import mode_line, spell_events
from .build import OPTIONS, begin, build, explained, mode_of, options_of, refill, taken
from .families import FAMILIES, Family
from .families.turns import start_programs, take_turns
from .fitted import fitted
from .options import choose
from .state import CHUNK, MAX_PROGRAMS, Guest

EVENTS = 100_000


def family(name: str) -> Family:
    """Return a family by its name; a hyphen is as good as an underscore.

    Raises
    ------
    GuestError
        If there is none; the message lists those there are.
    """
    found = FAMILIES.get(name.replace("-", "_"))
    if found is None:
        raise GuestError(f"no workload family {name!r}; there are {', '.join(FAMILIES)}")
    return found


def settled(
    name: str, levels: int | None, vcpus: int, parameters: Mapping[str, object]
) -> tuple[Family, int, dict[str, float], dict[str, float]]:
    """Return what a workload will be: family, levels, options of the kernel and parameters of the family, as numbers.

    What is not given is as the family has it.

    Raises
    ------
    GuestError
        If there is no such family, if it does not exist in this mode, or a parameter does not exist or is out of range.
    """
    chosen = family(name)
    levels = chosen.levels[-1] if levels is None else levels
    if levels not in chosen.levels:
        there = " and ".join(map(str, chosen.levels))
        raise GuestError(f"{chosen.name}: levels is {levels}; it exists for levels {there}")
    kernels = {p.name for p in OPTIONS}
    options = chosen.options | {key: value for key, value in parameters.items() if key in kernels}
    own = {key: value for key, value in parameters.items() if key not in kernels}
    return chosen, levels, options_of(levels, vcpus, options, chosen.name), choose(chosen.parameters, own, chosen.name)


def _programs(chosen: Family, parameters: Mapping[str, float], vcpus: int) -> list[tuple[str, list[float]]]:
    """Return the family and the parameters of each program: one for each vCPU, or what a mix asks for."""
    if chosen.name != "mix":
        return [(chosen.name, list(parameters.values()))] * vcpus
    told = [
        (name, [p.default for p in FAMILIES[name].parameters]) for name, n in parameters.items() for _ in range(int(n))
    ]
    if not 1 <= len(told) <= MAX_PROGRAMS:
        raise GuestError(f"mix: has {len(told)} programs, must have 1 to {MAX_PROGRAMS}")
    return told


def _called(
    chosen: Family, levels: int | None, vcpus: int, seed: int | np.random.Generator, parameters: Mapping[str, object]
) -> str:
    """Return the name of a guest: ``fork_exec heap=400 seed=2``."""
    told = {"levels": levels or chosen.levels[-1], "vcpus": vcpus} | dict(sorted(parameters.items()))
    usual = {"levels": chosen.levels[-1], "vcpus": 1, "seed": 0}
    if not isinstance(seed, np.random.Generator):
        told["seed"] = seed
    return " ".join([chosen.name, *(f"{name}={value}" for name, value in told.items() if value != usual.get(name))])


class Workload:
    """A workload that has been chosen, and that can be run as far as one likes.

    Parameters
    ----------
    name : str
        Of a family: see `FAMILIES`.
    levels : {2, 3, 4}, optional
        The most that the family has, if nothing is said.
    vcpus : int
        1 to 64. Each runs a program of its own (of `threads` all share one process; those of `mix` are dealt out).
    seed : int or numpy.random.Generator
        The same seed gives the same events.
    **parameters
        Of the family, and of the kernel (`oosbench.guests.build.OPTIONS`).

    Attributes
    ----------
    name : str
        What its traces are called: the family, and what sets this one apart from the family as it is.

    Raises
    ------
    GuestError
        If there is no such family, if it does not exist in this mode, or a parameter does not exist or is out of range.
    """

    def __init__(
        self,
        name: str,
        levels: int | None = None,
        vcpus: int = 1,
        seed: int | np.random.Generator = 0,
        **parameters: object,
    ) -> None:
        self.family, levels, self.options, self.parameters = settled(name, levels, vcpus, parameters)
        if not isinstance(seed, np.random.Generator) and (not isinstance(seed, int | np.integer) or seed < 0):
            raise GuestError(f"{self.family.name}: seed is {seed!r}, must be a whole number of at least 0")
        self.name = _called(self.family, levels, vcpus, seed, parameters)
        self._rng = np.random.default_rng(seed)
        self.guest: Guest = build(levels, vcpus, self.options, self._rng)
        programs = _programs(self.family, self.parameters, vcpus)
        numbers = list(FAMILIES)
        self.guest.config[0].programs = len(programs)
        for k, (member, values) in enumerate(programs):
            self.guest.programs[k].family = numbers.index(member)
            self.guest.programs[k].vcpu = k % vcpus
            self.guest.parameters[k, : len(values)] = values
        self._left = self.guest.events[:0]  # what a turn made beyond what was asked for
        refill(self.guest, self._rng)
        with explained(self.guest):
            begin(self.guest)
            start_programs(self.guest)
        made = self.guest.events[: self.guest.state[0].events]
        self._pokes = int(np.count_nonzero(made.op == POKE))  # the memory that is there at the beginning

    @classmethod
    def like(cls, recording: str, seed: int | np.random.Generator = 0) -> Workload:
        """Return the workload that was fitted to a recording.

        Raises
        ------
        GuestError
            If none was; the message lists those there are.
        """
        fit = fitted(recording)
        workload = cls(fit.family, seed=seed, **fit.parameters)
        workload.name = f"{_called(workload.family, None, 1, seed, {})} like {recording}"
        return workload

    @property
    def mode(self) -> tuple[int, int, int, int]:
        """Levels, vCPUs, guest pages and shadow pages of its traces."""
        return mode_of(self.guest)

    def write(
        self, path: str | os.PathLike, events: int = EVENTS, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Write its next events as a text trace (packed if it is called ``.gz`` or ``.xz``), or as ``.npz``.

        Text is written piece by piece, so it may be longer than memory. The file appears when it is complete, and
        not at all if something goes wrong.

        Parameters
        ----------
        path : path
        events : int
            How many lines it has: the memory that is there at the beginning (POKEs) among them.
        progress : callable, optional
            Called now and then with the events made and those to make.

        Raises
        ------
        GuestError
            If the guest runs out of memory on the way.
        OSError
            If the file cannot be written.
        """
        path = Path(path)
        if path.suffix == ".npz":
            self.trace(events, progress).write(path)
            return
        with text_file(path) as text:
            text.write(f"{mode_line(self.mode)}\n".encode())
            for piece in self.run(events, progress):
                piece["line"] = np.arange(len(piece))
                lines = spell_events(piece.view(np.recarray))
                text.writelines(f"{lines[i]}\n".encode() for i in range(len(piece)))

    def trace(self, events: int = EVENTS, progress: Callable[[int, int], None] | None = None) -> Trace:
        """Return its next events as a trace; see `write`."""
        return Trace.from_events(self.mode, np.concatenate(list(self.run(events, progress))), self.name)

    def beginning(self, events: int) -> Trace:
        """Return a trace of the memory that is there at the beginning, and of its first events after that."""
        return self.trace(self._pokes + events)

    def run(self, events: int, progress: Callable[[int, int], None] | None = None) -> Iterator[np.ndarray]:
        """Yield its next events in pieces (EVENT[n]), `events` of them in all; see `write`."""
        if events < 1:
            raise GuestError(f"events is {events:,}, must be at least 1")
        done = 0
        while done < events:
            piece, self._left = self._left, self._left[:0]
            if len(piece) == 0:
                refill(self.guest, self._rng)
                with explained(self.guest):
                    take_turns(self.guest, min(events - done, CHUNK))
                piece = taken(self.guest)
                if len(piece) == 0:
                    raise GuestError(f"{self.family.name} does nothing with these parameters: {self.parameters}")
            piece, self._left = piece[: events - done], piece[events - done :]
            done += len(piece)
            yield piece
            if progress is not None:
                progress(done, events)


def generate(
    name: str,
    events: int = EVENTS,
    *,
    levels: int | None = None,
    vcpus: int = 1,
    seed: int | np.random.Generator = 0,
    progress: Callable[[int, int], None] | None = None,
    **parameters: object,
) -> Trace:
    """Return a trace of a workload.

    Parameters
    ----------
    name, levels, vcpus, seed, **parameters
        See `Workload`.
    events : int
        How many lines it has: the memory that is there at the beginning (POKEs) among them.
    progress : callable, optional
        Called now and then with the events made and those to make.

    Raises
    ------
    GuestError
        See `Workload`; and if the guest runs out of memory on the way.

    Examples
    --------
    >>> trace = generate("fork-exec", 5000, seed=7)
    >>> trace.levels, len(trace.events)
    (4, 5000)
    """
    return Workload(name, levels, vcpus, seed, **parameters).trace(events, progress)
