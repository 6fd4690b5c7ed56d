"""`Policy`: a reader's own rule for when a written page table goes out of sync."""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable

import numba

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
        # Kept here, or the code would go away.
        self._code = self._as_python() if numba.config.DISABLE_JIT else self._compiled()
        self.address: int = ctypes.cast(self._code, ctypes.c_void_p).value or 0

    def _as_python(self) -> object:
        """Return the function as it is, callable from C: for runs that are not compiled."""
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * len(POLICY_ARGUMENTS))
        return kind(lambda *asked: int(bool(self.function(*asked))))

    def _compiled(self) -> object:
        whole = numba.types.int64
        inner = numba.njit(self.function)
        asked_with = (whole,) * len(POLICY_ARGUMENTS)

        def asked(gmfn, va, vcpu, event, writes, passes, held):
            return 1 if inner(gmfn, va, vcpu, event, writes, passes, held) else 0

        try:
            inner.compile(asked_with)  # by itself, so that an error is about what the reader wrote
            code = numba.cfunc(whole(*asked_with))(asked)
        except numba.core.errors.NumbaError as error:
            _, _, why = str(error).partition("\n")  # the first line tells of Numba's own steps
            raise PresetError(f"policy {self.name}: cannot be compiled: {why.strip().partition(chr(10))[0]}") from error
        self._keep = code
        return code.ctypes

    def __repr__(self) -> str:
        return self.name
