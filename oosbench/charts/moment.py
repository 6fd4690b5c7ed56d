"""A moment of a time machine: the event, its story, and the table it is about."""

from __future__ import annotations

import html

from ..stepping import TimeMachine, tell
from .grid import grid
from .images import Html


def moment(time: TimeMachine) -> Html:
    """Show what the last event did: its line, its story, and the L1 table that it is about, if there is one.

    Parameters
    ----------
    time : TimeMachine
    """
    focus = time.focus()
    return Html(story(time) + (grid(*focus) if focus is not None else ""))


def story(time: TimeMachine) -> Html:
    """Show what the last event did in words: its number, its line and outcome, its story."""
    now = time.moment
    line = f"Event {now.number:,}" + (f": <code>{html.escape(now.text)}</code>" if now.text else "")
    outcome = f" → {now.outcome}" if now.outcome else ""
    return Html(f"<div>{line}{outcome}</div><div>{html.escape(tell(now))}</div>")
