"""Break the shadow MMU in one place at a time, and see who notices: ``make mutants``.

Each mutant is a copy of the project with one edit. Two suites run on it, each up to its first failure: the goldens of
the original C code, and random guests under audits and oracle, which know nothing of the original. A mutant that
neither notices is a hole in the tests, and the exit code says so.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

ROOT = Path(__file__).parents[1]
SHADOW = Path("oosbench", "shadow")
SUITES = {
    "goldens": ["tests/test_conformance.py", "tests/test_behaviour.py"],
    "random guests": ["tests/test_random_guests.py"],
}


class Mutant(NamedTuple):
    """One edit: in `file`, `old` (found once) becomes `new`."""

    name: str
    file: str
    old: str
    new: str


MUTANTS = [
    # The five writers of the snapshot.
    Mutant("W1: no copy at unsync", "oos.py", "        snapshot[i] = page[i]\n", "        pass\n"),
    Mutant(
        "W2: a fault does not tell the snapshot",
        "fault.py",
        "        set_entry(snapshot, guest_index(va, 1, vcpu.levels), vcpu.levels, gw.l1e)\n",
        "",
    ),
    Mutant(
        "W3: prefetch does not tell the snapshot",
        "fault.py",
        "            set_entry(snapshot, first + i, levels, entry)\n",
        "",
    ),
    Mutant(
        "W4: an emulated write does not tell the snapshot",
        "validate.py",
        "        set_entry(d.tables[oos_snapshot_lookup(d, gmfn)], index, levels, entry)\n",
        "",
    ),
    Mutant(
        "W5: a resync does not tell the snapshot",
        "oos.py",
        "                set_entry(snapshot, g, levels, entry)\n",
        "                pass\n",
    ),
    # Slots.
    Mutant(
        "a moved page leaves its snapshot behind",
        "oos.py",
        "        vcpu.oos_snapshot[home], vcpu.oos_snapshot[slot] = vcpu.oos_snapshot[slot], vcpu.oos_snapshot[home]\n",
        "        pass\n",
    ),
    Mutant("an evicted page is not resynced", "oos.py", "        _resync_slot(d, v, slot, BY_EVICT)\n", ""),
    Mutant("the page at home is evicted, not moved", "oos.py", "and vcpu.oos[home] % slots == home", "and False"),
    Mutant("an unshadowed page keeps its slot", "tables.py", "            oos_hash_remove(d, gmfn)\n", ""),
    Mutant("an unshadowed page keeps its fixups", "tables.py", "            fixup_remove(d, gmfn)\n", ""),
    # Resync.
    Mutant(
        "a resync does not write-protect",
        "oos.py",
        "    if _oos_remove_write_access(d, v, slot):\n        return  # it was unshadowed instead\n",
        "",
    ),
    Mutant(
        "a resync may make its own table writable again",
        "oos.py",
        "    d.frames[gmfn].shadow_flags &= ~OOS_MAY_WRITE\n    resync_l1(d, v, slot, cause)\n",
        "    resync_l1(d, v, slot, cause)\n    d.frames[gmfn].shadow_flags &= ~OOS_MAY_WRITE\n",
    ),
    Mutant("a resync trusts every entry", "oos.py", "        if changed or mode != SNAPSHOT_TRUSTED:\n", "        if False:\n"),
    Mutant("a CR3 load does not resync", "control.py", "        resync_current_vcpu(d, v, BY_CR3)\n", "        pass\n"),
    Mutant("a CR3 load does not refresh others", "control.py", "        sync_other_vcpus(d, v)\n", "        pass\n"),
    Mutant(
        "others' pages are always thought out of reach",
        "oos.py",
        "            if _safe_not_to_sync(d, v, gmfn):\n",
        "            if True:\n",
    ),
    Mutant(
        "a change of mode does not resync",
        "control.py",
        "        resync_all(d, v, BY_MODE)  # in another mode the entries would be misread\n",
        "        pass\n",
    ),
    # Links.
    Mutant("an L1 is linked unsynced", "links.py", "                    sh_resync(d, gl1mfn, BY_LINK)\n", "                    pass\n"),
    Mutant(
        "an L3 or L4 entry is set with pages out of sync",
        "links.py",
        "            elif not d.config[0].resync_late:\n                resync_all(d, v, BY_UPPER_LINK)\n",
        "",
    ),
    Mutant("a page is promoted unsynced", "links.py", "        sh_resync(d, gmfn, BY_PROMOTE)\n", "        pass\n"),
    Mutant("no second walk after a resync", "fault.py", "            rewalk = True\n", ""),
    Mutant(
        "a table of a walk stays writable",
        "fault.py",
        "        if remove_write_access(d, v, gw.l1mfn, 1, va) != NOTHING:\n            flush = True\n",
        "        pass\n",
    ),
    Mutant(
        "a new root stays writable",
        "control.py",
        "            flush |= remove_write_access(d, v, gmfn, 4 if kind == L4_64 else 2, 0) != NOTHING\n",
        "            pass\n",
    ),
    # Flushes, which are only counted: no translation shows them.
    Mutant("no flush after a table lost its writable mappings", "oos.py", "    if stripped or found == REMOVED:\n", "    if found == REMOVED:\n"),
    Mutant("no flush after all fixups", "oos.py", "    if fixup_flush(d, v):\n        flush_domain(d)\n", "    fixup_flush(d, v)\n"),
    Mutant("no flush after revoking on a walk", "fault.py", "            flush_domain(d)\n", ""),
    Mutant("no flush for an upper entry that grants less", "validate.py", "    if flush:\n        flush_domain(d)\n", ""),
    Mutant("no flush after unshadowing", "unshadow.py", "raise DomainCrash(\"a guest page could not be unshadowed\")\n    flush_domain(d)\n", "raise DomainCrash(\"a guest page could not be unshadowed\")\n"),
    # Faults, INVLPG, propagation.
    Mutant("a magic entry is trusted out of sync", "fault.py", "        if not (d.config[0].oos and _l1_may_lag(d, sl1mfn)):\n", "        if True:\n"),
    Mutant("INVLPG leaves the entry of a table out of sync", "control.py", "        set_l1e(d, v, sl1mfn, index_of(va, 1), 0)\n", "        pass\n"),
    Mutant("an entry is used without A", "propagate.py", "    if entry & A == 0:\n        bits &= ~P\n    if entry & D == 0 or kind", "    if entry & D == 0 or kind"),
    Mutant("an entry is writable without D", "propagate.py", "    if entry & D == 0 or kind == RAM_RO:\n", "    if kind == RAM_RO:\n"),
    Mutant("a page table is mapped writable", "propagate.py", "        if not allowed:\n            bits &= ~RW\n", ""),
    Mutant("PAE root entries are not read at a CR3 load", "control.py", "    if vcpu.levels == 3:\n        for i in range(4):\n            vcpu.gl3e", "    if vcpu.levels == 3 and vcpu.gl3e[0] == 0:\n        for i in range(4):\n            vcpu.gl3e"),
    Mutant("the virtual TLB outlives a CR3 load", "control.py", "    vtlb_flush(d, v)\n    vcpu.last_write_emul_ok = 0\n    if d.config[0].oos:\n", "    vcpu.last_write_emul_ok = 0\n    if d.config[0].oos:\n"),
    Mutant("a repeated write is emulated after a CR3 load", "control.py", "    vtlb_flush(d, v)\n    vcpu.last_write_emul_ok = 0\n    if d.config[0].oos:\n", "    vtlb_flush(d, v)\n    if d.config[0].oos:\n"),
]  # fmt: skip


def mutate(mutant: Mutant, root: Path) -> None:
    """Make the edit in a copy of the project.

    Raises
    ------
    ValueError
        If what is to be replaced is not there exactly once: the list is stale.
    """
    path = root / SHADOW / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: found {text.count(mutant.old)} times in {mutant.file}")
    path.write_text(text.replace(mutant.old, mutant.new))


def _copy(folder: Path) -> None:
    for name in ("oosbench", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "data").symlink_to(ROOT / "data")


def notice(mutant: Mutant | None) -> dict[str, str]:
    """Return, for each suite, the first test that fails on a mutant; "" if none does. None is the project as it is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _copy(folder)
        if mutant is not None:
            mutate(mutant, folder)
        environment = os.environ | {"PYTHONPATH": str(folder), "OOSBENCH_CACHE": str(folder / "cache")}
        first = {}
        for suite, files in SUITES.items():
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
            )
            failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.M)
            if done.returncode not in (0, 1):
                raise RuntimeError(
                    f"{mutant and mutant.name}: pytest ended with {done.returncode}\n{done.stdout[-2000:]}"
                )
            first[suite] = failed[1].rpartition("::")[2] if failed else ""
        return first


def main() -> int:
    """Run all mutants, or those whose name has a word of the command line in it; return how many nobody noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only mutants with one of these in their name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if not options.words or any(word in m.name for word in options.words)]
    everyone = [None, *chosen]
    runs = ThreadPoolExecutor(options.jobs).map(notice, everyone)
    survivors = 0
    for mutant, first in zip(everyone, tqdm(runs, total=len(everyone), unit="mutant", disable=None), strict=True):
        if mutant is None:
            if any(first.values()):
                print(f"the project as it is fails: {first}")
                return 1
            continue
        survivors += not any(first.values())
        print(mutant.name)
        for suite, test in first.items():
            print(f"    {suite:<14} {test or '-'}", flush=True)
    alone = len(chosen) - survivors
    print(f"{alone} of {len(chosen)} mutants noticed")
    return survivors


if __name__ == "__main__":
    sys.exit(main())
