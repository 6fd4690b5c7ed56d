"""Fitting a workload family to a recording: the parameters whose guest is closest to it (`fidelity.loss`).

Differential evolution (`scipy.optimize`) over all parameters of the family. It is deterministic: same seed, same
parameters. What it finds is the best it came across, not the best there is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..errors import GuestError
from ..guests import FAMILIES, Parameter, generate
from ..guests.fitted import Fit, fitted
from ..recordings import open_trace
from .fidelity import Profile, loss, profile

EVENTS = 100_000
GENERATIONS = 12
WORST = 7.0  # of `loss`


def _is_wide(p: Parameter) -> bool:
    """Say whether a parameter is searched by its logarithm: one that spans orders of magnitude."""
    return p.low > 0 and p.high / p.low >= 50


def _bounds(p: Parameter) -> tuple[float, float]:
    return (math.log(p.low), math.log(p.high)) if _is_wide(p) else (p.low, p.high)


def _value(p: Parameter, x: float) -> float:
    value = min(max(math.exp(x) if _is_wide(p) else x, p.low), p.high)
    return round(value) if isinstance(p.low, int) else float(f"{value:.3g}")


def _place(p: Parameter, value: float) -> float:
    return math.log(value) if _is_wide(p) else value


def fit(
    recording: str,
    family: str,
    *,
    start: dict[str, float] | None = None,
    events: int = EVENTS,
    generations: int = GENERATIONS,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> tuple[Fit, float]:
    """Fit a family to a recording.

    Parameters
    ----------
    recording : str
        See `oosbench.open_trace`.
    family : str
        See `oosbench.guests.FAMILIES`.
    start : dict of str to float, optional
        Values to begin with; the others begin with their defaults.
    events : int
        How much of each guest is looked at.
    generations : int
        How long to search. Each tries five guests for each parameter.
    seed : int
    progress : callable, optional
        Called after each guest with its loss.

    Returns
    -------
    fit : Fit
    loss : float
        See `oosbench.fitting.fidelity.loss`: 0 is alike in every statistic, 7 in none.
    """
    parameters = FAMILIES[family].parameters
    wanted: Profile = profile(open_trace(recording))

    def values(point: list[float]) -> dict[str, float]:
        return {p.name: _value(p, x) for p, x in zip(parameters, point, strict=True)}

    def distance(point: list[float]) -> float:
        try:
            found = loss(wanted, profile(generate(family, events, seed=seed, **values(point))))
        except GuestError:  # it ran out of memory
            found = WORST
        if progress is not None:
            progress(found)
        return found

    from scipy import optimize  # a second to load, for what few ask

    known = {p.name: p.default for p in parameters} | (start or {})
    best = optimize.differential_evolution(
        distance,
        [_bounds(p) for p in parameters],
        x0=[_place(p, known[p.name]) for p in parameters],
        maxiter=generations,
        popsize=5,
        tol=0,
        polish=False,
        rng=seed,
    )
    return Fit(family, values(best.x)), float(best.fun)


def refit(name: str, **options: object) -> tuple[Fit, float]:
    """Fit the family that stands for a recording anew, beginning with what is known; see `fit`."""
    known = fitted(name)
    return fit(name, known.family, start=known.parameters, **options)
