"""The charts that follow the prices: what stands where, read back from the picture by its own labels."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from oosbench import charts, run_each
from oosbench.charts.quick import WIDTH
from oosbench.charts.worth import decisive
from oosbench.costs import WITH, WITHOUT, processor, tally
from oosbench.costs.breakeven import curves
from oosbench.costs.worth import sensitivity, worth_of

MINUS = "\N{MINUS SIGN}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def pair():
    return tuple(run_each(["gcc"], [WITHOUT, WITH]))


def texts(picture: str) -> list[ET.Element]:
    return list(ET.fromstring(picture).iter("text"))


def scale(picture: str, unit: str, along: str = "x") -> np.ndarray:
    """Return what turns pixels into what an axis shows, found from its labels: slope and offset."""
    labels = [text for text in texts(picture) if re.fullmatch(rf"[{MINUS}\d.,]+{unit}", text.text or "")]
    values = [float(text.text.removesuffix(unit).replace(",", "").replace(MINUS, "-")) for text in labels]
    pixels = [float(text.get(along)) for text in labels]
    assert len(labels) >= 4
    return np.polyfit(pixels, np.log2(values) if not unit else values, 1)


def points(element: ET.Element) -> np.ndarray:
    return np.array([float(one) for one in NUMBER.findall(element.get("points"))]).reshape(-1, 2)


def break_even(pair, **prices) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    of = processor("Core 2 6420").replace(**prices)
    curve, table = curves([of], draws=100), worth_of(*pair, [of])
    return charts.quick_break_even(curve, table), curve, table


def tornado(pair, **prices) -> tuple[str, pd.DataFrame]:
    table = sensitivity(*map(tally, pair), processor("Core 2 6420").replace(**prices))
    return charts.quick_tornado(table), table


def test_the_curve_and_its_band_stand_where_the_axes_say(pair):
    picture, curve, _ = break_even(pair)
    line = points(ET.fromstring(picture).find(".//polyline"))
    band = points(ET.fromstring(picture).find(".//polygon"))
    up = scale(picture, " %", "y")
    right = scale(picture, "")
    np.testing.assert_allclose(np.polyval(right, line[:, 0]), np.log2(curve.compared), atol=0.02)
    np.testing.assert_allclose(np.polyval(up, line[:, 1] + 4), 100 * curve.dirty_ratio, atol=0.1)
    np.testing.assert_allclose(np.polyval(up, band[:, 1] + 4), 100 * np.r_[curve.low, curve.high[::-1]], atol=0.2)


def test_a_guest_stands_at_what_it_compared_and_found_dirty(pair):
    picture, _, table = break_even(pair)
    star = next(path for path in ET.fromstring(picture).iter("path"))
    x, y = map(float, NUMBER.findall(star.get("d"))[:2])
    row = table.iloc[0]
    assert np.polyval(scale(picture, ""), x) == pytest.approx(np.log2(row.compared / row.snapshot_copies), abs=0.02)
    assert np.polyval(scale(picture, " %", "y"), y + 4) == pytest.approx(100 * row.dirty / row.compared, abs=0.1)


def test_a_guest_of_which_nothing_was_compared_stands_nowhere(pair):
    _, curve, table = break_even(pair)
    nothing = table.assign(compared=0, dirty=0, snapshot_copies=0)
    picture = charts.quick_break_even(curve, nothing)
    assert "gcc" not in picture
    assert "nan" not in picture
    charts.as_png(charts.break_even(curve, guests=nothing))


def test_each_bar_goes_from_the_answer_to_what_a_price_makes_of_it(pair):
    picture, table = tornado(pair)
    shown, net = decisive(table), table.attrs["net_cycles"]
    bars = [bar for bar in ET.fromstring(picture).iter("rect") if bar.get("height") == "20"]
    millions = scale(picture, " M")
    told = []
    for bar in bars:
        x, width = float(bar.get("x")), float(bar.get("width"))
        told.append(sorted(np.polyval(millions, [x, x + width])))
    expected = [sorted((net / 1e6, end / 1e6)) for row in shown.itertuples() for end in (row.low, row.high)]
    assert len(bars) == 18
    np.testing.assert_allclose(told, expected, atol=0.01)
    drawn = list(ET.fromstring(picture).iter())
    keys = {drawn[i + 1].text: key for i, key in enumerate(drawn) if key.tag == "rect" and key.get("height") == "11"}
    for i, key in enumerate([keys["price at its low end"], keys["price at its high end"]]):
        assert {bar.get("fill-opacity") for bar in bars[i::2]} == {key.get("fill-opacity")}
        assert {bar.get("fill") for bar in bars[i::2]} == {key.get("fill")}
    assert len({key.get("fill") for key in keys.values()}) == 2


def test_losses_have_their_bars_and_labels_too(pair):
    picture, table = tornado(pair, snapshot_copy=900_000)
    assert table.attrs["net_cycles"] < 0
    assert any(text.text.startswith(MINUS) for text in texts(picture))
    scale(picture, " M")


def test_words_are_those_of_the_figure_that_is_saved(pair):
    quick, curve, table = break_even(pair)
    quicker, decides = tornado(pair)
    for picture, figure, told in (
        (quick, charts.break_even(curve, guests=table), charts.break_even_text(curve, guests=table)),
        (quicker, charts.tornado(decides), charts.tornado_text(decides)),
    ):
        axes = figure.axes[0]
        here = {text.text for text in texts(picture)}
        named = [text.get_text() for text in axes.get_legend().get_texts()]
        assert {axes.get_title(loc="left").strip(), axes.texts[0].get_text(), axes.get_xlabel(), *named} <= here
        assert ET.fromstring(picture).get("aria-label") == told


def test_nothing_leaves_the_picture(pair):
    """In the widest of the fonts a page may have."""
    for picture in (break_even(pair)[0], tornado(pair)[0], tornado(pair, snapshot_copy=900_000)[0]):
        for text in texts(picture):
            size = float(text.get("font-size", 12.5))
            width = TextPath((0, 0), text.text, size, prop=FontProperties("DejaVu Sans")).get_extents().width
            begins = float(text.get("x")) - {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor")]
            assert begins >= -1 or "rotate" in text.get("transform", ""), text.text
            assert begins + width <= WIDTH + 1, text.text


def test_a_curve_out_of_sight_is_told(pair):
    here = {text.text for text in texts(break_even(pair)[0])}
    assert not any("every share" in text for text in here if text)
    picture, curve, table = break_even(pair, snapshot_copy=900_000)
    words = "at these prices it costs at every share of dirty entries"
    assert words in {text.text for text in texts(picture)}
    assert words in {text.get_text() for text in charts.break_even(curve, guests=table).axes[0].texts}
    assert "it saves at every share" in break_even(pair, validate_gl1e=1_000_000)[0]


def test_prices_of_nothing_make_no_broken_picture(pair):
    free = dict.fromkeys(("p2m_lookup", "propagate", "set_l1e_call", "snapshot_entry_write"), 0)
    picture, curve, table = break_even(pair, **free)
    assert np.isfinite(curve.dirty_ratio).all()
    assert curve.dirty_ratio.max() > 1e6
    assert np.abs(points(ET.fromstring(picture).find(".//polyline"))).max() < 10_000
    charts.as_png(charts.break_even(curve, guests=table))


def test_without_a_range_there_is_nothing_to_decide(pair):
    table = sensitivity(*map(tally, pair), processor("Core 2 6420"))
    table["swing"] = 0.0
    assert "no price has a range" in charts.quick_tornado(table)
