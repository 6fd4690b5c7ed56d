"""Published figures, one at a time, beside what the model says."""

from __future__ import annotations

import html
import time
from collections.abc import Callable

import ipywidgets as widgets
import pandas as pd

from ..figures import FIGURES, NOT_REPRODUCED, agreement_told
from ..machine import Cancelled
from ..reports import columns_of, table_html
from ._manners import Chart, call, drawn, gallery
from ._panel import STYLE, Panel, Run

_EMPTY = "No figure yet. Choose one, then press Run."
_LINES = ("CALIBRATED", "PREDICTED", "TRUST", "MISSES")


class PublishedPanel(Panel):
    """Pick a published figure, and see it drawn beside the model's, with what was calibrated and what is missed.

    Parameters
    ----------
    figure : str, optional
        What is chosen to begin with, a name of `oosbench.figures.FIGURES`.

    Attributes
    ----------
    figure : Dropdown
    table : DataFrame or None
        Published and modelled numbers of the last run.
    """

    def __init__(self, figure: str = "ddk_build") -> None:
        super().__init__()
        titles = [(_title(name), name) for name in FIGURES]
        self.figure = widgets.Dropdown(
            options=titles, value=figure, description="Figure", layout=widgets.Layout(width="min(100%, 640px)")
        )
        self.table: pd.DataFrame | None = None
        self._chart = Chart("published", _EMPTY)
        self._lines, self._table = widgets.HTML(), widgets.HTML()
        left_out = "".join(f"<li>{html.escape(what)}: {html.escape(why)}</li>" for what, why in NOT_REPRODUCED)
        self.ui.children = [
            widgets.HTML(STYLE),
            self.figure,
            self.buttons,
            self.status,
            gallery([self._chart]),
            self._lines,
            self._table,
            widgets.HTML(f"<details><summary>What is not reproduced, and why</summary><ul>{left_out}</ul></details>"),
            self.line,
        ]
        self.follow(self.figure)

    def code(self) -> str:
        """Return the line that makes this panel."""
        return call(PublishedPanel, self.figure.value)

    def work(self, run: Run) -> Callable[[], str]:
        """Make the table and the chart of the figure that is chosen."""
        name = self.figure.value
        figure = FIGURES[name]
        began = time.perf_counter()

        def progress(done: int, total: int) -> None:
            run.progress(_title(name), done, total)
            if run.cancelled():
                raise Cancelled

        table = figure.table(progress)
        took = time.perf_counter() - began
        chart = drawn(figure.chart(table), figure.chart_text(table), table)
        lines = "".join(f"<dt>{line.capitalize()}</dt><dd>{html.escape(getattr(figure, line))}</dd>" for line in _LINES)
        lines += f"<dt>Agreement</dt><dd>{html.escape(agreement_told(figure, table))}</dd>"

        def show() -> str:
            self.table = table
            self._chart.show(chart)
            self._lines.value = f"<dl>{lines}</dl>"
            self._table.value = table_html(table, columns_of(table))
            return f"Done: {len(table)} rows in {took:.1f} s."

        return show


def _title(name: str) -> str:
    """Return the first line of a figure's own description."""
    return (FIGURES[name].__doc__ or name).partition("\n")[0].rstrip(".")
