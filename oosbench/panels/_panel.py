"""What all panels share: a run in a thread of its own, Cancel, progress, a status line, and a line to paste.

A worker thread sets plain traits of widgets, and seldom: a server drops messages for good when they come too
fast. A run that was cancelled, or overtaken by another, can no longer show anything.
"""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable

import ipywidgets as widgets

from ..compiled import Compiling
from ..machine import Cancelled
from ._later import PAUSE, Later
from ._manners import line_html

STYLE = """<style>
.oos-panel { max-width: 100%; }
.oos-status { min-height: 24px; }
.oos-empty { color: var(--jp-ui-font-color2, #555); padding: 16px 0; }
.oos-error { color: var(--jp-error-color0, #b00020); }
.oos-scroll { overflow-x: auto; }
.oos-scroll table { border-collapse: collapse; line-height: 1.5; font-size: 12px; }
.oos-scroll th, .oos-scroll td { padding: 2px 4px; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; border-bottom: 1px solid var(--jp-border-color2, #ccc); }
.oos-scroll th { white-space: normal; vertical-align: bottom; }
@media (max-width: 800px) {
  .oos-scroll table { font-size: 11px; }
  .oos-scroll th, .oos-scroll td { padding: 2px 3px; }
}
.oos-scroll tr > :nth-child(-n+2) { text-align: left; }
.oos-priced td:nth-child(2) { white-space: normal; }
.oos-panel pre.oos-scroll { word-break: normal; overflow-wrap: anywhere; }
.oos-panel img { border-radius: 3px; margin: 8px 0 0; }
.oos-save button { width: auto; height: 24px; line-height: 22px; padding: 0 8px; }
.oos-line { display: flex; align-items: center; gap: 8px; flex-wrap: wrap; line-height: 1.5; }
.oos-line code { user-select: all; overflow-wrap: anywhere; white-space: pre-wrap; padding: 2px 6px;
  background: var(--jp-layout-color2, #eee); color: var(--jp-ui-font-color1, #333); }
.oos-line button { width: auto; height: 26px; line-height: 24px; }
</style>"""


class Run:
    """One run of a panel: asked to stop, it is heard no more."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._stopped = threading.Event()
        self._last = 0.0

    def stop(self) -> None:
        """Ask the run to end."""
        self._stopped.set()

    def cancelled(self) -> bool:
        """Say whether the run is to end."""
        return self._stopped.is_set()

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far the run is, at most ten times a second."""
        now = time.monotonic()
        if not self.cancelled() and now - self._last >= PAUSE:
            self._last = now
            self._panel.show_progress(what, done / max(total, 1))


class Panel:
    """Controls, a run, and what it shows. A subclass has `work`, and puts its widgets into `ui`.

    Attributes
    ----------
    ui : Widget
        What a notebook shows.
    run, cancel : Button
    status : HTML
        One line that says what is going on, or what went wrong.
    line : HTML
        The line of Python that makes this panel as it is, see `code`; to be put into `ui`.
    live : Later
        For what follows the controls without a run.
    """

    def __init__(self) -> None:
        self.run = widgets.Button(description="Run", button_style="primary", icon="play")
        self.cancel = widgets.Button(description="Cancel", icon="stop", disabled=True)
        self.bar = widgets.FloatProgress(min=0, max=1, layout=widgets.Layout(width="180px"))
        self.status = widgets.HTML("Ready.")
        self.status.add_class("oos-status")
        self.line = widgets.HTML()
        self.live = Later()
        self.run.on_click(lambda _: self.start())
        self.cancel.on_click(lambda _: self.stop())
        self._current: Run | None = None
        self._thread: threading.Thread | None = None
        self.buttons = widgets.HBox(
            [self.run, self.cancel, self.bar], layout=widgets.Layout(flex_flow="row wrap", align_items="center")
        )
        self.ui = widgets.VBox()
        self.ui.add_class("oos-panel")

    def work(self, run: Run) -> Callable[[], str]:
        """Do the work, in a thread; return what shows it, which in turn returns the closing status."""
        raise NotImplementedError

    def code(self) -> str:
        """Return the line of Python that makes a panel like this one, with its controls as they are."""
        raise NotImplementedError

    def follow(self, *controls: widgets.Widget) -> None:
        """Keep the line up to date with these controls."""
        for control in controls:
            control.observe(lambda change: self.spell(), "value")
        self.spell()

    def spell(self) -> None:
        """Show the line that makes this panel."""
        self.line.value = line_html("This panel in Python", self.code())

    def start(self, work: Callable[[Run], Callable[[], str]] | None = None) -> None:
        """Begin a run of `work`, as the Run button does. One that is under way is given up."""
        self.stop()
        self._current = Run(self)
        self.run.disabled, self.cancel.disabled = True, False
        self.show_progress("Starting", 0)
        self._thread = threading.Thread(target=self._work, args=(self._current, work or self.work), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give up the run that is under way, if any."""
        if self._current is not None:
            self._current.stop()
            self._end("Cancelled. What was shown before is still there.")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the last run has ended, and what follows the controls has followed; say whether that is so."""
        if self._thread is not None:
            self._thread.join(timeout)
        followed = self.live.wait(timeout)
        return followed and (self._thread is None or not self._thread.is_alive())

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self._current is not None

    def soon(self, work: Callable[[], None]) -> None:
        """Have something done without a run, soon and in a thread; see `Later.ask`."""

        def careful() -> None:
            try:
                work()
            except Exception as error:  # whatever it was, the reader must learn of it
                self.complain(error)

        self.live.ask(careful)

    def say(self, words: str) -> None:
        """Say something in the status line. It is plain text: names of files and traces may be anything."""
        self.status.value = html.escape(words)

    def complain(self, error: Exception) -> None:
        """Say in the status line what went wrong."""
        words = html.escape(str(error) or type(error).__name__)
        self.status.value = f'<span class="oos-error">{words}</span>'

    def show_progress(self, what: str, share: float) -> None:
        """Show what is being done, and how much of it is."""
        self.bar.value = share
        self.say(f"{what} …")

    def _work(self, run: Run, work: Callable[[Run], Callable[[], str]]) -> None:
        def compiling(done: int, total: int) -> None:
            run.progress("Compiling the shadow MMU, once (about half a minute)", done, total)

        try:
            with Compiling(compiling):
                show = work(run)
            if not run.cancelled():
                self._end(show(), 1)
        except Cancelled:
            pass
        except Exception as error:  # whatever it was, the reader must learn of it
            if not run.cancelled():
                self._end(error)

    def _end(self, status: str | Exception, share: float = 0) -> None:
        self._current = None
        self.bar.value = share
        self.complain(status) if isinstance(status, Exception) else self.say(status)
        self.run.disabled, self.cancel.disabled = False, True
