"""`Checkpoint`: the state of a machine, with what is zero left out.

The memory of a guest is reserved, and most of it never touched; a copy of all of it would be a GiB. What is zero
need not be kept: new arrays are zero, and take up no more than what is put into them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from ..shadow.state import Domain, reserve


class _Sparse(NamedTuple):
    """An array without its rows that are zero."""

    shape: tuple[int, ...]
    kind: type[np.ndarray]
    used: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, array: np.ndarray) -> _Sparse:
        words = array.view(np.ndarray).reshape(len(array), -1).view(np.int64)
        used = np.flatnonzero(np.bitwise_or.reduce(words, axis=1))
        return cls(array.shape, type(array), used, array[used])

    def whole(self) -> np.ndarray:
        array = reserve(self.shape, self.rows.dtype).view(self.kind)
        array[self.used] = self.rows
        return array

    @property
    def nbytes(self) -> int:
        return self.used.nbytes + self.rows.nbytes


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a machine can go back to.

    Attributes
    ----------
    row : int
        The row of the trace that came next.
    log : tuple of RESYNC[...]
        Content passes logged so far, but for those that are still in the domain.
    machine : hashable
        The guest and the configuration it is of.
    """

    row: int
    log: tuple[np.ndarray, ...]
    machine: Hashable
    _arrays: tuple[_Sparse, ...]

    @classmethod
    def of(cls, domain: Domain, row: int, log: Iterable[np.ndarray], machine: Hashable) -> Checkpoint:
        """Return a checkpoint of this state. It takes 40 ms to see what is zero in a GiB."""
        return cls(row, tuple(log), machine, tuple(_Sparse.of(getattr(domain, field.name)) for field in fields(domain)))

    def domain(self) -> Domain:
        """Return the state again, in arrays of its own."""
        return Domain(*(array.whole() for array in self._arrays))

    @property
    def nbytes(self) -> int:
        """Bytes that the checkpoint takes."""
        return sum(array.nbytes for array in self._arrays)
