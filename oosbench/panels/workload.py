"""The maker of workloads: choose a family, set its parameters, see at once what comes of it, keep the trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets

from .. import charts
from ..compiled import Compiling
from ..errors import GuestError
from ..guests import FAMILIES, OPTIONS, Parameter, Workload, family, generate
from ..guests.generate import EVENTS
from ..machine import Cancelled
from ..traces import MAX_VCPUS, Summary, Trace
from ._manners import Chart, Drawn, call, drawn, gallery, line_html
from ._panel import STYLE, Panel, Run

PREVIEW = 4000  # events: a tenth of a second to make and to look at
_MOST = 20_000_000  # events that fit into the memory of a laptop
_MODES = {2: "2-level (32-bit)", 3: "PAE (32-bit)", 4: "64-bit"}
_STYLE = """<style>
.oos-field { width: 320px; }
.oos-words .widget-html-content { line-height: 1.5; }
.oos-field .widget-html-content { line-height: 1.3; font-size: 12px; color: var(--jp-ui-font-color2, #555); }
</style>"""


class WorkloadPanel(Panel):
    """Choose a workload family and its parameters; a preview follows, and Run makes the whole trace.

    Parameters
    ----------
    name, events, levels, vcpus, seed, **parameters
        What is chosen to begin with, as for `oosbench.guests.generate`.

    Attributes
    ----------
    family, levels : Dropdown
    vcpus, seed, events : BoundedIntText
    fields : dict of str to Widget
        By parameter of the family, then of the kernel.
    path : Text
        The file that Save writes.
    save : Button
    trace : Trace or None
        What the last run made.
    summary : Summary or None
        Of what is shown: that trace, or the preview.

    Raises
    ------
    GuestError
        If there is no such family or parameter, or a value is out of range.
    """

    def __init__(
        self,
        name: str = "fork_exec",
        events: int = EVENTS,
        *,
        levels: int | None = None,
        vcpus: int = 1,
        seed: int = 0,
        **parameters: object,
    ) -> None:
        super().__init__()
        Workload(name, levels, vcpus, seed, **parameters)  # refuses what is impossible
        chosen = family(name)
        self.trace: Trace | None = None
        self.summary: Summary | None = None
        self._made = ""  # the line that makes `trace`
        self._building = False
        narrow = {"width": "200px"}
        self.family = widgets.Dropdown(options=list(FAMILIES), value=chosen.name, description="Family")
        self.levels = widgets.Dropdown(description="Paging", layout=self.family.layout, tooltip="levels of page tables")
        self.vcpus = widgets.BoundedIntText(vcpus, 1, MAX_VCPUS, description="vCPUs", layout=narrow)
        self.seed = widgets.BoundedIntText(seed, 0, 2**31 - 1, description="Seed", layout=narrow)
        self.events = widgets.BoundedIntText(events, 1, _MOST, description="Events", layout=narrow)
        self.events.tooltip = "lines of the trace, the memory that is there at the beginning among them"
        self._about, self._words, self._line = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._words.add_class("oos-words")
        self._own, self._kernel = (widgets.Box(layout={"flex_flow": "row wrap", "grid_gap": "0 10px"}) for _ in "ok")
        self.more = widgets.ToggleButton(
            any(p.name in parameters for p in OPTIONS), description="Options of the kernel", layout={"width": "200px"}
        )
        self._pictures = [Chart("kinds"), Chart("glance", "No preview yet.")]
        self.path = widgets.Text("workload.npz", description="File", layout={"width": "320px"})
        self.path.tooltip = "columns if it ends in .npz, packed text if in .gz or .xz, else text"
        self.save = widgets.Button(description="Save", icon="download", tooltip="make the trace, if need be; write it")
        self.save.on_click(lambda _: self.start(self._save))
        self._build(levels or chosen.levels[-1], parameters)
        self.family.observe(lambda change: self._build(), "value")
        self.more.observe(lambda change: self._unfold(), "value")
        self._unfold()
        self._show_all()
        self.follow(self.family, self.levels, self.vcpus, self.seed, self.events)

    def _show_all(self) -> None:
        row = widgets.Layout(flex_flow="row wrap", grid_gap="0 12px", align_items="center")
        self.ui.children = [
            widgets.HTML(STYLE + _STYLE),
            widgets.HBox([self.family, self.levels], layout=row),
            self._about,
            widgets.HBox([self.events, self.vcpus, self.seed], layout=row),
            self._own,
            self.more,
            self._kernel,
            self.buttons,
            self.status,
            self._words,
            gallery(self._pictures),
            widgets.HBox([self.path, self.save], layout=row),
            self._line,
            self.line,
        ]

    # --- controls ----------------------------------------------------------------------------------------------

    def _build(self, levels: int | None = None, given: dict[str, object] | None = None) -> None:
        """Make the fields of the family that is chosen."""
        chosen, given = FAMILIES[self.family.value], given or {}
        now = self.levels.value if levels is None else levels
        wanted = chosen.options | given
        own, kernel = ({p.name: _field(p, wanted) for p in some} for some in (chosen.parameters, OPTIONS))
        self.fields = own | kernel
        self._building = True  # until all of it is there, it makes no sense
        self.levels.options = [(_MODES[n], n) for n in chosen.levels]
        self.levels.value = now if now in chosen.levels else chosen.levels[-1]
        self._building = False
        self._about.value = chosen.headline
        for box, fields, some in ((self._own, own, chosen.parameters), (self._kernel, kernel, OPTIONS)):
            box.children = [_explained(fields[p.name], p) for p in some]
        for field in self.fields.values():
            field.observe(lambda change: self.spell(), "value")

    def _unfold(self) -> None:
        self._kernel.layout.display = "flex" if self.more.value else "none"

    def _arguments(self) -> dict[str, object]:
        """Return what `generate` is to be given beside the family and the events; nothing that it would take anyway."""
        chosen = FAMILIES[self.family.value]
        levels = self.levels.value
        told = {p.name: p.told(chosen.options)["default"] for p in (*chosen.parameters, *OPTIONS)}
        changed = {name: field.value for name, field in self.fields.items() if field.value != told[name]}
        return {
            "levels": None if levels == chosen.levels[-1] else levels,
            "vcpus": self.vcpus.value,
            "seed": self.seed.value,
        } | changed

    def code(self) -> str:
        """Return the line that makes this panel."""
        name, events, arguments = self._wanted
        return call(WorkloadPanel, name, events, **arguments)

    def trace_code(self) -> str:
        """Return the line that makes the trace."""
        name, events, arguments = self._wanted
        return call(generate, name, events, **arguments)

    def spell(self) -> None:
        """Take note of what is chosen; show both lines, and soon a preview."""
        if not self._building:
            self._wanted = (self.family.value, self.events.value, self._arguments())
            super().spell()
            self._line.value = line_html("This trace in Python", self.trace_code())
            self.soon(self._preview)

    # --- what the buttons do -----------------------------------------------------------------------------------

    def work(self, run: Run) -> Callable[[], str]:
        """Make the whole trace."""
        began = time.perf_counter()
        line = self.trace_code()
        trace = self._make(run)
        took = time.perf_counter() - began
        run.progress("Drawing", 1, 1)
        shown = _drawn(trace)

        def show() -> str:
            self.trace, self._made = trace, line
            self._show(*shown)
            return f"Done: {len(trace.events):,} lines, {len(trace):,} of them events, in {took:.1f} s; see .trace."

        return show

    def _make(self, run: Run) -> Trace:
        def progress(done: int, total: int) -> None:
            if run.cancelled():
                raise Cancelled
            run.progress("Making events", done, total)

        name, events, arguments = self._wanted
        return generate(name, events, progress=progress, **arguments)

    def _save(self, run: Run) -> Callable[[], str]:
        """Write the trace; make it before, if it is not what is chosen now."""
        path, line = Path(self.path.value.strip()).expanduser(), self.trace_code()
        if not path.name:
            raise GuestError("Say which file to write: mine.npz, mine.trace.gz or mine.trace.")
        if not path.parent.is_dir():
            raise GuestError(f"There is no folder {path.parent}.")
        trace = self.trace if self._made == line else self._make(run)
        run.progress(f"Writing {path}", 1, 1)
        if run.cancelled():
            raise Cancelled
        trace.write(path)

        def show() -> str:
            self.trace, self._made = trace, line
            return f"Saved {len(trace.events):,} lines as {path} ({path.stat().st_size:,} bytes)."

        return show

    def _preview(self) -> None:
        """Show the first events of what is chosen."""
        if self.busy:  # what is being made will be shown
            return
        name, all_events, arguments = self._wanted
        events = min(all_events, PREVIEW)
        with Compiling(lambda done, total: self._say("Compiling the guests, once (about half a minute) …")):
            shown = _drawn(Workload(name, **arguments).beginning(events))
        if not self.busy:
            self._show(*shown)
            self._say(f"A preview: the first {events:,} events. Run makes all {all_events:,}.")

    def _say(self, words: str) -> None:
        if not self.busy:
            self.say(words)

    def _show(self, summary: Summary, pictures: list[Drawn]) -> None:
        self.summary = summary
        self._words.value = summary.words()
        for chart, picture in zip(self._pictures, pictures, strict=True):
            chart.show(picture)


def _drawn(trace: Trace) -> tuple[Summary, list[Drawn]]:
    """Return a trace's summary and its pictures."""
    summary = trace.summary()
    return summary, [
        drawn(charts.kinds(summary), charts.kinds_text(summary), summary.kinds()),
        drawn(charts.glance(trace, summary), charts.glance_text(trace, summary), summary.stores),
    ]


def _field(parameter: Parameter, wanted: dict[str, object]) -> widgets.Widget:
    """Return a field for a parameter; `wanted` has values that are preferred to its default."""
    told = parameter.told(wanted)
    common = {
        "description": parameter.name.replace("_", " "),
        "tooltip": f"{parameter.about} ({_range(parameter)})",
        "layout": {"width": "180px", "flex": "0 0 auto"},
        "style": {"description_width": "90px"},
    }
    if parameter.choices:
        return widgets.Dropdown(options=told["choices"], value=told["default"], **common)
    whole = isinstance(parameter.low, int)
    make, step = (
        (widgets.BoundedIntText, 1) if whole else (widgets.BoundedFloatText, 0.01 if parameter.high <= 1 else 0.1)
    )
    return make(value=told["default"], min=told["min"], max=told["max"], step=step, **common)


def _range(parameter: Parameter) -> str:
    if parameter.choices:
        return " or ".join(parameter.choices)
    return f"{parameter.low:,} to {parameter.high:,} {parameter.unit}".rstrip()


def _explained(field: widgets.Widget, parameter: Parameter) -> widgets.Widget:
    """Return a field with its unit and meaning beside it."""
    words = parameter.about + (f" ({parameter.unit})" if parameter.unit else "")
    box = widgets.HBox([field, widgets.HTML(words, layout={"flex": "1"})], layout={"align_items": "center"})
    box.add_class("oos-field")
    return box
