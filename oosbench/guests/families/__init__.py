"""The workload families, one a file: what system does this, what can be chosen, how a program takes its turn."""

from __future__ import annotations

from typing import NamedTuple

from ..fitted import fitted_defaults
from ..options import Parameter
from . import (
    adversary,
    cow_storm,
    demand_paging,
    fork_exec,
    kernel_mappings,
    mix,
    mmap_churn,
    mprotect_sweep,
    ping_pong,
    reclaim,
    system_calls,
    threads,
    windows,
    working_set,
)


class Family(NamedTuple):
    """A kind of workload.

    Attributes
    ----------
    name : str
    about : str
        What does this and why it matters: the docstring of its file.
    parameters : tuple of Parameter
    levels : tuple of int
        The paging modes in which it exists.
    options : dict of str to object
        What it wants of its kernel if nobody says otherwise.
    """

    name: str
    about: str
    parameters: tuple[Parameter, ...]
    levels: tuple[int, ...]
    options: dict[str, object]

    @property
    def headline(self) -> str:
        """The first sentence of `about`."""
        return self.about.strip().splitlines()[0]


# In the order of the numbers by which compiled code knows them: see `turns.py`.
_MODULES = (
    demand_paging,
    fork_exec,
    cow_storm,
    mmap_churn,
    mprotect_sweep,
    ping_pong,
    reclaim,
    kernel_mappings,
    working_set,
    system_calls,
    windows,
    threads,
    adversary,
)
_OPTIONS: dict[str, dict[str, object]] = {
    "working_set": {"self_map": 1},
    "system_calls": {"isolation": 1},
    "windows": {"lowmem": 4096, "placement": "random"},
    "adversary": {"placement": "modulo"},
}


def _family(name: str, module: object, parameters: tuple[Parameter, ...]) -> Family:
    fitted = fitted_defaults(name)
    parameters = tuple(p._replace(default=fitted.get(p.name, p.default)) for p in parameters)
    return Family(name, module.__doc__ or name, parameters, module.LEVELS, _OPTIONS.get(name, {}))


#: By name. `mix` is made of the others.
FAMILIES = {
    name: _family(name, module, module.PARAMETERS)
    for name, module in ((module.__name__.rpartition(".")[2], module) for module in _MODULES)
}
FAMILIES["mix"] = _family("mix", mix, mix.parameters(list(FAMILIES)))
