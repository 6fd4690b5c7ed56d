"""The explorer of dirty entries: what content passes found, by recording, cause, structure and age."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import pandas as pd

from .. import charts, recordings
from ..machine import dirty, resyncs_frame, run_each
from ..presets import DEFAULT, PRESETS, preset
from ..reports import DIRTY, table_html
from ..traces import Trace
from ._manners import Chart, Drawn, call, drawn, empty, gallery, offered
from ._panel import STYLE, Panel, Run

_EMPTY = "No run yet. Choose recordings and a preset, then press Run."
_NONE = "No pass of this kind. Choose another cause, or fewer entries compared."
_NO_RESYNC = "Nothing was resynced: in these runs no table was out of sync when it had to be looked at."


class DirtyPanel(Panel):
    """Pick recordings and a preset, run them, and look at what resyncs found; filters need no new run.

    Parameters
    ----------
    sources : sequence of str, path or Trace
        What is chosen to begin with: bundled recordings; files or traces, which are offered beside them.
    preset : str
        What is chosen to begin with: one that keeps a snapshot.
    cause : str
        Only passes made for this reason are shown: one of `oosbench.machine.dirty.CAUSES`, or "all".
    compared : int
        Only passes that compared at least so many entries.

    Attributes
    ----------
    sources : SelectMultiple
    file : Text
        Another trace, by its file.
    preset, cause : Dropdown
    compared : BoundedIntText
    table : DataFrame or None
        What the table shows: see `oosbench.machine.dirty.table`.
    passes : DataFrame or None
        Every pass that is shown: see `oosbench.machine.dirty.chosen`.
    """

    def __init__(
        self,
        sources: Sequence[str | os.PathLike | Trace] = ("gcc",),
        preset: str = DEFAULT,
        cause: str = dirty.ALL,
        compared: int = 1,
    ) -> None:
        super().__init__()
        self.table: pd.DataFrame | None = None
        self.passes: pd.DataFrame | None = None
        self._resyncs: pd.DataFrame | None = None
        self._make_controls(sources, preset, cause, compared)
        self._table = widgets.HTML(empty(_EMPTY))
        self._charts = [Chart(name) for name in ("dirty_ecdf", "dirty_causes", "dirty_runs", "dirty_against")]
        row = widgets.Layout(flex_flow="row wrap", grid_gap="0 16px")
        self.ui.children = [
            widgets.HTML(STYLE),
            widgets.HBox([self.sources, widgets.VBox([self.file, self.preset])], layout=row),
            self.buttons,
            widgets.HBox([self.cause, self.compared], layout=row),
            self.status,
            gallery(self._charts),
            self._table,
            self.line,
        ]
        self.follow(self.sources, self.file, self.preset, self.cause, self.compared)

    def _make_controls(
        self, sources: Sequence[str | os.PathLike | Trace], preset: str, cause: str, compared: int
    ) -> None:
        wide = {"width": "320px"}
        there = dict.fromkeys([*sources, *recordings.bundled().index])
        kept = [name for name, p in PRESETS.items() if p.snapshot != "off"]
        self.sources = widgets.SelectMultiple(
            options=offered(there),
            value=tuple(sources),
            description="Recordings",
            layout={"width": "280px", "height": f"{20 * len(there) + 12}px"},
        )
        self.file = widgets.Text(
            description="Trace file", placeholder="mine.npz", continuous_update=False, layout=wide,
            tooltip="a trace to run besides: text, packed or not, or npz",
        )  # fmt: skip
        self.preset = widgets.Dropdown(
            options=list(dict.fromkeys([preset, *kept])), value=preset, description="Preset", layout=wide,
            tooltip="of the machine; those that keep a snapshot know what is dirty",
        )  # fmt: skip
        self.cause = widgets.Dropdown(
            options=[dirty.ALL, *dirty.CAUSES], value=cause, description="Cause", layout={"width": "280px"},
            tooltip="only passes made for this reason",
        )  # fmt: skip
        self.compared = widgets.BoundedIntText(
            compared, 1, 1024, description="Compared, at least", style={"description_width": "130px"},
            layout={"width": "230px"}, tooltip="only passes that compared at least so many entries",
        )  # fmt: skip
        for control in (self.cause, self.compared):
            control.observe(lambda change: self._filter(), "value")

    def code(self) -> str:
        """Return the line that makes this panel."""
        return call(
            DirtyPanel,
            self._sources(),
            preset=self.preset.value,
            cause=self.cause.value,
            compared=self.compared.value,
        )

    def _sources(self) -> list[str | os.PathLike | Trace]:
        """Return what is to be run; the file may be one that is offered already."""
        return list(dict.fromkeys([*self.sources.value, *filter(None, [self.file.value.strip()])]))

    def work(self, run: Run) -> Callable[[], str]:
        """Replay what is chosen."""
        names, under = self._sources(), preset(self.preset.value)
        if not names:
            raise ValueError("Choose at least one recording, or a trace file.")
        if under.snapshot == "off":
            raise ValueError(f"{under.name} keeps no snapshot, so nothing is known to be dirty.")
        results = list(run_each(names, [under], progress=run.progress, cancelled=run.cancelled))
        resyncs = resyncs_frame(results)
        by = self._filters()
        shown = self._draw(resyncs, by)

        def show() -> str:
            self._resyncs = resyncs
            if by != self._filters():  # they were changed meanwhile
                self._filter()
            return f"Done: {under.name}. {self._show(*shown)}"

        return show

    def _filters(self) -> tuple[str, int]:
        return self.cause.value, self.compared.value

    def _filter(self) -> None:
        """Show other passes of the last run, soon."""
        if self._resyncs is not None:
            self.soon(self._refilter)

    def _refilter(self) -> None:
        resyncs = self._resyncs
        shown = self._draw(resyncs, self._filters())
        # A run that ended in the meantime has shown what is newer.
        if resyncs is self._resyncs:
            told = self._show(*shown)
            if not self.busy:
                self.say(told)

    def _draw(self, resyncs: pd.DataFrame, by: tuple[str, int]) -> tuple[pd.DataFrame, pd.DataFrame, list[Drawn]]:
        """Return what the filters leave of some passes, its table, and its charts: none if nothing is left."""
        passes = dirty.chosen(resyncs, *by)
        table = dirty.table(passes)
        if passes.empty:
            return passes, table, []
        behind = (dirty.steps(passes), dirty.by_cause(passes), dirty.structure(passes), dirty.averages(passes))
        draw = (
            (charts.dirty_ecdf, charts.dirty_ecdf_text),
            (charts.dirty_causes, charts.dirty_causes_text),
            (charts.dirty_runs, charts.dirty_runs_text),
            (charts.dirty_against, charts.dirty_against_text),
        )
        return passes, table, [drawn(one(passes), told(passes), f) for (one, told), f in zip(draw, behind, strict=True)]

    def _show(self, passes: pd.DataFrame, table: pd.DataFrame, pictures: list[Drawn]) -> str:
        self.passes, self.table = passes, table
        for i, chart in enumerate(self._charts):
            chart.show(pictures[i]) if pictures else chart.clear()
        words = _NO_RESYNC if self._resyncs.empty else _NONE
        self._table.value = table_html(table, DIRTY) if pictures else empty(words)
        return dirty.sentence(passes, self._resyncs)
