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
from ._manners import Chart, call, drawn, empty, gallery
from ._panel import STYLE, Panel, Run

_EMPTY = "No run yet. Choose recordings and presets, then press Run."
_NOTHING_DIRTY = "None of these presets keeps a snapshot, so nothing is known to be dirty."
_NO_RESYNC = "None of these presets resyncs: every write to a table is emulated."


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
        self._table = widgets.HTML(empty(_EMPTY))
        self._dirty, self._work_done = Chart("dirty_ratio"), Chart("resync_work")
        choice = widgets.HBox(
            [
                self.recordings,
                widgets.VBox([widgets.Label("Presets"), *self.presets.values()], layout={"width": "300px"}),
            ],
            layout=widgets.Layout(flex_flow="row wrap", grid_gap="8px 24px"),
        )
        self._table.add_class("oos-table")
        self.ui.children = [
            widgets.HTML(STYLE),
            choice,
            self.buttons,
            self.status,
            self._table,
            gallery([self._dirty, self._work_done]),
            self.line,
        ]
        self.follow(self.recordings, *self.presets.values())

    def code(self) -> str:
        """Return the line that makes this panel."""
        return call(ComparePanel, self.recordings.value, presets=self._chosen())

    def _chosen(self) -> list[str]:
        return [name for name, box in self.presets.items() if box.value]

    def work(self, run: Run) -> Callable[[], str]:
        """Replay what is chosen."""
        names = self.recordings.value
        presets = self._chosen()
        if not names:
            raise ValueError("Choose at least one recording.")
        if not presets:
            raise ValueError("Choose at least one preset.")
        began = time.perf_counter()
        results: list[Result] = list(run_each(names, presets, progress=run.progress, cancelled=run.cancelled))
        took = time.perf_counter() - began
        table = headline(counters_frame(results), resyncs_frame(results))
        events = int(sum(result.counters.events for result in results))
        dirty = resync = None
        if table.dirty.notna().any():
            dirty = drawn(charts.dirty_ratio(table), charts.dirty_ratio_text(table), table)
        if table.propagated.any():
            resync = drawn(charts.resync_work(table), charts.resync_work_text(table), table)

        def show() -> str:
            self.table = table
            self._table.value = table_html(table)
            self._dirty.show(dirty) if dirty else self._dirty.clear(_NOTHING_DIRTY)
            self._work_done.show(resync) if resync else self._work_done.clear(_NO_RESYNC)
            return f"Done: {len(results)} runs, {events:,} events in {took:.1f} s."

        return show
