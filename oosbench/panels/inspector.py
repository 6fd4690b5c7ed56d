"""The inspector: one machine at any moment of a trace, event by event."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import ipywidgets as widgets

from .. import charts, recordings
from ..presets import DEFAULT, PRESETS
from ..recordings import open_trace
from ..reports import frame_html
from ..shadow.state import INVALID
from ..stepping import KINDS, GuestL1, TimeMachine
from ..stepping.guest_l1 import shadowed_l1, slots
from ..stepping.spelled import entry_frame, l1_frame, moved_frame, slots_told
from ..traces import Trace
from ._manners import Chart, Drawn, call, offered
from ._panel import STYLE, Panel, Run

STEPS = {-100: "−100", -10: "−10", -1: "Back", 1: "Forward", 10: "+10", 100: "+100"}
_FOLLOW = -1
_EMPTY = '<div class="oos-empty">Nothing loaded yet. Choose a trace and a preset, then press Load.</div>'
_NOTHING = "Load a trace first."
_STYLE = """<style>
.oos-story { height: 136px; overflow-y: auto; }
.oos-story .widget-html-content { line-height: 1.45; }
.oos-story code { font-size: 12px; }
.oos-box { height: 196px; overflow: auto; }
.oos-entry { height: 112px; overflow: auto; }
</style>"""


class InspectorPanel(Panel):
    """Pick a trace and a preset, then go through it: what each event did, and to which table.

    Parameters
    ----------
    source : str, path or Trace
        What is chosen to begin with: a bundled recording; a file or a trace, which is offered beside the recordings.
    preset : str
        What is chosen to begin with: a preset, or one with axes set (``NAME+axis=value``).
    event : int
        Where Load goes.
    page : int, optional
        The frame of the L1 table that is kept in view.
    entry : int, optional
        The entry of it that is spelled out once it is loaded.

    Attributes
    ----------
    source, preset : Dropdown
    steps, jumps : dict of Button
        By number of events, and by what is jumped to.
    number, slider : BoundedIntText, IntSlider
        The event; set, they go there.
    page : Dropdown
        The L1 table that is looked at: that of the event, or always the same.
    cell : BoundedIntText
        The entry that is spelled out; it follows the event.
    time : TimeMachine or None
    """

    def __init__(
        self,
        source: str | os.PathLike | Trace = "sqlite",
        preset: str = DEFAULT,
        *,
        event: int = 1,
        page: int | None = None,
        entry: int | None = None,
    ) -> None:
        super().__init__()
        self._first, self._entry_first = event, entry
        self._lock = threading.Lock()  # of the time machine, and of what shows it
        self._showing = False
        self._last: int | None = None
        self._usual = 0  # the entry that the event brings along
        self.time: TimeMachine | None = None
        self._make_controls(source, preset, page)
        self._make_outputs()
        row = widgets.Layout(flex_flow="row wrap", grid_gap="0 8px", align_items="center")
        self.ui.children = [
            widgets.HTML(STYLE + _STYLE),
            widgets.HBox([self.source, self.preset], layout=row),
            self.buttons,
            widgets.HBox([widgets.HBox([*self.steps.values()]), widgets.HBox([*self.jumps.values()])], layout=row),
            widgets.HBox([self.number, self.total, self.slider], layout=row),
            self.status,
            self._story,
            self._grid.ui,
            widgets.HTML(charts.legend()),
            widgets.HBox([self.page, self.cell], layout=row),
            self._entry,
            widgets.HBox(
                [
                    widgets.VBox([self._slots], layout={"flex": "1 1 340px", "min_width": "0"}),
                    widgets.VBox([self._moved], layout={"flex": "1 1 240px", "min_width": "0"}),
                ],
                layout=widgets.Layout(flex_flow="row wrap", grid_gap="0 16px"),
            ),
            self.line,
        ]
        self.follow(self.source, self.preset, self.number, self.page, self.cell)

    def code(self) -> str:
        """Return the line that makes this panel; Load then goes where this one is."""
        here = self._first, self._entry_first
        if self.time is not None:
            here = self.number.value, None if self.cell.value == self._usual else self.cell.value
        page = None if self.page.value == _FOLLOW else self.page.value
        return call(
            InspectorPanel, self.source.value, preset=self.preset.value, event=here[0], page=page, entry=here[1]
        )

    def _make_controls(self, source: str | os.PathLike | Trace, preset: str, page: int | None) -> None:
        wide, narrow = {"width": "300px"}, {"width": "auto"}
        sources = dict.fromkeys([source, *recordings.bundled().index])
        self.source = widgets.Dropdown(options=offered(sources), value=source, description="Trace", layout=wide)
        self.preset = widgets.Dropdown(
            options=list(dict.fromkeys([preset, *PRESETS])), value=preset, description="Preset", layout=wide
        )
        self.run.description, self.run.icon = "Load", "folder-open"
        self.steps = {
            n: widgets.Button(description=label, layout=narrow, tooltip=f"{abs(n)} events {'on' if n > 0 else 'back'}")
            for n, label in STEPS.items()
        }
        self.steps[-1].tooltip, self.steps[1].tooltip = "one event back", "one event on"
        self.jumps = {
            kind: widgets.Button(description=f"Next {kind}", layout=narrow, tooltip=f"to the next that moves {name}")
            for kind, name in KINDS.items()
        }
        self.number = widgets.BoundedIntText(0, 0, 0, description="Event", layout={"width": "190px"})
        self.total = widgets.Label("of 0")
        self.slider = widgets.IntSlider(0, 0, 0, readout=False, continuous_update=False, layout=wide, tooltip="event")
        pages = [("of the event", _FOLLOW)] + ([] if page is None else [(f"frame {page:#x}", page)])
        self.page = widgets.Dropdown(options=pages, value=pages[-1][1], description="L1 table", layout=wide)
        self.cell = widgets.BoundedIntText(0, 0, 1023, description="Entry", layout={"width": "190px"})
        for n, button in self.steps.items():
            button.on_click(lambda _, n=n: self.step(n))
        for kind, button in self.jumps.items():
            button.on_click(lambda _, kind=kind: self.jump(kind))
        for field in (self.number, self.slider):
            field.observe(lambda change: None if self._showing else self.goto(change.new), "value")
        self.page.observe(lambda change: self._look(), "value")
        self.cell.observe(lambda change: self._look(), "value")

    def _make_outputs(self) -> None:
        self._story, self._grid, self._entry = widgets.HTML(_EMPTY), Chart("l1_table"), widgets.HTML()
        self._grid.show(_drawn(None, -1))
        self._grid.ui.layout = widgets.Layout()  # three tables are as wide as the page
        self._slots, self._moved = widgets.HTML(), widgets.HTML()
        outputs = (self._story, self._entry, self._slots, self._moved)
        for output, name in zip(outputs, ("oos-story", "oos-entry", "oos-box", "oos-box"), strict=True):
            output.add_class(name)

    # --- what the buttons do ----------------------------------------------------------------------------------

    def work(self, run: Run) -> Callable[[], str]:
        """Load what is chosen."""
        run.progress(f"Reading {self.source.label}", 0, 1)
        loaded = TimeMachine(open_trace(self.source.value), self.preset.value)
        loaded.goto(min(self._first, loaded.events), run.cancelled)

        def show() -> str:
            with self._lock:
                self.time, self._last = loaded, None
                self._show()
            self.cell.value = self.cell.value if self._entry_first is None else self._entry_first
            self._first, self._entry_first = 1, None  # what is loaded next has other events
            return f"{loaded.machine.trace.name} on {loaded.machine.preset.name}: {loaded.events:,} events."

        return show

    def step(self, n: int) -> None:
        """Go some events on, or back if `n` is negative; at once."""
        if self.time is None:
            self.say(_NOTHING)
            return
        self.stop()
        began = time.perf_counter()
        with self._lock:
            self.time.forward(n)
            self._show()
        self.say(self._told(began))

    def goto(self, number: int) -> None:
        """Begin to go to an event."""
        self._travel(lambda run: self.time.goto(number, run.cancelled))

    def jump(self, kind: str) -> None:
        """Begin to go to the next event of a kind: "fault", "unsync", "resync" or "eviction"."""

        def go(run: Run) -> str | None:
            found = self.time.next(kind, run.cancelled, lambda done, total: run.progress(f"Next {kind}", done, total))
            return None if found else f"There is no {kind} after event {self.time.event:,}."

        self._travel(go)

    def _travel(self, go: Callable[[Run], object]) -> None:
        """Begin to go somewhere that may be far away."""

        def work(run: Run) -> Callable[[], str]:
            began = time.perf_counter()
            with self._lock:
                found = go(run)

            def show() -> str:
                with self._lock:
                    self._show()
                return found if isinstance(found, str) else self._told(began)

            return show

        if self.time is None:
            self.say(_NOTHING)
        else:
            self.start(work)

    def _told(self, began: float) -> str:
        return f"Event {self.time.event:,} of {self.time.events:,}, in {1000 * (time.perf_counter() - began):.0f} ms."

    # --- what is shown ----------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Show the moment."""
        moment = self.time.moment
        self._showing = True
        try:
            for field in (self.number, self.slider):
                field.max = self.time.events
                field.value = moment.number
            self.total.value = f"of {self.time.events:,}"
            self._offer_pages()
            focus = self.time.focus()
            self._usual = 0
            if focus is not None and self.page.value in (_FOLLOW, focus[0].gmfn) and focus[1] >= 0:
                self.cell.value = self._usual = focus[1]
        finally:
            self._showing = False
        self._story.value = charts.story(self.time)
        self._slots.value = frame_html(slots_told(self.time), "Slots of the vCPUs")
        self._moved.value = frame_html(moved_frame(moment), "Counters that moved")
        self._draw()

    def _offer_pages(self) -> None:
        """Offer the tables that there are, and keep the choice."""
        chosen, d = self.page.value, self.time.domain
        held = {gmfn: f"frame {gmfn:#x}, in slot {slot} of vCPU {v}" for v, slot, gmfn in slots(d) if gmfn != INVALID}
        others = sorted({*shadowed_l1(d), *([chosen] if chosen != _FOLLOW else [])} - {*held})
        options = [("of the event", _FOLLOW), *((told, gmfn) for gmfn, told in held.items())]
        options += [(f"frame {gmfn:#x}", gmfn) for gmfn in others]
        if list(self.page.options) != options:
            self.page.options = options
            self.page.value = chosen

    def _look(self) -> None:
        """Show another table, or another entry."""
        # While a run has the time machine there is no waiting for it: it will draw.
        if self.time is not None and not self._showing and self._lock.acquire(blocking=False):
            try:
                self._draw()
            finally:
                self._lock.release()

    def _draw(self) -> None:
        """Draw the table that is looked at, and spell out its entry."""
        l1 = self._looked_at()
        if l1 is None:
            self._grid.show(_drawn(None, -1))
            self._entry.value = ""
            return
        cell = min(self.cell.value, l1.entries - 1)
        self._grid.show(_drawn(l1, cell))
        self._entry.value = frame_html(entry_frame(self.time.domain, l1, cell).reset_index(), f"Entry {cell}")

    def _looked_at(self) -> GuestL1 | None:
        """Return the chosen table, or that of the event, or that of the last event which had one."""
        if self.page.value != _FOLLOW:
            return GuestL1.of(self.time.domain, self.page.value)
        focus = self.time.focus()
        if focus is not None:
            self._last = None if focus[0].splintered else focus[0].gmfn
            return focus[0]
        return None if self._last is None else GuestL1.of(self.time.domain, self._last)


def _drawn(l1: GuestL1 | None, cell: int) -> Drawn:
    """Return a table, drawn; and what it is saved as."""
    files = {
        "svg": lambda: charts.grid_svg(l1, cell).encode(),
        "csv": lambda: l1_frame(l1).to_csv(index=False).encode(),
    }
    return Drawn(charts.grid(l1, cell), files)
