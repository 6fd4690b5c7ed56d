"""The patch levels by name, and how any configuration is asked for by name."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import PresetError, did_you_mean
from ._preset import RANGES, SWITCHES, Preset

_EMULATE = Preset(
    name="emulate",
    about="write-protect every table and emulate each write (Xen 63043beac5, before the series)",
    oos=False,
    policy="never",
    fixups="none",
    snapshot="off",
)
_OOS = Preset(
    name="oos",
    about="out of sync, 7 slots, no fixups, no snapshot (Xen 3c7fba7fd8 with the policy)",
    oos_slots=7,
    fixups="none",
    snapshot="off",
)
_FIXUPS = Preset(
    name="oos-fixups",
    about="3 slots, fixup table, no snapshot (Xen 7ee9469202 with the policy)",
    snapshot="off",
)
_SNAPSHOT = Preset(
    name="oos-snapshot",
    about="the patch: fixup table, snapshot, unsync on the first write (Xen d067e4b077)",
)
_UNTRUSTED = Preset(
    name="oos-snapshot-untrusted",
    about="the patch with its comparison forced to 'changed': a snapshot kept and never used",
    snapshot="untrusted",
)
_ARRAY = Preset(
    name="oos-array",
    about="snapshot, and two fixups with each slot instead of the table (Xen 202b0e0dc0)",
    fixups="array",
    fixup_first=True,
    demand_rw=True,
    user_unshadow=True,
    drop_ro_writes=True,
)
_FIXED = _ARRAY.replace(
    name="oos-fixed",
    about="oos-array with every correction that shows where nothing runs beside it (Xen 2008 to 2009, and one more)",
    fixup_distinct=True,
    fl1_fixups=True,
    resync_late=True,
    prealloc_first=True,
    skip_2level=True,
    no_gnp=True,
    pse_unshadow=True,
)

_SHADOW1 = _SNAPSHOT.replace(
    name="shadow1",
    about="the patch with the discipline of Xen's first shadow code: everything resynced at the next fault",
    resync_on_fault=True,
)

PRESETS = {p.name: p for p in (_EMULATE, _SHADOW1, _OOS, _FIXUPS, _SNAPSHOT, _UNTRUSTED, _ARRAY, _FIXED)}
DEFAULT = _SNAPSHOT.name

#: What no system has: the patch with one more idea.
IDEAS = ("oos-snapshot+lazy_snapshot", "oos-snapshot+line_compare", "oos-snapshot+demand_slots")

# Other names people know the patch levels by: letters in the order of the series (a star where the policy that
# came last is used already), and the names of the builds of the original code that the conformance traces were
# run on.
ALIASES = {
    "A": "emulate",
    "preoos": "emulate",
    "shadow2": "emulate",
    "B": "oos+policy=never",
    "B*": "oos",
    "base": "oos",
    "C": "oos-fixups+policy=never",
    "C*": "oos-fixups",
    "fixups": "oos-fixups",
    "D": "oos-snapshot+policy=never",
    "D*": "oos-snapshot",
    "E": "oos-snapshot",
    "full": "oos-snapshot",
    "shadow3": "oos-snapshot",
    "nosnap": "oos-snapshot-untrusted",
    "E-array": "oos-array",
    "array": "oos-array",
    "E-fixed": "oos-fixed",
}


def _value(axis: str, word: str) -> object:
    """Return what is meant by the word behind ``axis=``; a wrong one is refused later, by `Preset`."""
    if axis in RANGES and word.isdecimal():
        return int(word)
    if axis in SWITCHES:
        return {"on": True, "": True, "off": False}.get(word, word)
    return word


def preset(name: str | Preset) -> Preset:
    """Return the preset called `name`; a `Preset` is returned as it is.

    Parameters
    ----------
    name : str or Preset
        A name of `PRESETS` or an alias, and after it any number of ``+axis=value``; for a switch ``+axis`` is
        enough.

    Raises
    ------
    PresetError
        If no preset has that name (the message lists those there are), or an axis is impossible.

    Examples
    --------
    >>> preset("E+oos_slots=5+prefetch=off").prefetch
    False
    """
    if isinstance(name, Preset):
        return name
    first, *changes = name.split("+")
    first, *more = ALIASES.get(first, first).split("+")
    found = PRESETS.get(first)
    if found is None:
        raise PresetError(f"unknown preset {first!r}; {did_you_mean(first, PRESETS)}")
    return with_axes(found, more + changes)


def with_axes(of: Preset, words: Iterable[str]) -> Preset:
    """Return a preset with axes set as they are spelled: ``oos_slots=5``, ``prefetch=off``, ``no_gnp``.

    Raises
    ------
    PresetError
        As `Preset.replace`.
    """
    changes = [word.partition("=") for word in words]
    return of.replace(**{axis: _value(axis, word) for axis, _, word in changes}) if changes else of
