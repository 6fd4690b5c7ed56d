"""The commands, by what they are about. Read `machines.py` first: each file adds its own commands to the parser."""

from __future__ import annotations

#: The commands of each file. Only the file of the one that is asked for is loaded.
COMMANDS = {
    "machines": ("replay", "diff", "defects"),
    "catalogue": ("list",),
    "traces": ("describe", "validate", "export", "generate"),
    "record": ("record", "check"),
    "studies": ("compare", "fidelity", "fit", "warm"),
    "sweep": ("sweep",),
    "costs": ("worth", "rivals", "prices", "calibrate"),
    "figures": ("published",),
    "speed": ("bench", "growth"),
}
