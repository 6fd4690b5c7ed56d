"""The defects of 2008: a smallest trace for each that a serial machine can reach, and what a guest would have seen.

The traces stand in ``data/defects``, with comments. Each is replayed on a preset that has the defect and on one that
differs only in its correction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from textwrap import fill

import pandas as pd

from ..machine import Machine
from ..presets import Preset, preset
from ..recordings import data_folder
from ..traces import Trace


@dataclass(frozen=True)
class Defect:
    """A defect and how it shows.

    Attributes
    ----------
    name : str
        D2, D4… as in the literature on the series; also the name of its trace.
    wrong : str
        What goes wrong.
    seen : str
        What a guest would have seen.
    preset, mended : str
        A preset that has it, and one that differs in its correction alone ("" where there is none).
    evidence : str
        What tells the two apart: the ``outcome`` of the last event, or a counter.
    commit : str
        The commit of Xen that corrected it, if one did.
    """

    name: str
    wrong: str
    seen: str
    preset: str
    mended: str
    evidence: str
    commit: str = ""

    def trace(self) -> Trace:
        """Return the trace that shows it."""
        return replace(Trace.read(data_folder() / "defects" / f"{self.name}.trace"), name=self.name)

    def look(self, on: str | Preset) -> str:
        """Return the evidence on a preset: an outcome or a count, as text."""
        result = Machine(self.trace(), preset(on)).run()
        if self.evidence == "outcome":
            *_, last = result.outcome_lines()
            return last.partition(" ")[2]
        return str(int(result.counters[self.evidence]))


DEFECTS = (
    Defect(
        "D2",
        "Linking an L3 or L4 entry resyncs every table in the middle of a walk. That may make a table of this walk "
        "writable, just before it becomes a page table.",
        "An old translation after a flush, for good: its store to the table went unnoticed.",
        "oos-snapshot",
        "oos-snapshot+resync_late",
        "outcome",
        "6d72e644df",
    ),
    Defect(
        "D4",
        "Room for shadows is made after write access was revoked. Under memory pressure a table out of sync is "
        "unshadowed then, and shadowed again, in sync, with its writable mappings.",
        "An old translation after a flush, for good.",
        "oos-snapshot",
        "oos-snapshot+prealloc_first",
        "outcome",
        "3ea6bace3b",
    ),
    Defect(
        "D5",
        "In 2-level guests a table for an address from 1 GiB on is thought to be out of another vCPU's reach.",
        "An old translation after a flush on another vCPU, until the one that wrote flushes too.",
        "oos-snapshot",
        "oos-snapshot+skip_2level",
        "outcome",
        "7a54e4ba24",
    ),
    Defect(
        "D7",
        "A fixup in the shadow of a large page is recorded and never used.",
        "Nothing wrong, but every resync of a table that the kernel maps by a large page searches all shadows.",
        "oos-array",
        "oos-array+fl1_fixups",
        "shadow_writeable_bf_1",
        "b42db2ecdf",
    ),
    Defect(
        "D8",
        "The buckets of the fixup table overlap, so neighbours fill each other. A mapping that finds no room is "
        "forgotten.",
        "Nothing wrong, but the forgotten mapping is searched for in all shadows.",
        "oos-snapshot",
        "oos-snapshot+fixup_stride=26",
        "shadow_oos_fixup_add_fail",
        "50b74f55e0",
    ),
    Defect(
        "D9",
        "A fixup that makes room for another may belong to the entry that is being replaced. Its writable mapping is "
        "then counted off twice.",
        "An old translation after a flush, for good: the table is thought to be write-protected.",
        "oos-array+fixup_first=off",
        "oos-array",
        "outcome",
        "202b0e0dc0",
    ),
    Defect(
        "D14",
        "A user's store lets a table go out of sync, although it says that the page is no table any more.",
        "Nothing wrong, but the page is compared and write-protected at each flush.",
        "oos-snapshot",
        "oos-snapshot+user_unshadow",
        "shadow_resync",
        "50b74f55e0",
    ),
    Defect(
        "D17",
        "With one slot the newcomer is resynced in the place of the table it displaces, whose snapshot is then "
        "overwritten.",
        "An old translation after a flush, for good. (Xen never had one slot; here it takes the switch `unsafe`.)",
        "oos-snapshot+oos_slots=1+unsafe",
        "oos-snapshot+oos_slots=2",
        "outcome",
    ),
    Defect(
        "D19",
        "Nothing goes out of sync while any vCPU has paging off, even one that never starts.",
        "Nothing wrong, but every store to a table is emulated: the patch does nothing for this guest.",
        "oos-snapshot",
        "",
        "emul_writes",
    ),
    Defect(
        "D25",
        "A resync that trusts the snapshot leaves an entry read-only whose target has ceased to be a page table.",
        "Nothing wrong, but one more fault. It is the price of not looking, and was meant.",
        "oos-snapshot",
        "oos-snapshot-untrusted",
        "shadow_fault",
    ),
)

#: Those that no serial run can reach, and why.
UNREACHABLE = {
    "D1": "a race: another vCPU must store to a table between the walk of a fault and the use of what it found",
    "D3": "a race: another vCPU must store to a table between its unsync and the copy",
    "D6": "a race: a resync must fall between reading a magic entry and asking whether its table is out of sync",
    "D10": "it takes a guest that is crashed already, and a run ends with that",
    "D11": "a trace has no end of a guest: shadow memory is never torn down",
    "D12": "a trace has no end of a guest, and no paravirtual one",
    "D13": "a paravirtual guest, or a pool without the snapshot pages that every preset here counts",
    "D15": "a message in the log (it is counted: oos_paranoia)",
    "D16": "TLB entries that outlive a mapping: the machine has no TLB",
    "D18": "only a slower path: a large page's number is taken for a frame (modelled, no correction exists)",
    "D20": "a reference that cannot be taken: here it always can",
    "D21": "overflow of a reference count beyond 2^25 entries",
    "D22": "safe as the code stands: nothing on that path asks for what is missing",
    "D23": "a page table that another guest has mapped",
    "D24": "harmless: an early return is taken too rarely",
}


def table() -> pd.DataFrame:
    """Return one row per defect: what goes wrong, what a guest would have seen, and the evidence on both presets."""
    return pd.DataFrame(
        {
            "defect": d.name,
            "wrong": d.wrong,
            "seen": d.seen,
            "evidence": d.evidence,
            "preset": d.preset,
            "with": d.look(d.preset),
            "mended": d.mended,
            "without": d.look(d.mended) if d.mended else "",
            "commit": d.commit,
        }
        for d in DEFECTS
    )


def told() -> str:
    """Return the table as text, then what cannot be reached."""

    def paragraph(name: str, text: str) -> str:
        return fill(text, 100, initial_indent=f"{name:<5}", subsequent_indent=" " * 5)

    lines = []
    for row in table().to_dict("records"):
        mended = f", {row['mended']}: {row['without']}" if row["mended"] else ""
        commit = f" Corrected in Xen {row['commit']}." if row["commit"] else ""
        lines += [
            paragraph(row["defect"], row["wrong"]),
            paragraph("", f"A guest sees: {row['seen']}{commit}"),
            paragraph("", f"{row['evidence']} on {row['preset']}: {row['with']}{mended}"),
            "",
        ]
    lines.append("Not reached, because nothing runs beside an event and nothing follows a crash:")
    lines += [paragraph(name, why) for name, why in UNREACHABLE.items()]
    return "\n".join(lines)
