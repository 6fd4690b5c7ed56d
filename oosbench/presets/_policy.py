"""`Policy`: a reader's own rule for when a written page table goes out of sync."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

from ..compiled.calls import Callable7, fate
from ..errors import PresetError

#: What a policy is asked with, in this order; all are whole numbers.
POLICY_ARGUMENTS = ("gmfn", "va", "vcpu", "event", "writes", "passes", "held")


TIME_LIMIT = 5.0  # seconds to answer some hundred times


def _asked() -> np.ndarray:
    """Return numbers to try a rule with, as a machine asks: all small, and some large (int64[n, 7])."""
    draw = np.random.default_rng(0)
    most = np.array([2**20, 2**32, 8, 2**24, 64, 64, 64])
    small = draw.integers(0, [64, 2**16, 2, 64, 8, 8, 4], (200, 7))
    return np.concatenate([np.zeros((1, 7), np.int64), small, draw.integers(0, most, (200, 7))])


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

        It must be plain enough for Numba, its answer depend on these numbers alone, and it must end. When the
        policy is made the rule is asked some hundred times in a process of its own, and refused if it does not answer
        within seconds; one that is endless only for numbers that are not among these cannot be cancelled. A rule that
        raises an error ends the run.

    Attributes
    ----------
    name : str
        The function's name.
    address : int
        Where its machine code is.

    Raises
    ------
    PresetError
        If it does not take seven arguments, Numba cannot compile it, or it does not end.

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
            self._code = Callable7(function)  # kept, or the code would go away
        except ValueError as error:
            raise PresetError(f"policy {self.name}: cannot be compiled: {error}") from error
        self.address = self._code.address
        if told := fate(self.address, _asked(), TIME_LIMIT):
            raise PresetError(f"policy {self.name}: {told}")

    def failed(self) -> PresetError:
        """Return what it means that the rule has raised an error."""
        error = self._code.error()
        if not isinstance(error, Exception):  # Ctrl-C, say
            raise error
        return PresetError(f"policy {self.name}: raised {type(error).__name__}: {error}")

    def __repr__(self) -> str:
        return self.name
