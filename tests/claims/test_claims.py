"""Each sentence of README and notebooks that claims something is held against a computation."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from .claims import CLAIMS
from .sentences import documents, sentences

#: Sentences that claim nothing that could be computed here, by the reason.
OTHERS = tomllib.loads((Path(__file__).parent / "no_claims.toml").read_text())
SAID = [(name, sentence) for name, text in documents().items() for sentence in sentences(text)]


def _caught(pattern: str) -> list[re.Match[str]]:
    return [found for _, sentence in SAID if (found := re.search(pattern, sentence.replace(",", "")))]


@pytest.mark.parametrize("pattern", CLAIMS)
def test_a_claim_is_true(pattern):
    caught = _caught(pattern.replace(",", ""))
    assert caught, "no document says so any more"
    for found in caught:
        CLAIMS[pattern](*(float(group) for group in found.groups()))


def test_nothing_is_claimed_that_is_not_held_against_a_computation():
    known = [re.compile(pattern.replace(",", "")) for pattern in CLAIMS]
    excused = [start for starts in OTHERS.values() for start in starts]
    loose = [
        f"{name}: {sentence}"
        for name, sentence in SAID
        if not any(pattern.search(sentence.replace(",", "")) for pattern in known)
        and not any(sentence.startswith(start) for start in excused)
    ]
    assert loose == [], "neither a claim in claims.py nor excused in no_claims.toml"


def test_no_excuse_is_stale():
    told = [sentence for _, sentence in SAID]
    for reason, starts in OTHERS.items():
        for start in starts:
            assert any(sentence.startswith(start) for sentence in told), f"{reason}: {start}"


@pytest.mark.parametrize(
    "sentence",
    [
        "The snapshot pays on every recording.",
        "It is 7 to 28 times fewer.",
        "Two in three find nothing.",
        "Whatever the prices, it saves.",
    ],
)
def test_a_sentence_that_says_something_is_noticed(sentence):
    assert sentences(sentence) == [sentence]
