"""Every knob: workloads and presets along one axis or over two, and what was run once stays known."""

from __future__ import annotations

import html
import os
import time
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import pandas as pd

from .. import recordings
from ..errors import DesignError
from ..guests import FAMILIES
from ..presets import PRESETS
from ..reports import sweep_chart, sweep_columns, table_html
from ..sweeps import METRICS, Design, Pace, Store, summary, sweep
from ..sweeps.axes import axes_of, axis_values
from ..sweeps.store import own_store
from ._manners import Chart, call, drawn, gallery
from ._panel import STYLE, Panel, Run

_EMPTY = "No run yet. Choose workloads, presets and an axis, then press Run."
_NOTHING = "Nothing is known of this for what was run; the table has what is."
_EVENTS = 50_000  # lines of a generated guest: some hundredths of a second


class SweepPanel(Panel):
    """Pick workloads, presets and up to two axes, run them all, see a metric as lines or as a heat map.

    Parameters
    ----------
    workloads, presets : sequence of str, optional
        What is chosen to begin with: bundled recordings or families of guests; presets.
    axes : dict of str to str, optional
        One or two axes and their values, with commas between.
    store : path, optional
        The file that keeps the results; default: one in the user's cache folder.
    seeds : str, optional
        Of generated guests, with commas between.
    metric : str, optional
        What is shown to begin with.

    Attributes
    ----------
    workloads, presets : SelectMultiple
    axes : list of (Dropdown, Text)
        The name of each axis ("" for none), and its values.
    seeds : Text
        Of generated guests.
    metric : Dropdown
        Of `oosbench.sweeps.METRICS`; another one needs no run.
    frame : DataFrame or None
        The last run's `oosbench.sweep`.
    """

    def __init__(
        self,
        workloads: Sequence[str] = ("gcc", "sqlite"),
        presets: Sequence[str] = ("oos-snapshot", "oos-fixups"),
        axes: dict[str, str] | None = None,
        store: str | os.PathLike | None = None,
        *,
        seeds: str = "0",
        metric: str = "evictions",
    ) -> None:
        super().__init__()
        self._store = store
        self.frame: pd.DataFrame | None = None
        self._along: list[str] = []
        there = [*recordings.bundled().index, *FAMILIES]
        self.workloads = self._choice("Workloads", there, workloads)
        self.presets = self._choice("Presets", list(PRESETS), presets)
        given = [*({"oos_slots": "2, 3, 4, 8"} if axes is None else axes).items(), ("", ""), ("", "")][:2]
        self.axes = []
        for i, (name, values) in enumerate(given, 1):
            axis = widgets.Dropdown(options=["", name], value=name, description=f"Axis {i}", layout={"width": "280px"})
            text = widgets.Text(values, placeholder="2, 3, 4, 8", description="Values", layout={"width": "340px"})
            text.continuous_update = False
            self.axes.append((axis, text))
        self.seeds = widgets.Text(seeds, description="Seeds", layout={"width": "280px"}, tooltip="of generated guests")
        self.metric = widgets.Dropdown(
            options=[(metric.about, name) for name, metric in METRICS.items()],
            value=metric,
            description="Show",
            layout={"width": "400px"},
        )
        self._offer()
        self.workloads.observe(lambda change: self._offer(), "value")
        self.metric.observe(lambda change: self._redraw(), "value")
        self._chart = Chart("sweep", _EMPTY)
        self._table, self._toml = widgets.HTML(), widgets.HTML()
        row = {"flex_flow": "row wrap", "grid_gap": "0 16px"}
        self.ui.children = [
            widgets.HTML(STYLE),
            widgets.HBox([self.workloads, self.presets], layout=row),
            *(widgets.HBox(pair, layout=row) for pair in self.axes),
            widgets.HBox([self.seeds, self.metric], layout=row),
            self.buttons,
            self.status,
            gallery([self._chart]),
            self._table,
            self._toml,
            self.line,
        ]
        self.follow(self.workloads, self.presets, self.seeds, self.metric, *(w for pair in self.axes for w in pair))

    def code(self) -> str:
        """Return the line that makes this panel."""
        axes = {axis.value: text.value for axis, text in self.axes if axis.value}
        named = {"presets": self.presets.value, "axes": axes, "store": self._store}
        return call(SweepPanel, self.workloads.value, **named, seeds=self.seeds.value, metric=self.metric.value)

    def design(self) -> Design:
        """Return what is chosen.

        Raises
        ------
        DesignError
            If it cannot be; the message says what would be right.
        """
        for what in ("workloads", "presets"):
            if not getattr(self, what).value:
                raise DesignError(f"Choose at least one {what[:-1]}.")
        named = [(axis.value, text.value) for axis, text in self.axes if axis.value]
        if not named:
            raise DesignError("Choose an axis.")
        if len({name for name, _ in named}) < len(named):
            raise DesignError(f"Choose two different axes; both are {named[0][0]}.")
        return Design(
            workloads=self._workloads(),
            presets=self.presets.value,
            axes={name: axis_values(name, text) for name, text in named},
            seeds=axis_values("seeds", self.seeds.value),
        )

    def work(self, run: Run) -> Callable[[], str]:
        """Run what is not known yet."""
        design, began = self.design(), time.perf_counter()
        paces: list[Pace] = []

        def progress(pace: Pace) -> None:
            paces[1:] = [pace]
            run.progress(str(pace), pace.done, pace.total)

        with Store(self._store or own_store()) as store:
            frame = sweep(design, store, progress=progress, cancelled=run.cancelled)
        took, (first, last) = time.perf_counter() - began, (paces[0], paces[-1])

        def show() -> str:
            self.frame, self._along = frame, list(design.axes)
            table = summary(frame)
            self._table.value = table_html(table, sweep_columns(table))
            self._toml.value = (
                "<details><summary>This sweep as a file, for <code>oosbench sweep</code></summary>"
                f"<pre>{html.escape(design.to_toml())}</pre></details>"
            )
            self._redraw()
            failed = f", {last.failed:,} failed (the table says why)" if last.failed else ""
            return f"Done: {last.total:,} points, {first.done:,} of them known{failed}, in {took:.1f} s."

        return show

    def _workloads(self) -> list[str | dict[str, object]]:
        chosen = self.workloads.value
        return [{"family": name, "events": _EVENTS} if name in FAMILIES else name for name in chosen]

    def _choice(self, what: str, names: Sequence[str], chosen: Sequence[str]) -> widgets.SelectMultiple:
        layout = {"width": "300px", "height": "150px"}
        return widgets.SelectMultiple(options=names, value=tuple(chosen), description=what, layout=layout)

    def _offer(self) -> None:
        """Offer the axes that the chosen workloads have."""
        names = ["", *axes_of(self._workloads())]
        for axis, _ in self.axes:
            kept = axis.value if axis.value in names else ""
            axis.options = names
            axis.value = kept

    def _redraw(self) -> None:
        if self.frame is not None:
            figure, told = sweep_chart(self.frame, self.metric.value, self._along)
            if "No data" in told:
                self._chart.clear(_NOTHING)
            else:
                self._chart.show(drawn(figure, told, summary(self.frame)))
