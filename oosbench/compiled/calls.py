"""Calling what compiled code knows by its address alone: the C library's functions, a reader's own rule."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numba
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


if numba.config.DISABLE_JIT:

    def call(address, *asked):
        return _signature()(int(address))(*map(int, asked))


def callable_from_c(rule: Callable[..., object]) -> tuple[int, object]:
    """Return the address of a rule of seven whole numbers that says yes or no, and what keeps it there.

    Compiled; or as Python, where nothing is compiled.

    Raises
    ------
    ValueError
        If Numba cannot compile it, with the reason in a line.
    """
    if numba.config.DISABLE_JIT:
        code = _signature()(lambda *asked: int(bool(rule(*asked))))
        return ctypes.cast(code, ctypes.c_void_p).value or 0, code
    inner = numba.njit(rule)
    takes = (types.int64,) * _ARITY

    def asked(a, b, c, d, e, f, g):
        return 1 if inner(a, b, c, d, e, f, g) else 0

    try:
        inner.compile(takes)  # by itself, so that an error is about what the reader wrote
        code = numba.cfunc(types.int64(*takes))(asked)
    except NumbaError as error:
        _, _, why = str(error).partition("\n")  # the first line tells of Numba's own steps
        raise ValueError(why.strip().partition("\n")[0]) from error
    return code.address, code
