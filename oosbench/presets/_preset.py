"""`Preset`: the shadow MMU's configuration as plain data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from dataclasses import replace as replace_fields

from ..errors import PresetError, did_you_mean
from ._policy import Policy

FIXUPS = ("none", "table", "array")
SNAPSHOTS = ("off", "untrusted", "trusted")
GUESSES = ("none", "2008", "today")
MAX_SLOTS = 64

# Axes that are words or numbers, and what each may be; all others are switches.
CHOICES = {"fixups": FIXUPS, "snapshot": SNAPSHOTS, "guesses": GUESSES}
RANGES = {
    "oos_slots": (1, MAX_SLOTS),
    "fixup_buckets": (1, 1024),
    "fixup_bucket_entries": (1, 1024),
    "fixup_stride": (1, 1024),
    "fixups_per_slot": (1, 64),
    "prefetch_distance": (1, 512),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One configuration of the shadow MMU.

    Parameters
    ----------
    name : str
        What the preset is called in tables and on charts.
    about : str
        One line that says what it stands for.

    oos : bool
        Whether the code for tables out of sync is there at all (Xen: SHOPT_OUT_OF_SYNC).
    policy : str or Policy
        When a written table goes out of sync (Xen: `sh_unsync`). ``"never"``: all writes are emulated.
        ``"always"``: on the first write fault. ``"threshold(k)"``: on the k-th emulated write in a row that one
        vCPU makes to it, without another fault between; an experiment that Xen's authors had in mind. A `Policy`:
        when that says so.
    oos_slots : int
        Out-of-sync tables each vCPU may own, 2 to 64 (Xen: SHADOW_OOS_PAGES). One is refused unless `unsafe`:
        the table that was just let go is resynced at once while it is recorded nowhere, and the snapshot of the
        one before is overwritten, so that its changes are never noticed.
    fixups : {"none", "table", "array"}
        How writable mappings of an out-of-sync table are remembered: not at all, in a hash table of each
        vCPU (Xen 7ee9469202), or with each slot (Xen 50b74f55e0).
    fixup_buckets, fixup_bucket_entries, fixup_stride : int
        The fixup table: buckets, entries in each, and entries from the start of one to that of the next. In Xen
        the stride is 13 where 26 was meant, so neighbours share half their entries.
    fixups_per_slot : int
        The fixup array: writable mappings remembered with each slot.
    snapshot : {"off", "untrusted", "trusted"}
        Whether a copy of the table is kept while it is out of sync (Xen 047782fa01), and whether a resync
        trusts it. "untrusted" keeps the copy, counts what differs, and revalidates every entry all the same.

    fast_fault_path : bool
        Remember absent guest entries and emulated MMIO in magic shadow entries, which need no walk.
    fast_emulation : bool
        Emulate a repeated write to the same page without a walk.
    virtual_tlb : bool
        Let the emulator remember 13 walks.
    skip_verify : bool
        Do not validate an emulated write of an entry that was and stays absent.
    early_unshadow : bool
        Unshadow a table that gets two zeros in a row.
    writable_heuristics : bool
        Look for writable mappings in likely places before searching everywhere.
    guesses : {"none", "2008", "today"}
        At which addresses guests are thought to map their tables. Linux has moved its direct map in 2008 (2.6.27) and
        in 2018 (4.20); "today" knows these places as well.
    linux_l3_toplevel : bool
        Keep L3 shadows of 64-bit guests with few roots: the old way of Linux to switch contexts.
    prefetch : bool
        Fill the shadow entries behind one that faulted.
    prefetch_distance : int
        How far, the one that faulted included, 1 to 512.

    fixup_first : bool
        Record the fixup before the old entry is read, even if the entry does not change (F-FIXUP-FIRST, Xen
        202b0e0dc0).
    demand_rw : bool
        Hand out writable mappings of a table only on a demand write (F-DEMAND-RW, Xen 50b74f55e0).
    user_unshadow : bool
        A user-mode store to an out-of-sync table unshadows it (F-USER, Xen 50b74f55e0).
    drop_ro_writes : bool
        Stores to read-only guest memory are emulated and dropped, not sent to the device model.
    fixup_distinct : bool
        The array does not record the same mapping twice (Xen 2f0f4ad09f).
    fl1_fixups : bool
        Fixups in splintered superpages work (F-FL1, Xen b42db2ecdf).
    resync_late : bool
        Linking an L3 or L4 entry resyncs after the whole walk is shadowed, not in the middle (F-RESYNC-LATE, Xen
        6d72e644df and 1f80f21b47).
    prealloc_first : bool
        Make room for shadows before write access is revoked (F-PREALLOC, Xen 3ea6bace3b).
    skip_2level : bool
        In 2-level guests, find the first page of a root before saying that a table is out of reach (F-SKIP2, Xen
        7a54e4ba24).
    no_gnp : bool
        Shadow an absent guest entry by nothing rather than by a magic entry (F-NO-GNP, Xen 34d140eaa7).
    pse_unshadow : bool
        A change of CR4.PSE throws out all shadows. Without, a 2-level root's shadow goes on with what its entries meant
        before. A correction of this project: the code of 2008 has none.

    resync_on_fault : bool
        Bring everything back into sync at the next page fault of whatever kind, as Xen's first shadow code did.
    lazy_snapshot : bool
        Take a snapshot only of a table that was brought into sync before. An idea of this project, as are the next two.
    line_compare : bool
        At a resync, pass over cache lines of 64 bytes that equal the snapshot, without a look at the shadow entries.
    demand_slots : bool
        Let the number of slots follow the evictions: from `oos_slots` on, up to 64.

    unsafe : bool
        Allow what is known to give wrong answers: one slot.

    Notes
    -----
    Four corrections of the original have no axis, since they mend races and ways out that a serial machine does not
    have: F-GL1E (a walk races a resync on another processor), F-GNP-ORDER (a test and a read without the lock),
    F-CRASH (going on after the domain has crashed; here a crash ends the run), F-TEARDOWN (freeing the domain).
    """

    name: str
    about: str = ""

    oos: bool = True
    policy: str | Policy = "always"
    oos_slots: int = 3
    fixups: str = "table"
    fixup_buckets: int = 13
    fixup_bucket_entries: int = 26
    fixup_stride: int = 13
    fixups_per_slot: int = 2
    snapshot: str = "trusted"

    fast_fault_path: bool = True
    fast_emulation: bool = True
    virtual_tlb: bool = True
    skip_verify: bool = True
    early_unshadow: bool = True
    writable_heuristics: bool = True
    guesses: str = "2008"
    linux_l3_toplevel: bool = True
    prefetch: bool = True
    prefetch_distance: int = 32

    fixup_first: bool = False
    demand_rw: bool = False
    user_unshadow: bool = False
    drop_ro_writes: bool = False
    fixup_distinct: bool = False
    fl1_fixups: bool = False
    resync_late: bool = False
    prealloc_first: bool = False
    skip_2level: bool = False
    no_gnp: bool = False
    pse_unshadow: bool = False

    resync_on_fault: bool = False
    lazy_snapshot: bool = False
    line_compare: bool = False
    demand_slots: bool = False

    unsafe: bool = False

    def __post_init__(self) -> None:
        for axis, value in axes(self).items():
            if axis in CHOICES and value not in CHOICES[axis]:
                self._refuse(axis, f"must be one of {', '.join(CHOICES[axis])}")
            if axis in RANGES:
                least, most = RANGES[axis]
                if type(value) is not int or not least <= value <= most:
                    self._refuse(axis, f"must be a whole number from {max(least, self._least(axis))} to {most}")
            if axis in SWITCHES and not isinstance(value, bool):
                self._refuse(axis, "must be True or False (on or off)")
        self._check_policy()
        if self.oos_slots == 1 and not self.unsafe:
            self._refuse("oos_slots", f"must be 2 to {MAX_SLOTS}: with one, changes get lost (unsafe=True allows it)")
        if self.fixup_stride > self.fixup_bucket_entries:
            self._refuse("fixup_stride", f"must be at most fixup_bucket_entries, {self.fixup_bucket_entries}")
        for axis, needs in (("lazy_snapshot", ("untrusted", "trusted")), ("line_compare", ("trusted",))):
            if getattr(self, axis) and self.snapshot not in needs:
                self._refuse(axis, f"must be off with snapshot={self.snapshot} (set snapshot={needs[-1]})")
        if not self.oos:
            off_only = (("policy", "never"), ("fixups", "none"), ("snapshot", "off"))
            for axis, off in (*off_only, ("resync_on_fault", False), ("demand_slots", False)):
                if getattr(self, axis) != off:
                    self._refuse(axis, f"must be {off} where no table may go out of sync (set oos=True)")

    def _refuse(self, axis: str, why: str) -> None:
        raise PresetError(f"preset {self.name}: {axis} is {getattr(self, axis)!r}, {why}")

    def _least(self, axis: str) -> int:
        return 2 if axis == "oos_slots" and self.unsafe is not True else 1

    def _check_policy(self) -> None:
        try:
            fits = self.threshold <= 2**31
        except (AttributeError, ValueError):
            fits = False
        if not fits:
            self._refuse("policy", "must be never, always or threshold(k) with k from 1 to 2147483648; or a Policy")

    @property
    def threshold(self) -> int:
        """Which emulated write in a row to a table lets it go out of sync; 0 for none ever, or if a `Policy` says."""
        if isinstance(self.policy, Policy):
            return 0
        if self.policy in ("never", "always"):
            return ("never", "always").index(self.policy)
        digits = self.policy.removeprefix("threshold(").removesuffix(")")
        if self.policy != f"threshold({digits})" or not digits.isdecimal() or int(digits) < 1:
            raise ValueError(self.policy)
        return int(digits)

    def replace(self, **changes: object) -> Preset:
        """Return this preset with some axes changed.

        Unless a name is given too, the new name says what was changed, in the spelling that `preset` understands.

        Raises
        ------
        PresetError
            If there is no such axis, a value is out of range, or the combination is impossible.
        """
        known = [f.name for f in fields(self)]
        for axis in changes:
            if axis not in known:
                raise PresetError(f"preset {self.name}: there is no axis {axis!r}; {did_you_mean(axis, known[2:])}")
        first, *before = self.name.split("+")
        before = [word for word in before if word.partition("=")[0] not in changes]
        told = [spell(axis, value) for axis, value in changes.items() if axis not in known[:2]]
        return replace_fields(self, **{"name": "+".join([first, *before, *told])} | changes)


#: The axes that are on or off.
SWITCHES = tuple(f.name for f in fields(Preset) if isinstance(f.default, bool))


def axes(of: Preset) -> dict[str, object]:
    """Return the configuration axes of a preset, without its name and description."""
    return {f.name: getattr(of, f.name) for f in fields(of) if f.name not in ("name", "about")}


def spell(axis: str, value: object) -> str:
    """Return ``axis=value`` as it stands in the name of a preset."""
    if isinstance(value, bool):
        return axis if value else f"{axis}=off"
    return f"{axis}={value}"
