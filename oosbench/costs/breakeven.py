"""When a snapshot stops paying: the closed form, and the machine itself on guests built for the purpose.

An *episode* is one stay of a table out of sync. Of p entries present in its shadow the guest changes c; the processor
sets the dirty bit of p_D others' shadow entries; r content passes follow. With a snapshot they cost a copy, r·p
comparisons, and c entries derived; without, r·p entries derived, and p_D entries written back that had gained a D bit.
What both have in common cancels. (Spec section 7; `literature`'s rule E·compare + d·derive + copy < E·derive is the
case of r·p = E and p_D = 0, with no upkeep.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..machine import run_each
from ..presets import preset
from ..traces import Trace
from ..traces.events import ACCESS, CR3, EVENT, POKE, WRITE
from ..x86 import PFEC_U, PFEC_W, RW, US, A, D, P
from .prices import Processor, processor
from .primitives import Tally, tally
from .uncertainty import RANGE, draw
from .worth import WITH, WITHOUT, net


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
    """The prices that decide, added up: cycles, or arrays of cycles for prices drawn at random.

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
    validate : float
        What more it takes where every present entry is.
    write_back : float
        What more it takes if it comes out otherwise.
    """

    copy: float
    compare: float
    keep: float
    derive: float
    validate: float
    write_back: float


_EVENTS = pd.Index(
    "snapshot_copy map_page snapshot_compare snapshot_entry_write p2m_lookup propagate set_l1e_call validate_gl1e "
    "sl1e_write get_page put_page get_page_type put_page_type".split()
)

_LEAST = 1e-6  # cycles: what is free is divided by, too


def _terms(prices: np.ndarray) -> Terms:
    """Return the terms for prices of `_EVENTS`, along the first axis."""
    price = dict(zip(_EVENTS, prices, strict=True))
    references = ("get_page", "put_page", "get_page_type", "put_page_type")
    return Terms(
        copy=price["snapshot_copy"] + 2 * price["map_page"],
        compare=price["snapshot_compare"],
        keep=price["snapshot_entry_write"],
        derive=price["p2m_lookup"] + price["propagate"] + price["set_l1e_call"],
        validate=price["validate_gl1e"],
        write_back=price["sl1e_write"] + sum(price[event] for event in references),
    )


def terms(of: str | Processor) -> Terms:
    """Return the prices that decide."""
    return _terms(processor(of).vector(_EVENTS))


def net_closed_form(episode: Episode, of: str | Processor) -> float:
    """Return the cycles that a snapshot saves in an episode, by the closed form."""
    t = terms(of)
    p, c, r, dirty = episode
    saved = (r * p - c) * t.derive + r * p * t.validate + dirty * t.write_back
    return saved - t.copy - r * p * t.compare - c * t.keep


def dirty_ratio_at_break_even(compared: np.ndarray | float, t: Terms) -> np.ndarray | float:
    """Return the share of dirty entries at which a snapshot stops paying.

    Parameters
    ----------
    compared : float or ndarray
        Entries compared per snapshot, r·p. Nothing else of an episode matters, if the processor sets no D bit.
    t : Terms
        See `terms`.

    Returns
    -------
    float or ndarray
        Dirty entries over those compared. Negative where a snapshot does not even pay if nothing is dirty; above 1
        where it always does. Of no meaning, but finite, where it costs nothing to derive an entry and to keep it.
    """
    dirty_entry = np.maximum(t.derive + t.keep, _LEAST)
    return (t.derive + t.validate - t.compare - t.copy / compared) / dirty_entry


def curves(of: Sequence[str | Processor], rng: np.random.Generator | None = None, draws: int = 2000) -> pd.DataFrame:
    """Return `dirty_ratio_at_break_even` against the entries compared per snapshot.

    Returns
    -------
    DataFrame
        Tidy: processor, compared (from 4 to 4,096), dirty_ratio, and low and high, its 5th and 95th percentile over the
        uncertainty of the prices.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    compared = np.geomspace(4, 4096, 61)
    frames = []
    for one in map(processor, of):
        drawn = _terms(draw(one, _EVENTS, rng, draws).T[:, :, None])
        low, high = np.percentile(dirty_ratio_at_break_even(compared, drawn), RANGE, axis=0)
        ratio = dirty_ratio_at_break_even(compared, terms(one))
        frames.append(
            pd.DataFrame({"processor": one.name, "compared": compared, "dirty_ratio": ratio, "low": low, "high": high})
        )
    return pd.concat(frames, ignore_index=True)


# A guest with one table, L1, that maps `present` pages, and another, through which it can be written.
_ROOT, _L3, _L2, _L1, _WINDOW, _FRAMES, _OTHER = 1, 2, 3, 4, 5, 1024, 2048
_AT, _WINDOW_AT = 0, 1 << 21
_RIGHTS = P | RW | US | A | D


def _rows(*rows: tuple[int, int, int, int, int]) -> np.ndarray:
    """Return events from (op, vcpu, access, address, value)."""
    events = np.zeros(len(rows), EVENT)
    for i, (op, vcpu, access, address, value) in enumerate(rows):
        events[i] = (op, vcpu, 8 if op in (POKE, WRITE) else 0, access, 0, address, value, 0)
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


def episode_tallies(episode: Episode) -> tuple[Tally, Tally]:
    """Return what the machines without and with the snapshot do in an episode.

    They do not prefetch, so that as many entries are present as were touched.
    """
    pair = [preset(name).replace(prefetch=False) for name in (WITHOUT, WITH)]
    without, with_it = (tally(result) for result in run_each([episode_trace(episode)], pair))
    return without, with_it


def net_simulated(episode: Episode, of: str | Processor) -> float:
    """Return the cycles that a snapshot saves in an episode, by running it on both machines."""
    return float(net(*episode_tallies(episode), processor(of)).sum())


def simulated(
    of: Sequence[str | Processor], present: Sequence[int] = (8, 32, 128, 511), passes: Sequence[int] = (1, 2, 4)
) -> pd.DataFrame:
    """Return where snapshots stop paying, found by running episodes.

    What a snapshot saves falls by the same amount with each entry changed, so two runs tell where it saves nothing.

    Returns
    -------
    DataFrame
        Tidy: processor, present, passes, compared (their product), dirty_ratio.
    """
    rows = []
    for p in present:
        for r in passes:
            few, many = episode_tallies(Episode(p, 1, r)), episode_tallies(Episode(p, p, r))
            for one in map(processor, of):
                at_few, at_many = net(*few, one).sum(), net(*many, one).sum()
                changed = 1 + at_few * (p - 1) / (at_few - at_many)
                rows.append((one.name, p, r, p * r, changed / (p * r)))
    return pd.DataFrame(rows, columns=["processor", "present", "passes", "compared", "dirty_ratio"])
