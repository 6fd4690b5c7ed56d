"""The sentences of README and notebooks that say how many, or that something is always so."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_COUNTS = (
    r"\d|\b(half|twice|times|thousand|thirds?|tenths?|(one|two|three|four|nine)( \w+)? (in|of|out of) \w+"
    r"|(fewer|less|more) than|as (many|much))\b"
)
_ALWAYS = (
    r"\b(every|each|all|any|always|never|whatever|whichever|no|none|nothing|nobody"
    r"|only|alone|exactly|most|must|cannot)\b"
)
SAYS_SOMETHING = re.compile(f"{_COUNTS}|{_ALWAYS}", re.IGNORECASE)


def prose(text: str) -> str:
    """Return Markdown without code, tables, headings and addresses of links; what pictures say is kept."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1.", text)
    lines = [line for line in text.splitlines() if not re.match(r"\s{4}|\||#", line)]
    return re.sub(r"\*\*|(?<!\*)\*(?!\*)", "", "\n".join(lines))


def sentences(text: str) -> list[str]:
    """Return the sentences of a text that say something, each on one line."""
    found = []
    for paragraph in re.split(r"\n\s*\n|\n(?=- )", prose(text)):
        for sentence in re.split(r"(?<=[.?!])\)?\s+", " ".join(paragraph.split())):
            if SAYS_SOMETHING.search(re.sub(r"`[^`]*`", "", sentence)):
                found.append(sentence)
    return found


def documents() -> dict[str, str]:
    """Return the prose of README, REPRODUCE and the notebooks, by name."""
    found = {name: (ROOT / name).read_text() for name in ("README.md", "REPRODUCE.md")}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        found[path.name] = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return found
