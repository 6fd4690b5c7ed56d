"""Recorded guests: page-table activity of real Linux programs, and its way into a `Trace`."""

from __future__ import annotations

from ._recording import Recording, bundled, load

__all__ = ["Recording", "bundled", "load"]
