"""A figure as SVG, PNG, or HTML."""

from __future__ import annotations

import base64
import html
import io

import matplotlib
from matplotlib.figure import Figure


def as_svg(figure: Figure) -> bytes:
    """Return a figure as SVG; the same figure gives the same bytes."""
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "oosbench"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def as_png(figure: Figure, dpi: int = 192) -> bytes:
    """Return a figure as PNG; the same figure gives the same bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


class Html(str):
    """A piece of HTML that a notebook shows as such."""

    def _repr_html_(self) -> str:
        return str(self)


def as_html(figure: Figure, text: str) -> Html:
    """Return a figure as an ``<img>`` with alternative text, sharp on screens of twice the density."""
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    data = base64.b64encode(as_png(figure)).decode()
    return Html(
        f'<img alt="{html.escape(text, quote=True)}" width="{width}" height="{height}" '
        f'style="max-width: 100%; height: auto; background: white" src="data:image/png;base64,{data}">'
    )
