"""What every panel has besides its purpose: charts that can be saved, and a Python line to paste."""

from __future__ import annotations

import base64
import html
import inspect
import json
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import ipywidgets as widgets
import pandas as pd
from matplotlib.figure import Figure

from ..charts import as_html, as_pdf, as_png, as_svg
from ..machine import Names
from ..traces import Trace

_MIME = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf", "csv": "text/csv"}
# Selected and copied as a reader would: this needs no permission, and works where a page has no clipboard of its own.
_COPY = "getSelection().selectAllChildren(this.nextElementSibling); document.execCommand('copy')"
# The link is pressed by the page as soon as it is there. An image without a source is the one thing that tells it so.
_PRESS = '<img alt="" hidden src="data:," onerror="this.previousElementSibling.click()">'


def spelled(value: object) -> str:
    """Return a value as it is written in Python; a trace that is no file is called ``trace``."""
    if isinstance(value, Trace):
        return "trace"
    if isinstance(value, str | os.PathLike):
        return json.dumps(os.fspath(value), ensure_ascii=False)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{spelled(key)}: {spelled(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(spelled, value))}]"
    return f"{value:_}" if isinstance(value, int) and abs(value) >= 10_000 else repr(value)


def offered(sources: Iterable[str | os.PathLike | Trace]) -> list[tuple[str, str | os.PathLike | Trace]]:
    """Return what a reader chooses from, each by a name that no other has."""
    names = Names()
    return [(names.of(str(getattr(x, "name", x)), x), x) for x in sources]


def call(what: Callable, *given: object, **named: object) -> str:
    """Return the line that calls something; named arguments that are its defaults are left out."""
    parameters = inspect.signature(what).parameters
    words = [spelled(value) for value in given]
    for name, value in named.items():
        if name not in parameters or spelled(value) != spelled(parameters[name].default):
            words.append(f"{name}={spelled(value)}")
    return f"{what.__name__}({', '.join(words)})"


def line_html(label: str, line: str) -> str:
    """Return a line of Python to copy, by a button or by one click into it."""
    label, line = html.escape(label), html.escape(line)
    copy = f'<button class="jupyter-button widget-button" title="Copy: {label}" onclick="{_COPY}">Copy</button>'
    return f'<div class="oos-line"><span>{label}</span> {copy} <code tabindex="0">{line}</code></div>'


def link(name: str, data: bytes) -> str:
    """Return a link that saves `data` under a name, whose ending says what it is."""
    mime = _MIME[name.rpartition(".")[2]]
    coded = base64.b64encode(data).decode()
    return f'<a download="{html.escape(name, quote=True)}" href="data:{mime};base64,{coded}">{html.escape(name)}</a>'


class Drawn(NamedTuple):
    """Something that a thread has drawn, and that the page is yet to show.

    Attributes
    ----------
    picture : str
        Its HTML.
    files : dict of str to callable
        By ending: what gives the bytes of a file of it. They are asked for when somebody wants them.
    """

    picture: str
    files: dict[str, Callable[[], bytes]]


def files(figure: Callable[[], Figure], frame: pd.DataFrame) -> dict[str, Callable[[], bytes]]:
    """Return the files of a figure, by ending; `frame` is what it is drawn from."""
    return {
        "svg": lambda: as_svg(figure()),
        "png": lambda: as_png(figure()),
        "pdf": lambda: as_pdf(figure()),
        "csv": lambda: frame.to_csv(index=False).encode(),
    }


def drawn(figure: Figure, text: str, frame: pd.DataFrame) -> Drawn:
    """Draw a figure; `text` says what it shows, `frame` is what it was drawn from."""
    return Drawn(as_html(figure, text), files(lambda: figure, frame))


class Chart:
    """A figure, and below it buttons that save it as SVG, PNG or PDF, and the frame behind it as CSV.

    A file is made when its button is pressed: sent along with every figure, they would be more than a server lets
    pass while a control is being changed.

    Parameters
    ----------
    name : str
        Of its files, and of its class in the page (``oos-NAME``, with hyphens).
    empty : str
        What is said while there is no figure.

    Attributes
    ----------
    ui : Widget
    save : dict of str to Button
        By the ending of the file.
    files : dict of str to callable
        See `Drawn`; empty if no figure is shown.
    """

    def __init__(self, name: str, empty: str = "") -> None:
        self.name = name
        self.files: dict[str, Callable[[], bytes]] = {}
        self._picture, self._link = widgets.HTML(), widgets.HTML()
        self._picture.add_class(f"oos-{name.replace('_', '-')}")
        self.save = {
            ending: widgets.Button(description=ending.upper(), tooltip=f"Save {name}.{ending}") for ending in _MIME
        }
        for ending, button in self.save.items():
            button.on_click(lambda _, ending=ending: self._download(ending))
        row = [widgets.Label("Save as"), *self.save.values(), self._link]
        self._row = widgets.HBox(row, layout={"align_items": "center"})
        self._row.add_class("oos-save")
        # As wide as a figure is drawn, or narrower where two fit beside each other.
        self.ui = widgets.VBox([self._picture, self._row], layout={"flex": "1 1 480px", "max_width": "691px"})
        self.clear(empty)

    @property
    def value(self) -> str:
        """The HTML of what is shown."""
        return self._picture.value

    def show(self, drawn: Drawn) -> None:
        """Show a figure."""
        self.files = drawn.files
        self._picture.value = drawn.picture
        self._link.value, self._row.layout.display = "", "flex"
        for ending, button in self.save.items():
            button.layout.display = "flex" if ending in self.files else "none"

    def clear(self, words: str = "") -> None:
        """Show no figure, but say why."""
        self.files = {}
        self._picture.value = empty(words) if words else ""
        self._link.value, self._row.layout.display = "", "none"

    def _download(self, ending: str) -> None:
        if ending in self.files:
            self._link.value = ""  # the same file once more is a change, too
            self._link.value = link(f"{self.name}.{ending}", self.files[ending]()) + _PRESS


def gallery(charts: Iterable[Chart]) -> widgets.Widget:
    """Return charts beside each other, as many as the page has room for."""
    return widgets.HBox([chart.ui for chart in charts], layout={"flex_flow": "row wrap", "grid_gap": "0 16px"})


def empty(words: str) -> str:
    """Return what is shown where there is nothing to show."""
    return f'<div class="oos-empty">{html.escape(words)}</div>'
