"""A campaign: so many inputs of a kind, in processes of their own, and what became of them."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import calls, files, guests, kills

#: By name: what does one input, drawn from a generator, and says how it ended; how many a process does, in how many
#: seconds at most.
KINDS = {
    "text": (files.text, 5000, 300),
    "npz": (files.npz, 1000, 300),
    "replay": (guests.replay, 250, 600),
    "call": (calls.call, 50, 300),
    "kill": (kills.kill, 5, 600),
}
GOOD = ("right", "refused", "ended by a crash of the guest")
_ROOT = Path(__file__).parents[2]


def work(kind: str, seed: int, count: int) -> dict[str, int]:
    """Do some inputs in this process; what is no good end is told with the input's own seed."""
    one, *_ = KINDS[kind]
    ends: Counter[str] = Counter()
    for number in range(seed, seed + count):
        try:
            ends[one(random.Random(number))] += 1
        except Exception as error:
            ends[f"{type(error).__name__} at {kind} {number}: {error}"[:300]] += 1
    return ends


def campaign(kind: str, count: int, seed: int = 0, at_once: int = 2) -> Counter[str]:
    """Do `count` inputs of a kind; return how many came to which end."""
    _, each, seconds = KINDS[kind]

    def part(first: int) -> dict[str, int]:
        words = [sys.executable, "-m", "tests.fuzz", "work", kind, str(first), str(min(each, seed + count - first))]
        try:
            done = subprocess.run(words, cwd=_ROOT, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return {f"hung: {kind} from {first}": 1}
        if done.returncode:
            return {f"crashed ({done.returncode}): {kind} from {first}: {done.stderr[-300:]}": 1}
        return json.loads(done.stdout.splitlines()[-1])

    ends: Counter[str] = Counter()
    with ThreadPoolExecutor(at_once) as pool:
        for found in pool.map(part, range(seed, seed + count, each)):
            ends.update(found)
    return ends
