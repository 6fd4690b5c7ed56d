"""Charts: what they draw, what they say, and that nothing is cut off."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from oosbench import Trace, charts, counters_frame, headline, resyncs_frame, run_each
from oosbench.charts import _style
from oosbench.guests import generate
from oosbench.machine import experiment
from oosbench.reports import tables as report


@pytest.fixture(scope="module")
def table(recorded) -> pd.DataFrame:
    results = list(run_each([recorded("gcc"), recorded("sqlite")]))
    return headline(counters_frame(results), resyncs_frame(results))


@pytest.fixture(params=["both", "one", "emulate only"])
def some(request, table) -> pd.DataFrame:
    return {
        "both": table,
        "one": table[table.trace == "gcc"],
        "emulate only": table[table.preset == "emulate"],
    }[request.param]


DRAW = {"dirty_ratio": charts.dirty_ratio, "resync_work": charts.resync_work}


@pytest.mark.parametrize("name", DRAW)
def test_nothing_is_cut_off(name, some):
    figure = DRAW[name](some)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    inside = figure.bbox.padded(1)
    (axes,) = figure.axes
    for text in [axes.title, axes.xaxis.label, *axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()]:
        if text.get_text() and text.get_visible() and _is_drawn(text, axes):
            box = text.get_window_extent(canvas.get_renderer())
            assert inside.contains(box.x0, box.y0), text
            assert inside.contains(box.x1, box.y1), text


def _is_drawn(text, axes) -> bool:
    """Say whether a tick label is inside the limits of its axis (others exist but are not drawn)."""
    if text not in axes.get_xticklabels():
        return True
    low, high = axes.get_xlim()
    return low <= text.get_position()[0] <= high


def test_the_bars_are_the_ratios(table):
    (axes,) = charts.dirty_ratio(table).axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([12.5001, 14.7767], abs=1e-4)
    labels = [text.get_text() for text in axes.texts]
    assert "12.5 %  (15,179 of 121,431); 55 % of resyncs find nothing" in labels


def test_the_markers_are_the_propagations(table):
    (axes,) = charts.resync_work(table).axes
    drawn = {part.get_label(): part.get_offsets()[:, 0].tolist() for part in axes.collections}
    assert drawn == {"oos-fixups": [121431, 15274], "oos-snapshot": [15179, 2257]}
    assert "× 8.0" in [text.get_text() for text in axes.texts]


def test_the_texts_say_what_is_drawn(table):
    assert charts.dirty_ratio_text(table).endswith("were dirty: gcc 12.5%, sqlite 14.8%.")
    assert "gcc: oos-fixups 121,431, oos-snapshot 15,179;" in charts.resync_work_text(table)
    nothing = table[table.preset == "emulate"]
    assert charts.dirty_ratio_text(nothing).endswith("no data.")
    assert charts.resync_work_text(nothing).endswith("No data.")


def test_the_same_figure_gives_the_same_bytes(table):
    for draw in DRAW.values():
        assert charts.as_svg(draw(table)) == charts.as_svg(draw(table))
        assert charts.as_png(draw(table)) == charts.as_png(draw(table))
        assert charts.as_pdf(draw(table)) == charts.as_pdf(draw(table))


def test_text_in_an_svg_is_text_and_a_pdf_carries_its_font(table):
    figure = charts.dirty_ratio(table)
    root = ElementTree.fromstring(charts.as_svg(figure))
    read = {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    written = {text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes.xaxis.label)}
    assert {"gcc", "sqlite", *filter(None, written)} <= read
    pdf = charts.as_pdf(figure)
    assert b"/TrueType" in pdf or b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf


def test_colours_stand_out_and_markers_differ():
    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    assert all(1.05 / (luminance(colour) + 0.05) >= 3 for colour in _style.PALETTE)
    assert len(set(_style.MARKERS)) == len(_style.PALETTE)


def test_html_is_a_picture_with_a_text(table):
    shown = charts.as_html(charts.dirty_ratio(table), 'says "so" & more')
    assert 'alt="says &quot;so&quot; &amp; more"' in shown
    assert shown._repr_html_() == shown
    assert repr(shown) == 'says "so" & more', "text where there is no HTML, and no picture in letters"
    assert repr(charts.Html("<table><td>1</td> <td>&lt;b&gt;</td></table>")) == "1 <b>"
    picture = imread(io.BytesIO(charts.as_png(charts.dirty_ratio(table), 96)))
    assert picture.shape[1] == 691


def test_the_table_leaves_open_what_makes_no_sense(table):
    shown = report.readable(table).set_index(["trace", "preset"])
    assert shown.loc[("gcc", "emulate"), ["compared", "dirty", "dirty ratio"]].tolist() == ["0", "–", "–"]
    assert shown.loc[("gcc", "oos-snapshot"), "found nothing"] == "55%"
    assert report.table_text(table).splitlines()[4] == ""


def test_a_preset_without_snapshot_has_no_dirty_ratio(recorded):
    frame = experiment.compare([recorded("sqlite")], ["oos-fixups"])
    (row,) = headline(frame).itertuples()
    assert row.propagated == row.compared == 15274
    assert pd.isna(row.dirty)
    assert pd.isna(row.dirty_ratio)


def test_a_trace_at_a_glance_counts_all_there_is():
    trace = generate("mmap_churn", 20_000, seed=2)
    summary = trace.summary()
    tables, stores, flushes = charts.glance(trace, summary).axes
    drawn = {part.get_label(): part.get_data().values for axes in (stores, flushes) for part in axes.patches}
    assert drawn["L1"].sum() == (summary.stores.level == 1).sum() > 5000
    assert drawn["INVLPG"].sum() == summary.ops["INVLPG"] > 0
    alive = {part.get_label(): part.get_data().values[-1] for part in tables.patches}
    assert alive["L1"] == ((summary.tables.level == 1) & (summary.tables.died < 0)).sum()
    assert f"{(summary.stores.level == 1).sum():,} stores" in charts.glance_text(trace)


def test_a_trace_without_stores_has_a_glance_too():
    trace = Trace.from_text("MODE 4 1 16 256\nPOKE 0x1000 0x2067\nCR3 0 0x1000\n")
    figure = charts.glance(trace)
    assert [text.get_text() for text in figure.axes[1].texts] == ["none"]
    assert charts.as_png(figure, 96).startswith(b"\x89PNG")
