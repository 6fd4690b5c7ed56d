"""Plain data as text: TOML on one line, and JSON that is the same for the same data."""

from __future__ import annotations

import json
from collections.abc import Mapping


def canonical(told: object) -> str:
    """Return plain data as JSON that is the same for the same data."""
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def toml(value: object) -> str:
    """Return strings, numbers, booleans, and lists and tables of them, as the value of a TOML key."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml_key(name)} = {toml(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    # A string of JSON is one of TOML, but for one character that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(name: str) -> str:
    """Return the key of a TOML table, in quotes if it needs some."""
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else toml(name)
