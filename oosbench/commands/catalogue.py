"""The command that lists what there is. It reads a file, so that it need not load the whole package to say so.

``python -m oosbench.commands.catalogue`` writes the file anew; a test says when that is due.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from ._command import Command

FILE = Path(__file__).with_suffix(".json")


def catalogue() -> dict[str, object]:
    """Return what the file should hold: what there is, for programs to read, and which preset is the default."""
    from .. import recordings
    from ..guests import FAMILIES
    from ..guests import OPTIONS as KERNEL_OPTIONS
    from ..presets import DEFAULT, PRESETS

    there_is = {
        "recordings": [{"name": name, "workload": told} for name, told in recordings.bundled().workload.items()],
        "guests": [
            {
                "name": f.name,
                "about": f.headline,
                "levels": list(f.levels),
                "parameters": {p.name: p.told(f.options) for p in (*f.parameters, *KERNEL_OPTIONS)},
            }
            for f in FAMILIES.values()
        ],
        "presets": [{"name": p.name, "about": p.about} for p in PRESETS.values()],
    }
    return {"default": DEFAULT, "there_is": there_is}


def _list(options: argparse.Namespace) -> None:
    known = json.loads(FILE.read_text())
    there_is = known["there_is"]
    if options.json:
        print(json.dumps(there_is, indent=2))
        return

    def section(title: str, lines: Iterable[tuple[str, str]]) -> None:
        print(title)
        for name, about in lines:
            print(f"  {name:<24}{about}")

    section("recordings", ((r["name"], r["workload"]) for r in there_is["recordings"]))
    section("guests", ((g["name"], g["about"]) for g in there_is["guests"]))
    default = {known["default"]: " (default)"}
    section("presets", ((p["name"], p["about"] + default.get(p["name"], "")) for p in there_is["presets"]))


def add(command: Command) -> None:
    """Add the command of this file."""
    sub = command("list", _list, "list recordings, workload families and presets")
    sub.add_argument("--json", action="store_true", help="with parameters, for programs to read")
    sub.set_defaults(compiles=False)


if __name__ == "__main__":
    FILE.write_text(json.dumps(catalogue(), indent=1) + "\n")
