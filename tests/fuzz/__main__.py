"""The command: ``python -m tests.fuzz text 100000``."""

from __future__ import annotations

import json
import sys

from .campaign import KINDS, campaign, work

if __name__ == "__main__":
    kind, count, seed = (*sys.argv[1:], "0")[:3]
    if kind == "work":
        print(json.dumps(work(count, *map(int, sys.argv[3:5]))))
    elif kind in KINDS:
        print(f"{kind}: {dict(campaign(kind, int(count), int(seed)))}")
    else:
        sys.exit(f"there is no {kind}; there are {', '.join(KINDS)}")
