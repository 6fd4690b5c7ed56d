"""The comparison: the same guests on machines of several presets, side by side."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import pandas as pd

from .. import charts, recordings
from ..machine import PRESETS_TO_COMPARE, Names, Result, counters_frame, headline, resyncs_frame, run_each
from ..presets import DEFAULT, PRESETS, Preset, axes, preset, with_axes
from ..reports import table_html
from ..traces import Trace
from ._manners import Chart, call, drawn, empty, gallery, offered
from ._panel import STYLE, Panel, Run

_EMPTY = "No run yet. Choose traces and presets, then press Run."
_NOTHING_DIRTY = "None of these presets keeps a snapshot, so nothing is known to be dirty."
_NO_RESYNC = "None of these presets resyncs: every write to a table is emulated."


class ComparePanel(Panel):
    """Pick traces and presets, run them, see the table and three charts.

    Parameters
    ----------
    names : sequence of str, path or Trace, optional
        What is chosen to begin with: bundled recordings; files and traces, which are offered beside them.
    presets : sequence of str or Preset, optional
        What is chosen to begin with: presets by name, or of your own, which are offered beside them.
    shared : str, optional
        Axes to be set on all of them, with blanks between: ``oos_slots=8 prefetch=off``.

    Attributes
    ----------
    recordings : SelectMultiple
    presets : dict of str to Checkbox
    shared : Text
    table : DataFrame or None
        The last run's `oosbench.headline`.
    """

    def __init__(
        self,
        names: Sequence[str | os.PathLike | Trace] = ("gcc",),
        presets: Sequence[str | Preset] = PRESETS_TO_COMPARE,
        shared: str = "",
    ) -> None:
        super().__init__()
        sources = list(dict.fromkeys([*recordings.bundled().index, *names]))
        self.recordings = widgets.SelectMultiple(
            options=offered(sources),
            value=tuple(names),
            rows=len(sources),
            description="Traces",
            layout=widgets.Layout(width="280px", height=f"{20 * len(sources) + 12}px"),
        )
        machines = Names()
        bundled = [machines.of_preset(p) for p in PRESETS.values()]
        chosen = {p.name: p for p in map(machines.of_preset, map(preset, presets))}
        self._offered = {p.name: p for p in bundled} | chosen
        self.presets = {
            name: widgets.Checkbox(name in chosen, description=name, indent=False, tooltip=p.about)
            for name, p in self._offered.items()
        }
        self.shared = widgets.Text(
            shared,
            placeholder="oos_slots=8 prefetch=off",
            description="Set for all",
            tooltip=f"axes of presets: {', '.join(axes(PRESETS[DEFAULT]))}",
            layout={"width": "min(100%, 480px)"},
        )
        self.table: pd.DataFrame | None = None
        self._table = widgets.HTML(empty(_EMPTY))
        self._dirty, self._work_done = Chart("dirty_ratio"), Chart("resync_work")
        self._multiples = Chart("multiples")
        boxes = widgets.VBox([widgets.Label("Presets"), *self.presets.values()], layout={"width": "300px"})
        choice = widgets.HBox(
            [self.recordings, boxes], layout=widgets.Layout(flex_flow="row wrap", grid_gap="8px 24px")
        )
        self.ui.children = [
            widgets.HTML(STYLE),
            choice,
            self.shared,
            self.buttons,
            self.status,
            self._table,
            gallery([self._multiples, self._dirty, self._work_done]),
            self.line,
        ]
        self.follow(self.recordings, self.shared, *self.presets.values())

    def code(self) -> str:
        """Return the line that makes this panel."""
        names = [name for name, box in self.presets.items() if box.value]
        return call(ComparePanel, self.recordings.value, presets=names, shared=self.shared.value)

    def _chosen(self) -> list[Preset]:
        """Return the presets that are ticked, with what is set for all."""
        words = self.shared.value.replace(",", " ").split()
        ticked = [self._offered[name] for name, box in self.presets.items() if box.value]
        return [with_axes(p, words) for p in ticked]

    def work(self, run: Run) -> Callable[[], str]:
        """Replay what is chosen."""
        names = self.recordings.value
        presets = self._chosen()
        if not names:
            raise ValueError("Choose at least one trace.")
        if not presets:
            raise ValueError("Choose at least one preset.")
        began = time.perf_counter()
        results: list[Result] = list(run_each(names, presets, progress=run.progress, cancelled=run.cancelled))
        took = time.perf_counter() - began
        table = headline(counters_frame(results), resyncs_frame(results))
        events = int(sum(result.counters.events for result in results))
        multiples = drawn(charts.multiples(table), charts.multiples_text(table), table)
        dirty = resync = None
        if table.dirty.notna().any():
            dirty = drawn(charts.dirty_ratio(table), charts.dirty_ratio_text(table), table)
        if table.propagated.any():
            resync = drawn(charts.resync_work(table), charts.resync_work_text(table), table)

        def show() -> str:
            self.table = table
            self._table.value = table_html(table)
            self._multiples.show(multiples)
            self._dirty.show(dirty) if dirty else self._dirty.clear(_NOTHING_DIRTY)
            self._work_done.show(resync) if resync else self._work_done.clear(_NO_RESYNC)
            return f"Done: {len(results)} runs, {events:,} events in {took:.1f} s."

        return show
