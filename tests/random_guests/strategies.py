"""How hypothesis draws a guest."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

from hypothesis import strategies as st

from oosbench.x86 import NX, PSE, US, G

from .guest import (
    DATA,
    INDICES,
    L1S,
    L2S,
    L3S,
    NO_RAM,
    ROOTS,
    TABLES,
    Guest,
)


class Kind(NamedTuple):
    """What the steps of a guest depend on."""

    levels: int
    careful: bool
    base: int
    nx: bool  # whether entries may have NX
    alone: bool  # whether there is one vCPU


vcpu = st.integers(0, 3)
table_number = st.integers(0, 3)
index = st.sampled_from(INDICES)
bits = st.sampled_from([0x67, 0x67, 0x67, 0x65, 0x63, 0x27, 0x47, 0x07, 0x25, 0x00, 0x66])


@st.composite
def leaf_entries(draw, kind: Kind) -> int:
    """Return an L1 entry: data mostly, at times a table, a device, or nothing.

    Never an L2 of a PAE guest: that is a root, and a user's store to a loaded root is the end of the guest. Nor does a
    careful guest let users store to a table that may map itself, which some presets unshadow and need again for ever.
    NX is there only where every vCPU that derives an entry has it on.
    """
    target = draw(st.sampled_from([*DATA, *DATA, *L1S, L1S[0] if kind.levels == 3 else L2S[0], NO_RAM, 0]))
    if target == 0:
        return draw(st.sampled_from([0, 0, 0xE00]))
    mine = ~US if kind.careful and target in TABLES else ~0
    return target << 12 | draw(bits) & mine | draw(st.sampled_from([0, 0, 0, NX if kind.nx else 0, G]))


@st.composite
def upper_entries(draw) -> int:
    """Return an L2 or L3 entry: a table, a large page, or nothing."""
    if draw(st.integers(0, 7)) == 0:
        return draw(st.sampled_from([0, 0x67 | PSE, 0x63 | PSE, 0x23 | PSE, 0x65 | PSE]))
    return draw(st.sampled_from([*L1S, *L1S, *L2S])) << 12 | draw(bits)


def stores(kind: Kind) -> st.SearchStrategy:
    """Return steps that store an entry."""
    ways = ["large", "small", "small", "self", "user"]
    hows = ["whole"] if kind.careful else ["whole", "whole", "whole", "halves", 4, 1]
    leaf = st.tuples(
        st.just("store"),
        vcpu,
        st.sampled_from([w for w in ways if w != "self" or not kind.careful]),
        st.sampled_from(L1S),
        index,
        leaf_entries(kind),
        st.sampled_from(hows),
    )
    # Roots of 2-level guests are tables too; those of PAE guests are read only when they are loaded.
    uppers = {2: ROOTS[:2], 3: L2S, 4: (*L2S, *L3S)}[kind.levels]
    upper = st.tuples(
        st.just("store"),
        vcpu,
        st.sampled_from(["large", "small"]),
        st.sampled_from(uppers),
        st.integers(0, 2).map(lambda i: kind.base + i),
        upper_entries(),
        st.just("whole"),
    )
    return st.one_of(leaf, leaf, leaf, leaf, leaf, upper)


def steps(kind: Kind) -> st.SearchStrategy:
    """Return one step of a guest: a tuple of what, vCPU, and the rest."""
    access = st.tuples(
        st.just("access"),
        vcpu,
        table_number,
        index,
        st.sampled_from([0, 8, 1]),
        st.sampled_from("rrwwx"),
        st.booleans(),
    )
    flush = st.tuples(st.just("cr3"), vcpu, st.integers(0, 3))
    one = st.tuples(st.just("invlpg"), vcpu, table_number, index)
    edit = st.tuples(st.just("edit"), vcpu, table_number, index, leaf_entries(kind))
    store = stores(kind)
    kinds = [access, access, access, edit, edit, edit, store, store, flush, one]
    # Switching NX flushes nothing, so what a careful guest sees would depend on what is shadowed already. CR4.PSE is
    # cleared where one vCPU alone reads the tables: they mean two things to vCPUs of which one has it clear, and a
    # shadow is one. (It flushes; but the original goes on with old shadows, so a careful guest leaves it set.)
    rare = [
        st.tuples(st.just("sweep"), vcpu, index, leaf_entries(kind)),
        st.tuples(st.just("promote"), vcpu, table_number, table_number),
        st.tuples(st.just("clear"), vcpu, st.sampled_from(TABLES)),
        st.tuples(
            st.just("switch"),
            vcpu,
            st.sampled_from(["WP", "NX"] if kind.alone and not kind.careful else ["WP"]),
            st.integers(0, 1),
        ),
        st.tuples(st.just("switch"), vcpu, st.just("PSE"), st.integers(0 if kind.alone and not kind.careful else 1, 1)),
        st.tuples(st.just("blow"), vcpu),
    ]
    return st.one_of(*kinds, st.one_of(*rare))


@st.composite
def guests(draw, careful: bool = False) -> Guest:
    """Return a guest."""
    levels = draw(st.sampled_from([4, 3, 2]))
    vcpus = draw(st.integers(1, 3))
    base = draw(st.sampled_from([0, 320])) if levels == 2 else 0
    late = draw(st.sampled_from([frozenset()] * 4 + [frozenset({vcpus - 1})]))
    # What a vCPU without NX derives is shared by all.
    kind = Kind(levels, careful, base, nx=levels > 2 and not late, alone=vcpus == 1)
    return Guest(
        levels=levels,
        vcpus=vcpus,
        spaces=draw(st.integers(2, 4)),
        careful=careful,
        late=late,
        base=base,
        # Many short lists rather than a long one: hypothesis keeps lists short, and empties a short one at once.
        steps=list(chain.from_iterable(draw(st.lists(steps(kind), max_size=10)) for _ in range(8))),
    )
