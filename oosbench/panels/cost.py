"""What the snapshot is worth at prices of the reader's own: change one, and the answer and its charts follow."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from .. import charts, recordings
from ..costs import WITH, WITHOUT, Processor, Tally, breakdown, processor, processors, tally, verdict
from ..costs.breakdown import side_by_side
from ..costs.breakeven import curves
from ..costs.calibration import NAME, this_machine
from ..costs.primitives import EVENTS
from ..costs.worth import sensitivity, worth_of
from ..errors import CostError
from ..machine import Result, run_each
from ..reports import DECIDES, WORTH, columns_of, table_html
from ._manners import Chart, Drawn, call, empty, files, gallery
from ._panel import STYLE, Panel, Run

#: The prices that decide, each a field.
DECIDING = ("snapshot_copy", "snapshot_compare", "snapshot_entry_write", "p2m_lookup", "propagate", "set_l1e_call")
_EMPTY = "No run yet. Choose a recording and a processor, then press Run."
_SHARE = ("share", "of all", "{:.1%}")
_UNMEASURED = "Core 2 6420"  # whose prices stand in the fields until this machine has been measured


class CostPanel(Panel):
    """Pick a recording and a processor, run it with the snapshot and without, then change prices: no run is needed.

    Parameters
    ----------
    recording, of : str
        What is chosen to begin with.
    **prices : float
        Prices in cycles that differ from those of the processor, by event.

    Attributes
    ----------
    recording, processor : Dropdown
    prices : dict of str to BoundedFloatText
        By event, in cycles. Choosing a processor sets them; "this machine" is measured by a run.
    table : DataFrame or None
        The row of `oosbench.costs.worth` that is shown; it follows the prices as soon as `wait` returns.
    """

    def __init__(self, recording: str = "gcc", of: str = "Core 2 6420", **prices: float) -> None:
        super().__init__()
        wide = widgets.Layout(width="320px")
        self.recording = widgets.Dropdown(
            options=list(recordings.bundled().index), value=recording, description="Recording", layout=wide
        )
        self.processor = widgets.Dropdown(options=[*processors(), NAME], value=of, description="Processor", layout=wide)
        self.prices = {
            event: widgets.BoundedFloatText(
                min=0,
                max=1e6,
                description=EVENTS[event].about,
                style={"description_width": "260px"},
                layout={"width": "350px"},
            )
            for event in DECIDING
        }
        self.table = None
        self._pair: tuple[Result, Result] | None = None
        self._tallies: tuple[Tally, Tally] | None = None
        self._here: Processor | None = None
        self._table = widgets.HTML(empty(_EMPTY), layout={"min_height": "98px"})  # of three lines: "NAME, changed"
        self._decides, self._parts = widgets.HTML(), widgets.HTML()
        self._curve, self._tornado = Chart("break_even"), Chart("tornado")
        self._table.add_class("oos-priced")
        if unknown := prices.keys() - set(DECIDING):
            raise CostError(f"no price {', '.join(sorted(unknown))} here; there are {', '.join(DECIDING)}")
        self._given = prices
        self._use(processor(_UNMEASURED if of == NAME else of))
        self.processor.observe(lambda change: self._choose(), "value")
        for field in self.prices.values():
            field.observe(lambda change: self._reprice(), "value")
        row = widgets.Layout(flex_flow="row wrap", grid_gap="0 16px")
        self.ui.children = [
            widgets.HTML(STYLE),
            widgets.HBox([self.recording, self.processor], layout=row),
            widgets.Label("Prices in cycles; change one and the answer follows"),
            widgets.HBox(list(self.prices.values()), layout=row),
            self.buttons,
            self.status,
            self._table,
            gallery([self._curve, self._tornado]),
            self._decides,
            self._parts,
            self.line,
        ]
        self.follow(self.recording, self.processor, *self.prices.values())

    def code(self) -> str:
        """Return the line that makes this panel."""
        return call(CostPanel, self.recording.value, self.processor.value, **self._changed())

    def _changed(self) -> dict[str, float]:
        """Return the prices that are not the processor's."""
        return {
            event: field.value
            for event, field in self.prices.items()
            if field.value != round(self._base.prices[event].cycles, 3)
        }

    def work(self, run: Run) -> Callable[[], str]:
        """Replay the recording without the snapshot and with it; measure this machine first, if it is chosen."""
        name, chosen = self.recording.value, self.processor.value
        if chosen == NAME and self._here is None:
            run.progress("Measuring this machine", 0, 1)
            self._here = this_machine()
        pair = tuple(run_each([name], [WITHOUT, WITH], progress=run.progress, cancelled=run.cancelled))
        tallies = tuple(map(tally, pair))

        def show() -> str:
            self._pair, self._tallies = pair, tallies
            if chosen == NAME and self._base is not self._here:
                self._use(self._here)
            return self._answer()

        return show

    def priced(self) -> Processor:
        """Return the processor with the prices in the fields.

        A price that was not touched keeps its range; one that was has none.
        """
        changed = self._changed()
        return self._base.replace(**changed) if changed else self._base

    def _use(self, of: Processor) -> None:
        """Begin with the prices of a processor, and those that were given."""
        self._base = of
        self._setting = True
        for event, field in self.prices.items():
            field.value = self._given.get(event, round(of.prices[event].cycles, 3))
        self._setting = False

    def _choose(self) -> None:
        self._given = {}  # they belong to the processor chosen before
        if self.processor.value == NAME and self._here is None:
            self.start()
            return
        self._use(self._here if self.processor.value == NAME else processor(self.processor.value))
        self._reprice()

    def _reprice(self) -> None:
        if self._pair is not None and not self._setting:
            self.soon(self._follow)

    def _follow(self) -> None:
        self.say(self._answer())

    def _answer(self) -> str:
        """Show the table and the charts at the prices in the fields; return what they say in a sentence."""
        of = self.priced()
        self.table = table = worth_of(*self._pair, [of], pair=self._tallies)
        curve, decides = curves([of], draws=500), sensitivity(*self._tallies, of)
        self._table.value = table_html(table, WORTH)
        self._curve.show(
            Drawn(
                charts.quick_break_even(curve, table),
                files(lambda: charts.break_even(curve, guests=table), curve),
            )
        )
        self._tornado.show(Drawn(charts.quick_tornado(decides), files(lambda: charts.tornado(decides), decides)))
        # The charts are on their way; what takes longer comes after them.
        self._decides.value = _titled("How much each price decides", table_html(decides.head(6), DECIDES))
        parts = side_by_side(breakdown(self._tallies, of))
        self._parts.value = _titled("Where the cycles go", table_html(parts, (*columns_of(parts)[:-1], _SHARE)))
        return f"Done. {verdict(table)}"


def _titled(title: str, table: str) -> str:
    return f"<details open><summary>{title}</summary>{table}</details>"
