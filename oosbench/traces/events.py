"""What a guest can do: the operations of a trace, and the record that holds one.

A POKE is a raw store to guest memory and no event: nothing traps and nothing is counted. Everything else is one.
"""

from __future__ import annotations

import numpy as np

POKE, P2M, CR3, ACCESS, WRITE, WRITEHL, INVLPG, WP, NX, PSE, BLOW, AUDIT = range(12)
OPS = ("POKE", "P2M", "CR3", "ACCESS", "WRITE", "WRITEHL", "INVLPG", "WP", "NX", "PSE", "BLOW", "AUDIT")
P2M_TYPES = ("ram", "ro", "mmio")

#: One line of a trace.
#:
#: ``access`` holds W, U and I as in an error code; a read by the supervisor is 0. ``width`` is the bytes of a
#: store. ``spelled`` counts the optional fields that were written out, so that a trace can be written as it
#: was read. ``line`` is the line of the text form, from 1.
EVENT = np.dtype(
    [
        ("op", np.uint8),
        ("vcpu", np.uint8),
        ("width", np.uint8),
        ("access", np.uint8),
        ("line", np.int32),
        ("address", np.int64),
        ("value", np.int64),
        ("spelled", np.int64),
    ]
)

#: By op: its fields, a letter each, and how many of them must be there.
FIELDS = {
    "POKE": ("anw", 2),
    "P2M": ("gt", 2),
    "CR3": ("va", 2),
    "ACCESS": ("vaku", 4),
    "WRITE": ("vanwu", 3),
    "WRITEHL": ("van", 3),
    "INVLPG": ("va", 2),
    "WP": ("vb", 2),
    "NX": ("vb", 2),
    "PSE": ("vb", 2),
    "BLOW": ("", 0),
    "AUDIT": ("", 0),
}
# By letter: what the field is called, and the column of `EVENT` it goes to.
MEANING = {
    "v": ("vcpu", "vcpu"),
    "a": ("address", "address"),
    "g": ("gfn", "address"),
    "n": ("value", "value"),
    "w": ("size", "width"),
    "b": ("0|1", "value"),
    "t": ("ram|ro|mmio", "value"),
    "k": ("r|w|x", "access"),
    "u": ("u|s", "access"),
}
