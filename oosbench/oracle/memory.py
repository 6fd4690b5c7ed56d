"""Guest memory, and the values that a TLB may still remember."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_MASK = {width: (1 << 8 * width) - 1 for width in (1, 2, 4, 8)}
_SWEEP = 4096  # values remembered before the first look for those that can be forgotten


def read(word_at: Callable[[int], int], place: int, width: int) -> int:
    """Return `width` bytes, little-endian, at a byte address of a memory that is read word by word."""
    shift = (place & 7) << 3
    found = word_at(place >> 3) >> shift
    if shift + 8 * width > 64:
        found |= word_at((place >> 3) + 1) << (64 - shift)
    return found & _MASK[width]


class Memory:
    """The 8-byte words of guest memory, unsigned, and what they held before.

    Attributes
    ----------
    words : dict of int to int
        What memory holds, by word number (byte address / 8). What is not in it is 0.
    now : int
        The row of the trace that is being judged: the clock.
    oldest_flush : int or None
        Row of the earliest flush that still counts, which is how far back memory must be remembered. None
        while nobody has paging on.
    """

    def __init__(self) -> None:
        self.words: dict[int, int] = {}
        self.now = -1
        self.oldest_flush: int | None = None
        self._past: dict[int, dict[int, int]] = {}  # word -> value -> row of the last store that replaced it
        self._remembered = 0
        self._sweep_at = _SWEEP

    def word(self, number: int) -> int:
        """Return what a word holds."""
        return self.words.get(number, 0)

    def set_word(self, number: int, value: int) -> None:
        """Replace a word, and remember what it held."""
        old = self.words.get(number, 0)
        if old != value:
            self.was(number, old)
            self.words[number] = value

    def was(self, number: int, value: int) -> None:
        """Remember that a word held a value until now."""
        if self.oldest_flush is not None:
            self._past.setdefault(number, {})[value] = self.now
            self._remembered += 1

    def store(self, place: int, width: int, value: int) -> None:
        """Store the low `width` bytes of `value` at a byte address."""
        number, shift = place >> 3, (place & 7) << 3
        mask = _MASK[width] << shift
        value = (value & _MASK[width]) << shift
        self.set_word(number, (self.words.get(number, 0) & ~mask | value) & _MASK[8])
        if mask > _MASK[8]:
            number, mask, value = number + 1, mask >> 64, value >> 64
            self.set_word(number, self.words.get(number, 0) & ~mask | value)

    def values(self, number: int, flush: int) -> list[tuple[int, float]]:
        """Return what a word held after the row `flush`, each value with the row that ended it (now: infinity)."""
        past = self._past.get(number, {})
        return [(self.words.get(number, 0), np.inf)] + [(value, end) for value, end in past.items() if end > flush]

    def forget(self, oldest_flush: int) -> None:
        """Take note that nobody remembers what was replaced up to the row `oldest_flush`.

        To look through it all at every flush would be slow; it is done when twice as much has piled up.
        """
        self.oldest_flush = oldest_flush
        if oldest_flush == self.now:
            self._past.clear()
            self._remembered = 0
        elif self._remembered > self._sweep_at:
            kept = {
                number: alive
                for number, past in self._past.items()
                if (alive := {value: end for value, end in past.items() if end > oldest_flush})
            }
            self._past = kept
            self._remembered = sum(map(len, kept.values()))
            self._sweep_at = max(_SWEEP, 2 * self._remembered)

    def differences(self, memory: np.ndarray) -> np.ndarray:
        """Return the numbers of the words that differ in `memory` (int64[pages, 512]), ascending."""
        flat = memory.reshape(-1).view(np.uint64)
        numbers = np.fromiter(self.words.keys(), np.int64, len(self.words))
        values = np.fromiter(self.words.values(), np.uint64, len(self.words))
        differ = numbers[flat[numbers] != values]
        # A guest's memory is large and nearly empty: words that only the machine has are looked for if there are any.
        if np.count_nonzero(flat) > np.count_nonzero(flat[numbers]):
            differ = np.union1d(differ, np.setdiff1d(np.flatnonzero(flat), numbers))
        return np.sort(differ)
