"""Compiling in fewer steps: two thirds of the time is Numba's own, in Python, and much of it is not for us.

What compiled code is written in here is a small part of what Numba takes: whole numbers, records and arrays of them,
loops and calls. `passes` is the list of steps that this needs. It leaves out those for closures, ``with`` blocks,
literal values, array expressions, and for functions that are to be inlined before they are compiled.

And whole numbers are added, compared and shifted ten thousand times over. Each time Numba would ask a dozen templates,
of strings, sets, tuples and dates too, whether the operation is theirs. `remember_types` asks once for each pair of
types.

A fifth of what then remains goes to Python's search for garbage among millions of objects that are all in use;
`without_collecting` leaves it till afterwards.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from numba.core import typed_passes, types, untyped_passes
from numba.core.compiler_machinery import PassManager

_PLAIN = (types.Number, types.Boolean, types.Array, types.Record)
_STEPS = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.RewriteSemanticConstants,
    untyped_passes.DeadBranchPrune,
    untyped_passes.GenericRewrites,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.AnnotateTypes,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)


def passes(state) -> PassManager:
    """Return what a function goes through from bytecode to LLVM's intermediate code."""
    manager = PassManager("lean")
    for step in _STEPS:
        manager.add_pass(step, step.__name__)
    manager.finalize()
    return manager


@contextmanager
def without_collecting() -> Iterator[None]:
    """Let no garbage be looked for while the block lasts."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def remember_types() -> None:
    """Let the type of an operation on numbers, records and arrays be found once."""
    known: dict[tuple, object] = {}
    find = types.Function.get_call_type

    def get_call_type(self, context, arguments, keywords):
        if keywords or not all(isinstance(kind, _PLAIN) for kind in arguments):
            return find(self, context, arguments, keywords)
        asked = self, context, tuple(arguments)
        if asked not in known:
            known[asked] = find(self, context, arguments, keywords)
        return known[asked]

    types.Function.get_call_type = get_call_type
