"""Plain data as text: TOML on one line, and JSON that is the same for the same data."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping

from .errors import BadInput
from .input import foreign, read_input, shown

_MOST_BYTES = 2**24  # of a file


def canonical(told: object) -> str:
    """Return plain data as JSON that is the same for the same data."""
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def read_toml(path: str | os.PathLike, refusal: type[BadInput]) -> dict[str, object]:
    """Return what is in a TOML file, read once.

    Raises
    ------
    refusal
        If it is no TOML.
    OSError
        If it cannot be read.
    """
    data = read_input(path, refusal, _MOST_BYTES)
    if what := foreign(data):
        raise refusal(f"{shown(path)}: {what}")
    try:
        return tomllib.loads(data.decode())
    except RecursionError:
        raise refusal(f"{shown(path)}: is nested too deeply") from None
    except ValueError as error:  # of TOML, of UTF-8, or a number of thousands of digits
        raise refusal(f"{shown(path)}: is no TOML: {error}") from None


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
