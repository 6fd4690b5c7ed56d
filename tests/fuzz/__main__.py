"""The command: ``python -m tests.fuzz KIND COUNT [SEED]``. It ends with 1 if any input came to a bad end."""

from __future__ import annotations

import json
import sys

from .campaign import GOOD, KINDS, campaign, work

if __name__ == "__main__":
    kind, *numbers = sys.argv[1:] or ["nothing"]
    if kind == "work":
        name, seed, count = numbers
        print(json.dumps(work(name, int(seed), int(count))))
    elif kind in KINDS and numbers:
        ends = campaign(kind, *map(int, numbers[:2]))
        print(f"{kind}: {dict(ends)}")
        sys.exit(any(end not in GOOD for end in ends))
    else:
        sys.exit(f"say what and how many: {', '.join(KINDS)}")
