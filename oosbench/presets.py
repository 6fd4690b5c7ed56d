"""Presets: the shadow MMU's configuration as plain data, and the patch levels by name."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import PresetError

FIXUPS = ("none", "table", "array")
SNAPSHOTS = ("off", "untrusted", "trusted")
POLICIES = ("never", "always")
MIN_SLOTS, MAX_SLOTS = 2, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One configuration of the shadow MMU.

    Parameters
    ----------
    name : str
        What the preset is called in tables and on charts.
    about : str
        One line that says what it stands for.
    policy : {"never", "always"}
        Whether the first write fault on an L1 table lets it go out of sync (Xen: `sh_unsync`), or every
        write is emulated.
    oos_slots : int
        Out-of-sync tables each vCPU may own, 2 to 64 (Xen: SHADOW_OOS_PAGES). One is refused: the slot
        swap would evict the page that it has just recorded.
    fixups : {"none", "table", "array"}
        How writable mappings of an out-of-sync table are remembered: not at all, in a hash table of each
        vCPU (Xen 7ee9469202), or two with each slot (Xen 50b74f55e0).
    snapshot : {"off", "untrusted", "trusted"}
        Whether a copy of the table is kept while it is out of sync (Xen 047782fa01), and whether a resync
        trusts it. "untrusted" keeps the copy, counts what differs, and revalidates every entry all the same.
    fixup_first : bool
        Record the fixup before the old entry is read, even if the entry does not change (Xen 202b0e0dc0).
    demand_rw : bool
        Hand out writable mappings of a table only on a demand write, not on prefetch or resync.
    user_unshadow : bool
        A user-mode store to an out-of-sync table unshadows it.
    drop_ro_writes : bool
        Stores to read-only guest memory are emulated and dropped, not sent to the device model.
    """

    name: str
    about: str = ""
    policy: str = "always"
    oos_slots: int = 3
    fixups: str = "table"
    snapshot: str = "trusted"
    fixup_first: bool = False
    demand_rw: bool = False
    user_unshadow: bool = False
    drop_ro_writes: bool = False

    def __post_init__(self) -> None:
        for axis, allowed in (("policy", POLICIES), ("fixups", FIXUPS), ("snapshot", SNAPSHOTS)):
            value = getattr(self, axis)
            if value not in allowed:
                raise PresetError(f"preset {self.name}: {axis} is {value!r}, must be one of {', '.join(allowed)}")
        if not MIN_SLOTS <= self.oos_slots <= MAX_SLOTS:
            raise PresetError(f"preset {self.name}: oos_slots is {self.oos_slots}, must be {MIN_SLOTS} to {MAX_SLOTS}")

    @property
    def oos(self) -> bool:
        """Whether tables may go out of sync at all."""
        return self.policy != "never"


_EMULATE = Preset(
    name="emulate",
    about="write-protect every table and emulate each write (Xen 63043beac5, before the series)",
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

PRESETS = {p.name: p for p in (_EMULATE, _OOS, _FIXUPS, _SNAPSHOT, _UNTRUSTED, _ARRAY)}
DEFAULT = _SNAPSHOT.name

# Other names people know the patch levels by: letters in the order of the series, and the
# names of the builds of the original code that the conformance traces were run on.
ALIASES = {
    "A": "emulate",
    "preoos": "emulate",
    "B*": "oos",
    "base": "oos",
    "C*": "oos-fixups",
    "fixups": "oos-fixups",
    "D*": "oos-snapshot",
    "E": "oos-snapshot",
    "full": "oos-snapshot",
    "nosnap": "oos-snapshot-untrusted",
    "array": "oos-array",
}


def preset(name: str | Preset) -> Preset:
    """Return the preset called `name`, which may be an alias; a `Preset` is returned as it is.

    Raises
    ------
    PresetError
        If no preset has that name; the message lists those there are.
    """
    if isinstance(name, Preset):
        return name
    found = PRESETS.get(ALIASES.get(name, name))
    if found is None:
        raise PresetError(f"unknown preset {name!r}; there are {', '.join(PRESETS)}")
    return found


def axes(of: Preset) -> dict[str, object]:
    """Return the configuration axes of a preset, without its name and description."""
    return {f.name: getattr(of, f.name) for f in fields(of) if f.name not in ("name", "about")}
