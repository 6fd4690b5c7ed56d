"""Several programs of different kinds on one machine, in turn: a desktop, a build server, a consolidated host.

Each parameter says how many programs of a family there are. Whoever's turn it is runs, with a CR3 load before, so
tables of one program are resynced by the switch to another.
"""

from __future__ import annotations

from ..options import Parameter

LEVELS = (2, 3, 4)
_DEFAULTS = {"demand_paging": 1, "fork_exec": 1, "mmap_churn": 1, "ping_pong": 1}


def parameters(families: list[str]) -> tuple[Parameter, ...]:
    """Return one parameter for each family that can be in a mix."""
    return tuple(
        Parameter(name, _DEFAULTS.get(name, 0), 0, 4, "programs", f"of the family {name}") for name in families
    )
