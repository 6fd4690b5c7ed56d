"""When a snapshot stops paying: the closed form, and the machine itself on guests built for the purpose.

An *episode* is one stay of a table out of sync. Of p entries present in its shadow the guest changes c; the processor
sets the dirty bit of p_D others' shadow entries; r content passes follow. With a snapshot they cost a copy, r·p
comparisons, and c entries derived; without, r·p entries derived, and p_D entries written back that had gained a D bit.
What both have in common cancels. (Spec section 7; `literature`'s rule E·compare + d·derive + copy < E·derive is the
case of r·p = E and p_D = 0, with no upkeep.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .costs import Processor, processor
from .events import ACCESS, CR3, EVENT, POKE, WRITE
from .experiment import run_each
from .presets import preset
from .primitives import tally
from .trace import Trace
from .worth import WITH, WITHOUT, net
from .x86 import PFEC_U, PFEC_W, RW, US, A, D, P


class Episode(NamedTuple):
    """One stay of a table out of sync.

    Attributes
    ----------
    present : int
        Entries in the shadow, 1 to 512.
    changed : int
        Entries of those that the guest changes.
    passes : int
        Content passes, the last of which brings the table back.
    hardware_dirty : int
        Entries, none of the changed, that the guest writes through for the first time while the table is out of sync.
    """

    present: int
    changed: int
    passes: int = 1
    hardware_dirty: int = 0


class Terms(NamedTuple):
    """The prices that matter, added up, in cycles.

    Attributes
    ----------
    copy : float
        A snapshot taken.
    compare : float
        An entry compared with it.
    keep : float
        An entry of it written at a resync.
    derive : float
        An entry derived anew that comes out as it was.
    write_back : float
        What more it takes if it comes out otherwise.
    """

    copy: float
    compare: float
    keep: float
    derive: float
    write_back: float


def terms(of: str | Processor) -> Terms:
    """Return the prices that decide."""
    price = {event: p.cycles for event, p in processor(of).prices.items()}
    references = ("get_page", "put_page", "get_page_type", "put_page_type")
    return Terms(
        copy=price["snapshot_copy"] + 2 * price["map_page"],
        compare=price["snapshot_compare"],
        keep=price["snapshot_entry_write"],
        derive=price["p2m_lookup"] + price["propagate"] + price["set_l1e_call"],
        write_back=price["sl1e_write"] + sum(price[event] for event in references),
    )


def net_closed_form(episode: Episode, of: str | Processor) -> float:
    """Return the cycles that a snapshot saves in an episode, by the closed form."""
    t = terms(of)
    validate = processor(of).prices["validate_gl1e"].cycles
    p, c, r, dirty = episode
    return (r * p - c) * t.derive + r * p * validate + dirty * t.write_back - t.copy - r * p * t.compare - c * t.keep


def dirty_ratio_at_break_even(compared: np.ndarray | float, of: str | Processor) -> np.ndarray | float:
    """Return the share of dirty entries at which a snapshot stops paying.

    Parameters
    ----------
    compared : float or ndarray
        Entries compared per snapshot, r·p. Nothing else of an episode matters, if no D bit is set.
    of : str or Processor

    Returns
    -------
    float or ndarray
        Dirty entries over those compared; negative where a snapshot does not even pay if nothing is dirty. It may
        exceed what is possible: then a snapshot always pays.
    """
    t = terms(of)
    validate = processor(of).prices["validate_gl1e"].cycles
    return (t.derive + validate - t.compare - t.copy / np.asarray(compared, float)) / (t.derive + t.keep)


# A guest with one table, L1, that maps `present` pages, and another, through which it can be written.
_ROOT, _L3, _L2, _L1, _WINDOW, _FRAMES, _OTHER = 1, 2, 3, 4, 5, 1024, 2048
_AT, _WINDOW_AT = 0, 1 << 21
_RIGHTS = P | RW | US | A | D


def _rows(*rows: tuple[int, int, int, int, int]) -> np.ndarray:
    """Return events from (op, vcpu, access, address, value)."""
    events = np.zeros(len(rows), EVENT)
    for i, (op, vcpu, access, address, value) in enumerate(rows):
        events[i] = (op, vcpu, 8, access, 0, address, value, 0)
    return events


def episode_trace(episode: Episode) -> Trace:
    """Return a guest that lives through one episode, with two vCPUs on the same tables.

    The first loads CR3, touches its pages, writes the table (it goes out of sync) and changes entries. The second
    loads CR3 for every content pass but the last, which the first makes by loading CR3.

    Raises
    ------
    ValueError
        If it is impossible: more entries changed than present, say.
    """
    p, c, r, dirty = episode
    if not (1 <= p <= 511 and 1 <= c <= p and r >= 1 and 0 <= dirty <= p - c):
        raise ValueError(f"{episode}: must have 1 to 511 present, 1 to present changed, 1 pass or more, and room")
    entry = [(_FRAMES + i) << 12 | P | RW | US | A for i in range(p)]
    rows = [
        (POKE, 0, 0, _ROOT << 12, _L3 << 12 | _RIGHTS),
        (POKE, 0, 0, _L3 << 12, _L2 << 12 | _RIGHTS),
        (POKE, 0, 0, _L2 << 12, _L1 << 12 | _RIGHTS),
        (POKE, 0, 0, (_L2 << 12) + 8, _WINDOW << 12 | _RIGHTS),
        (POKE, 0, 0, _WINDOW << 12, _L1 << 12 | _RIGHTS),
        *((POKE, 0, 0, (_L1 << 12) + 8 * i, entry[i] | D) for i in range(p)),
        (CR3, 0, 0, _ROOT << 12, 0),
        (CR3, 1, 0, _ROOT << 12, 0),
        *((ACCESS, 0, PFEC_U, _AT + (i << 12), 0) for i in range(p)),
        # This write lets the table go out of sync; the others change entries, unnoticed.
        *((WRITE, 0, PFEC_W, _WINDOW_AT + 8 * i, (_OTHER + i) << 12 | P | RW | US | A | D) for i in range(c)),
        *((ACCESS, 0, PFEC_W | PFEC_U, _AT + (i << 12), 0) for i in range(c, c + dirty)),
        *((CR3, 1, 0, _ROOT << 12, 0) for _ in range(r - 1)),
        (CR3, 0, 0, _ROOT << 12, 0),
    ]
    return Trace.from_events((4, 2, 4096, 1024), _rows(*rows), f"episode p={p} c={c} r={r} D={dirty}")


def net_simulated(episode: Episode, of: str | Processor) -> float:
    """Return the cycles that a snapshot saves in an episode, by running it on both machines.

    They do not prefetch, so that as many entries are present as were touched.
    """
    pair = [preset(name).replace(prefetch=False) for name in (WITHOUT, WITH)]
    without, with_it = (tally(result) for result in run_each([episode_trace(episode)], pair))
    return float(net(without, with_it, processor(of)).sum())


def simulated_break_even(present: int, passes: int, of: str | Processor) -> float:
    """Return the dirty share at which a snapshot stops paying, found by running episodes.

    What it saves falls by the same amount with each entry changed; so two runs tell where it is nothing.

    Returns
    -------
    float
        As from `dirty_ratio_at_break_even`, for ``present * passes`` entries compared.
    """
    few, many = 1, present
    at_few, at_many = (net_simulated(Episode(present, c, passes), of) for c in (few, many))
    changed = few + at_few * (many - few) / (at_few - at_many)
    return changed / (present * passes)
