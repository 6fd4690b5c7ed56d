"""Handing the machine to compiled code by reference: one pointer, however many arrays it is made of.

Numba passes a tuple of arrays by value, and an array takes eight words: a domain of a dozen arrays is a hundred words
that every call would copy. Here it is the address of a table with the place and the shape of each array. Since compiled
code never writes to that table, the compiler may keep what it once read from it (``invariant.load``).
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from functools import cached_property

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, lower_getattr_generic, models, register_model, typeof_impl, unbox
from numba.np.arrayobj import make_array, populate_array

_WORDS = 3  # of the table for each array: address and at most two lengths


class Referenced:
    """Base of a frozen dataclass of arrays of one or two dimensions, each C-contiguous.

    The arrays may change, but not be replaced. A class may say in `ROWS` which of them have rows of a length that is
    known to the compiler.
    """

    ROWS: dict[str, int] = {}

    @cached_property
    def table(self) -> np.ndarray:
        """Address, length and length of rows of each array, as compiled code reads them."""
        words = np.zeros((len(fields(self)), _WORDS), np.int64)
        for row, field in zip(words, fields(self), strict=True):
            array = getattr(self, field.name)
            if not array.flags.c_contiguous or array.shape[-1] != self.ROWS.get(field.name, array.shape[-1]):
                raise ValueError(f"{type(self).__name__}.{field.name}: not C-contiguous, or of rows of another length")
            row[0], row[1 : 1 + array.ndim] = array.ctypes.data, array.shape
        return words

    @cached_property
    def numba_type(self) -> ReferencedType:
        """Type of this for the compiler; to find it takes longer than many a call."""
        arrays = tuple((field.name, numba.typeof(getattr(self, field.name))) for field in fields(self))
        return ReferencedType(type(self).__name__, arrays, tuple(self.ROWS.items()))

    @cached_property
    def address(self) -> int:
        """Address of the table."""
        return self.table.ctypes.data


class _Writeable:
    """Stands for the memory of an array, and keeps it."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        place, _ = array.__array_interface__["data"]
        self.__array_interface__ = array.__array_interface__ | {"data": (place, False)}


def writeable(array: np.ndarray) -> np.ndarray:
    """Return the memory of a frozen array as one that may be written.

    For compiled code that only reads: there what may not be written is of another type, for which all would be compiled
    again.
    """
    return array if array.flags.writeable else np.asarray(_Writeable(array)).view(array.dtype).view(type(array))


class ReferencedType(types.Type):
    """Numba's type of a `Referenced`: the types of its arrays, by name, and the known lengths of rows."""

    def __init__(self, name: str, arrays: tuple, rows: tuple) -> None:
        self.arrays, self.rows = arrays, rows
        told = f"{name}({', '.join(f'{field}: {array}' for field, array in arrays)}; {rows})"
        # The name is in that of every function that takes one. Spelled out, it would be seven kB of each.
        super().__init__(f"{name}_{hashlib.sha256(told.encode()).hexdigest()[:12]}")


@typeof_impl.register(Referenced)
def _typeof(value, _):
    return value.numba_type


@register_model(ReferencedType)
class _Pointer(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.IntType(64).as_pointer())


@unbox(ReferencedType)
def _unbox(kind, value, context):
    builder = context.builder
    number = context.pyapi.object_getattr_string(value, "address")
    address = context.pyapi.long_as_longlong(number)
    context.pyapi.decref(number)
    pointer = builder.inttoptr(address, ir.IntType(64).as_pointer())
    return NativeValue(pointer, is_error=cgutils.is_not_null(builder, context.pyapi.err_occurred()))


@infer_getattr
class _Attributes(AttributeTemplate):
    key = ReferencedType

    def generic_resolve(self, kind, name):
        return dict(kind.arrays).get(name)


@lower_getattr_generic(ReferencedType)
def _get(context, builder, kind, pointer, name):
    names = [field for field, _ in kind.arrays]
    array = kind.arrays[names.index(name)][1]

    def word(k):
        where = builder.gep(pointer, [ir.Constant(ir.IntType(32), _WORDS * names.index(name) + k)])
        load = builder.load(where)
        load.set_metadata("invariant.load", builder.module.add_metadata([]))
        return load

    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array.dtype)))
    shape = [word(1 + k) for k in range(array.ndim)]
    if name in dict(kind.rows):
        shape[1] = context.get_constant(types.intp, dict(kind.rows)[name])
    value = make_array(array)(context, builder)
    populate_array(
        value,
        data=builder.inttoptr(word(0), value.data.type),
        shape=shape,
        strides=[itemsize] if array.ndim == 1 else [builder.mul(shape[1], itemsize), itemsize],
        itemsize=itemsize,
        meminfo=None,
    )
    return impl_ret_borrowed(context, builder, array, value._getvalue())
