"""`Policy`: a reader's own rule for when a written page table goes out of sync."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from ..compiled.calls import callable_from_c
from ..errors import PresetError

#: What a policy is asked with, in this order; all are whole numbers.
POLICY_ARGUMENTS = ("gmfn", "va", "vcpu", "event", "writes", "passes", "held")


class Policy:
    """A rule of your own: a function, compiled, that says whether a written page table goes out of sync.

    It is asked at every write fault on a page table that could go out of sync: one in sync, with one shadow, an L1.
    Where it says no, the write is emulated.

    Parameters
    ----------
    function : callable
        Takes seven whole numbers and returns true or false (or 1 or 0):

        ========  =========================================================================================
        `gmfn`    frame of the table
        `va`      address that is written to
        `vcpu`    who writes
        `event`   row of the trace
        `writes`  such write faults in a row that this vCPU made on this table, this one included
        `passes`  how often the table was brought into sync since it is a table
        `held`    slots of this vCPU that hold a table now
        ========  =========================================================================================

        It must be plain enough for Numba, and its answer depend on these numbers alone.

    Attributes
    ----------
    name : str
        The function's name.
    address : int
        Where its machine code is.

    Raises
    ------
    PresetError
        If it does not take seven arguments, or Numba cannot compile it.

    Examples
    --------
    >>> import oosbench
    >>> @oosbench.Policy
    ... def second_write(gmfn, va, vcpu, event, writes, passes, held):
    ...     return writes >= 2
    >>> mine = oosbench.preset("oos-snapshot").replace(policy=second_write)
    >>> mine.name
    'oos-snapshot+policy=second_write'
    """

    def __init__(self, function: Callable[[int, int, int, int, int, int, int], bool]) -> None:
        self.name = getattr(function, "__name__", "policy")
        self.function = function
        try:
            takes = len(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            takes = 0
        if takes != len(POLICY_ARGUMENTS):
            raise PresetError(f"policy {self.name}: takes {takes} arguments, must take {', '.join(POLICY_ARGUMENTS)}")
        try:
            self.address, self._kept = callable_from_c(function)  # kept, or the code would go away
        except ValueError as error:
            raise PresetError(f"policy {self.name}: cannot be compiled: {error}") from error

    def __repr__(self) -> str:
        return self.name
