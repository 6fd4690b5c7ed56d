"""What is wrong with what was given. Each message names the file, line or parameter, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, there_are: Iterable[str]) -> str:
    """Return what a message says of a name that does not exist: what there is, and what comes near it, if anything."""
    names = list(there_are)
    near = get_close_matches(name, names, 1, 0.55) or [one for one in names if name and name in one][:1]
    return f"there are {', '.join(names)}" + (f"; did you mean {near[0]!r}?" if near else "")


class BadInput(ValueError):
    """Something given from outside cannot be used."""


class TraceError(BadInput):
    """A trace that is malformed or says something impossible."""


class RecordingError(BadInput):
    """A recording that is damaged, incomplete or impossible."""


class RecorderError(BadInput):
    """A guest that cannot be recorded: something is missing, fails, or was not seen whole."""


class PresetError(BadInput):
    """A preset that does not exist, or a configuration that is impossible."""


class UsageError(BadInput):
    """A command that makes no sense."""


class GuestError(BadInput):
    """A workload that does not exist, a parameter it does not have, or a guest that cannot do what it is asked to."""


class CostError(BadInput):
    """A price that is impossible or missing, or tallies that cannot be compared."""


class PublishedError(BadInput):
    """A published number that does not exist, or a figure that is not there."""


class DesignError(BadInput):
    """A sweep that cannot be: a key that does not exist, a value that fits nowhere, a file that is not there."""


class StoreError(BadInput):
    """A file of results that cannot be read or written."""


class SweepError(BadInput):
    """A sweep that cannot go on: workers that keep dying, or that run another version."""
