"""Whatever a trace is called, its charts are drawn, and its name is on them as it is."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace

import pytest

from oosbench import charts, counters_frame, headline, open_trace, resyncs_frame, run_each
from oosbench.charts._style import shortened
from oosbench.machine import dirty

NAMES = ["a$b$c_{", "$\\frac{", "100 % of ^_{}", "x" * 300, "<b>&amp;", "tab\tand\nline", "\N{SNOWMAN} and 漢字"]


@pytest.mark.parametrize("name", NAMES)
def test_every_chart_of_a_trace_can_be_drawn(name, recorded):
    trace = replace(recorded("sqlite"), name=name)
    results = list(run_each([trace]))
    table, resyncs = headline(counters_frame(results), resyncs_frame(results)), resyncs_frame(results)
    passes, summary = dirty.chosen(resyncs), trace.summary()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        drawn = [
            *(draw(table) for draw in (charts.dirty_ratio, charts.resync_work, charts.multiples)),
            *(
                draw(passes)
                for draw in (charts.dirty_ecdf, charts.dirty_causes, charts.dirty_runs, charts.dirty_against)
            ),
            charts.kinds(summary),
            charts.glance(trace, summary),
        ]
        for figure in drawn:
            assert charts.as_png(figure).startswith(b"\x89PNG")
            svg = charts.as_svg(figure).decode()
        assert svg.startswith("<?xml")


def test_a_name_that_is_no_utf_8_can_be_printed_drawn_and_stored(tmp_path, recorded):
    path = os.fsencode(tmp_path) + b"/caf\xe9.trace"
    recorded("sqlite").write(tmp_path / "plain.trace")
    os.rename(tmp_path / "plain.trace", path)
    trace = open_trace(os.fsdecode(path))
    assert trace.name.endswith("caf\N{REPLACEMENT CHARACTER}.trace")
    trace.name.encode()


def test_a_long_name_is_told_by_its_end():
    assert shortened("gcc") == "gcc"
    assert shortened("/a/long/path" * 10 + "/mine.trace") == "…" + ("/a/long/path" * 10 + "/mine.trace")[-39:]
