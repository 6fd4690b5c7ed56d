"""Recording: a program of one's own in a Linux guest, and what it does to its page tables at a glance."""

from __future__ import annotations

import html
import shlex
import time
from collections.abc import Callable

import ipywidgets as widgets

from .. import charts
from ..recorder import MAX_VCPUS, MEMORY, THP, Recorded, missing, record
from ._manners import Chart, call, drawn, gallery
from ._panel import STYLE, Panel, Run

_EMPTY = "Nothing recorded yet. Write a command, then press Run."
_COMMAND = "sh -c 'for i in 1 2 3; do ls /; done'"
_MEMORIES = ("256M", "512M", "1G", "2G")
_FIELDS = ("out", "add", "memory", "thp", "pti", "accesses", "vcpus")


class RecordPanel(Panel):
    """Write a command, record it, see what it did.

    Parameters
    ----------
    command, out, add, memory, thp, pti, accesses, vcpus : optional
        What is in the fields to begin with, see `oosbench.record`; `command` and `add` as one would type them.

    Attributes
    ----------
    command, add, out : Text
        The command as one would type it; files and folders it needs; the recording's file.
    memory, thp, vcpus : Dropdown
    pti, accesses : Checkbox
    made : Recorded or None
        The last recording.
    """

    def __init__(
        self,
        command: str = _COMMAND,
        out: str = "mine.npz",
        add: str = "",
        memory: str = MEMORY,
        thp: str = THP[0],
        pti: bool = False,
        accesses: bool = True,
        vcpus: int = 1,
    ) -> None:
        super().__init__()
        wide = widgets.Layout(width="min(100%, 640px)")
        self.command = widgets.Text(command, description="Command", layout=wide)
        self.add = widgets.Text(add, description="Bring", placeholder="files and folders that it needs", layout=wide)
        self.out = widgets.Text(out, description="File")
        self.memory = widgets.Dropdown(options=_MEMORIES, value=memory, description="Memory")
        self.thp = widgets.Dropdown(options=THP, value=thp, description="Huge pages")
        self.vcpus = widgets.Dropdown(options=range(1, MAX_VCPUS + 1), value=vcpus, description="vCPUs")
        self.pti = widgets.Checkbox(pti, description="Page-table isolation", indent=False)
        self.accesses = widgets.Checkbox(accesses, description="Record first touches of pages", indent=False)
        self.made: Recorded | None = None
        lacking = missing()
        self._needs = widgets.HTML(f'<span class="oos-error">{html.escape(lacking)}</span>' if lacking else "")
        self._told = widgets.HTML()
        self._chart = Chart("recorded", _EMPTY)
        rows = widgets.Layout(flex_flow="row wrap", grid_gap="4px 16px")
        self.ui.children = [
            widgets.HTML(STYLE),
            self._needs,
            self.command,
            self.add,
            widgets.HBox([self.out, self.memory, self.thp, self.vcpus], layout=rows),
            widgets.HBox([self.pti, self.accesses], layout=rows),
            self.buttons,
            self.status,
            gallery([self._chart]),
            self._told,
            self.line,
        ]
        self.follow(self.command, *(getattr(self, name) for name in _FIELDS))

    def code(self) -> str:
        """Return the line that makes this panel."""
        return call(RecordPanel, self.command.value, **{name: getattr(self, name).value for name in _FIELDS})

    def work(self, run: Run) -> Callable[[], str]:
        """Record the command."""
        began = time.perf_counter()
        out = self.out.value.strip()

        def progress(what: str, done: int, total: int) -> None:
            run.progress(f"{what}, {done} s" if done else what, done, total)

        made = record(
            out,
            shlex.split(self.command.value),
            memory=self.memory.value,
            pti=self.pti.value,
            thp=self.thp.value,
            accesses=self.accesses.value,
            vcpus=self.vcpus.value,
            add=shlex.split(self.add.value),
            progress=progress,
            cancelled=run.cancelled,
        )
        trace = made.recording.trace()
        summary = trace.summary()
        chart = drawn(charts.glance(trace, summary), charts.glance_text(trace, summary), summary.stores)
        told = f"{made.output}\n{summary}\n\n{made.check}"
        took = time.perf_counter() - began

        def show() -> str:
            self.made = made
            self._told.value = f'<pre class="oos-scroll">{html.escape(told.strip())}</pre>'
            self._chart.show(chart)
            return f"Done: {out}, {len(trace):,} events, in {took:.0f} s."

        return show
