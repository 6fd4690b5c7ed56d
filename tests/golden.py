"""What the original C code gave, and which of it must agree (see tests/conformance/README.md)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd

from oosbench import Result

FOLDER = Path(__file__).parent / "conformance"
TRACES = FOLDER / "traces"
RECORDINGS = FOLDER / "recordings"

MANIFEST = pd.read_csv(FOLDER / "MANIFEST.csv", index_col="trace")
VARIANTS = ("preoos", "base", "fixups", "full", "nosnap", "array")

# Time stamps of reused frames are not modelled; a flush they cause is in tlb_flush_mask too.
NOT_MODELLED = {"shadow_alloc_tlbflush", "tlb_flush_mask", "need_flush_tlb_flush"}
# How often the hash is asked, and in what order chains are kept, is the implementer's business.
IMPLEMENTATION = {
    "shadow_hash_lookups",
    "shadow_hash_lookup_head",
    "shadow_hash_lookup_miss",
    "shadow_get_shadow_status",
}


def lines(variant: str, trace: str, what: str) -> list[str]:
    """Return the lines of an expected file: results, dump or deltas."""
    path = FOLDER / "expected" / variant / f"{trace}.{what}.txt.gz"
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def counters(path: Path) -> dict[str, int]:
    """Return all counters of a file, the groups put together."""
    told = json.loads(path.read_text())
    return told["perfc"] | told["oracle"] | {"oos_active": told["oos_active"]}


def differences(result: Result, expected: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Return the counters that differ, each with what it is and what it should be."""
    found = result.counters.to_dict() | {"oos_active": int(result.oos_active)}
    checked = [name for name in expected if name not in NOT_MODELLED | IMPLEMENTATION]
    wrong = {name: (found[name], expected[name]) for name in checked if found[name] != expected[name]}
    flushes = expected["tlb_flush_mask"] - expected["shadow_alloc_tlbflush"]
    if found["tlb_flush_mask"] != flushes:
        wrong["tlb_flush_mask - shadow_alloc_tlbflush"] = (found["tlb_flush_mask"], flushes)
    return wrong
