"""What can be chosen about a workload or a kernel: parameters with a range, a unit and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import GuestError


class Parameter(NamedTuple):
    """Something that can be chosen.

    Attributes
    ----------
    name : str
    default, low, high : float
        A whole number if `low` is one.
    unit : str
    about : str
    choices : tuple of str
        Words that stand for 0, 1, ….
    """

    name: str
    default: float
    low: float
    high: float
    unit: str
    about: str
    choices: tuple[str, ...] = ()

    def value(self, given: object, owner: str) -> float:
        """Return what a value is as a number.

        Raises
        ------
        GuestError
            If it is none, or out of range.
        """
        if self.choices:
            if given in self.choices:
                return self.choices.index(given)
            raise GuestError(f"{owner}: {self.name} is {given!r}, must be one of {', '.join(self.choices)}")
        whole = isinstance(self.low, int)
        kind = "a whole number" if whole else "a number"
        wrong = GuestError(f"{owner}: {self.name} is {given!r}, must be {kind} from {self.low:,} to {self.high:,}")
        try:
            number = int(given) if whole and isinstance(given, str) else float(given)
        except (TypeError, ValueError):
            raise wrong from None
        if not self.low <= number <= self.high or (whole and number != int(number)):
            raise wrong
        return int(number) if whole else number

    def told(self, wanted: Mapping[str, object]) -> dict[str, object]:
        """Return it as plain data; `wanted` has defaults that are preferred to its own."""
        default = wanted.get(self.name, self.choices[int(self.default)] if self.choices else self.default)
        limits = {"choices": list(self.choices)} if self.choices else {"min": self.low, "max": self.high}
        return {"default": default, **limits, "unit": self.unit, "about": self.about}


def choose(parameters: tuple[Parameter, ...], given: Mapping[str, object], owner: str) -> dict[str, float]:
    """Return a number for each parameter: what is given, else its default.

    Raises
    ------
    GuestError
        If something is given that is no parameter, or that is out of range.
    """
    names = [p.name for p in parameters]
    for name in given:
        if name not in names:
            raise GuestError(f"{owner} has no parameter {name!r}; it has {', '.join(names)}")
    return {p.name: p.value(given[p.name], owner) if p.name in given else p.default for p in parameters}
