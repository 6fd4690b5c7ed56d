"""Calling what compiled code knows by its address alone: the C library's functions, a reader's own rule.

And `lowest_bit`, for which the processor has an instruction.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
import warnings
from collections.abc import Callable

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import NumbaError
from numba.extending import intrinsic

# The C library's own. Addresses and lengths are plain numbers here.
memcmp = types.ExternalFunction("memcmp", types.int32(types.intp, types.intp, types.intp))
memcpy = types.ExternalFunction("memcpy", types.intp(types.intp, types.intp, types.intp))

_ARITY = 7  # of a reader's own rule


def _signature() -> object:
    return ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * _ARITY)


@intrinsic
def call(context, address, a, b, c, d, e, f, g):
    """Call the rule at an address: no run is compiled anew for another rule."""

    def lower(context, builder, signature, arguments):
        whole = ir.IntType(64)
        function = builder.inttoptr(arguments[0], ir.FunctionType(whole, [whole] * _ARITY).as_pointer())
        return builder.call(function, arguments[1:])

    return types.int64(*[types.int64] * (1 + _ARITY)), lower


@intrinsic
def lowest_bit(context, bits):
    """Return the number of the lowest bit that is set in an int64 that is not zero."""

    def lower(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), lower


if numba.config.DISABLE_JIT:

    def lowest_bit(bits):
        return (int(bits) & -int(bits)).bit_length() - 1

    def call(address, *asked):
        return _signature()(int(address))(*map(int, asked))


class Callable7:
    """A rule of seven whole numbers that says yes or no, callable by its address.

    Compiled; or as Python, where nothing is compiled. It returns 1 or 0, or -1 where the rule raises an error: nothing
    that calls by address can be reached by an exception.

    Attributes
    ----------
    address : int

    Raises
    ------
    ValueError
        If Numba cannot compile the rule, with the reason in a line.
    """

    def __init__(self, rule: Callable[..., object]) -> None:
        self._rule = rule
        self._asked = np.zeros(_ARITY, np.int64)  # with what it was, when it raised an error
        self._error: BaseException | None = None
        self._code = self._python() if numba.config.DISABLE_JIT else self._compiled()
        self.address: int = ctypes.cast(getattr(self._code, "ctypes", self._code), ctypes.c_void_p).value or 0

    def error(self) -> BaseException:
        """Return what the rule raised last."""
        if self._error is not None:
            return self._error
        asked = tuple(map(int, self._asked))
        try:
            self._rule(*asked)
        except Exception as error:
            return error
        return RuntimeError(f"an error that only its compiled form raises, when asked {asked}")

    def _python(self) -> object:
        def asked(*numbers: int) -> int:
            try:
                return int(bool(self._rule(*numbers)))
            except BaseException as error:  # handed on by whoever started the run
                self._error = error
                return -1

        return _signature()(asked)

    def _compiled(self) -> object:
        inner = numba.njit(self._rule)
        takes = (types.int64,) * _ARITY
        place, size = self._asked.ctypes.data, self._asked.nbytes

        def asked(a, b, c, d, e, f, g):
            try:
                return 1 if inner(a, b, c, d, e, f, g) else 0
            except Exception:
                numbers = np.array([a, b, c, d, e, f, g])
                memcpy(place, numbers.ctypes.data, size)
                return -1

        try:
            inner.compile(takes)  # by itself, so that an error is about what the reader wrote
            return numba.cfunc(types.int64(*takes))(asked)
        except NumbaError as error:
            _, _, why = str(error).partition("\n")  # the first line tells of Numba's own steps
            raise ValueError(why.strip().partition("\n")[0]) from error


def fate(address: int, asked: np.ndarray, seconds: float) -> str:
    """Ask a rule in a process of its own; return what became of that in words, empty if it answered all in time.

    Compiled code that never returns cannot be stopped: better that it is another process that never ends.

    Parameters
    ----------
    address : int
    asked : int64[n, 7]
        What it is asked with.
    seconds : float
        How long it has.
    """
    rule = _signature()(address)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads may run, and the child starts none
        child = os.fork()
    if child == 0:
        try:
            for numbers in asked.tolist():
                rule(*numbers)
        finally:
            os._exit(0)
    end = time.monotonic() + seconds
    pause = 0.001
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return f"dies of signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else ""
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return f"does not answer within {seconds:g} seconds: does it end?"
