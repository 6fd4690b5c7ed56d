"""A figure as SVG, PNG, PDF, or HTML."""

from __future__ import annotations

import base64
import html
import io
import re

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text

from ._style import shortened


def as_svg(figure: Figure) -> bytes:
    """Return a figure as SVG, its text as text; the same figure gives the same bytes."""
    file = io.BytesIO()
    _take_as_it_is(figure)
    with matplotlib.rc_context({"svg.hashsalt": "oosbench", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def as_png(figure: Figure, dpi: int = 192) -> bytes:
    """Return a figure as PNG; the same figure gives the same bytes."""
    file = io.BytesIO()
    _take_as_it_is(figure)
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


def as_pdf(figure: Figure) -> bytes:
    """Return a figure as PDF, with its font, so that text can be found and copied; the same figure, the same bytes."""
    file = io.BytesIO()
    _take_as_it_is(figure)
    with matplotlib.rc_context({"pdf.fonttype": 42}):  # TrueType: publishers refuse type 3
        figure.savefig(file, format="pdf", metadata={"CreationDate": None})
    return file.getvalue()


def _take_as_it_is(figure: Figure) -> None:
    """Let no text be read as a formula, which a ``$`` in a name begins, and no long path push the chart aside."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_text(re.sub(r"\S+", lambda word: shortened(word[0]), text.get_text()))


class Html(str):
    """A piece of HTML that a notebook shows as such; where there is none, what its pictures say, or its text."""

    def _repr_html_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        told = re.findall(r'(?:alt|aria-label)="([^"]*)"', self) or [" ".join(re.sub("<[^>]*>", " ", self).split())]
        return html.unescape(" ".join(told))


def as_html(figure: Figure, text: str) -> Html:
    """Return a figure as an ``<img>`` with alternative text, sharp on screens of twice the density."""
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    data = base64.b64encode(as_png(figure)).decode()
    return Html(
        f'<img alt="{html.escape(text, quote=True)}" width="{width}" height="{height}" '
        f'style="max-width: 100%; height: auto; background: white" src="data:image/png;base64,{data}">'
    )
