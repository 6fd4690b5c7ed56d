"""The comparison: the same guests on machines of several presets, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import pandas as pd

from .. import charts, recordings
from ..experiment import PRESETS_TO_COMPARE, counters_frame, headline, resyncs_frame, run_each
from ..presets import PRESETS
from ..report import table_html
from ..result import Result
from ._panel import STYLE, Panel, Run

_EMPTY = '<div class="oos-empty">No run yet. Choose recordings and presets, then press Run.</div>'
_NOTHING_DIRTY = '<div class="oos-empty">None of these presets keeps a snapshot, so nothing is known to be dirty.</div>'
_NO_RESYNC = '<div class="oos-empty">None of these presets resyncs: every write to a table is emulated.</div>'


class ComparePanel(Panel):
    """Pick recordings and presets, run them, see the table and two charts.

    Parameters
    ----------
    names, presets : sequence of str, optional
        What is chosen to begin with: bundled recordings, presets.

    Attributes
    ----------
    recordings : SelectMultiple
    presets : dict of str to Checkbox
    table : DataFrame or None
        The last run's `oosbench.headline`.
    """

    def __init__(self, names: Sequence[str] = ("gcc",), presets: Sequence[str] = PRESETS_TO_COMPARE) -> None:
        super().__init__()
        bundled = recordings.bundled()
        self.recordings = widgets.SelectMultiple(
            options=list(bundled.index),
            value=tuple(names),
            rows=len(bundled),
            description="Recordings",
            layout=widgets.Layout(width="280px", height=f"{20 * len(bundled) + 12}px"),
        )
        self.presets = {
            name: widgets.Checkbox(name in presets, description=name, indent=False, tooltip=preset.about)
            for name, preset in PRESETS.items()
        }
        self.table: pd.DataFrame | None = None
        self._table = widgets.HTML(_EMPTY)
        self._dirty = widgets.HTML()
        self._work_done = widgets.HTML()
        choice = widgets.HBox(
            [
                self.recordings,
                widgets.VBox([widgets.Label("Presets"), *self.presets.values()], layout={"width": "300px"}),
            ],
            layout=widgets.Layout(flex_flow="row wrap", grid_gap="8px 24px"),
        )
        self._table.add_class("oos-table")
        self._dirty.add_class("oos-dirty-ratio")
        self._work_done.add_class("oos-resync-work")
        self.ui.children = [
            widgets.HTML(STYLE),
            choice,
            self.buttons,
            self.status,
            self._table,
            self._dirty,
            self._work_done,
        ]

    def work(self, run: Run) -> Callable[[], str]:
        """Replay what is chosen."""
        names = self.recordings.value
        presets = [name for name, box in self.presets.items() if box.value]
        if not names:
            raise ValueError("Choose at least one recording.")
        if not presets:
            raise ValueError("Choose at least one preset.")
        began = time.perf_counter()
        results: list[Result] = list(run_each(names, presets, progress=run.progress, cancelled=run.cancelled))
        took = time.perf_counter() - began
        table = headline(counters_frame(results), resyncs_frame(results))
        events = int(sum(result.counters.events for result in results))
        dirty = resync = ""
        if table.dirty.notna().any():
            dirty = charts.as_html(charts.dirty_ratio(table), charts.dirty_ratio_text(table))
        if table.propagated.any():
            resync = charts.as_html(charts.resync_work(table), charts.resync_work_text(table))

        def show() -> str:
            self.table = table
            self._table.value = table_html(table)
            self._dirty.value = dirty or _NOTHING_DIRTY
            self._work_done.value = resync or _NO_RESYNC
            return f"Done: {len(results)} runs, {events:,} events in {took:.1f} s."

        return show
