"""Rank and size errors of a model beside a publication."""

from __future__ import annotations

import pandas as pd
import pytest

from oosbench.figures import FIGURES, agreement_told
from oosbench.figures.agreement import ROLES, agreement, agreement_text, cells

NAMES = pd.Series(["a", "b", "c", "d"])
PUBLISHED = pd.Series([1.0, 2.0, 3.0, 4.0])


def table(*modelled: float, role: str = "predicted") -> pd.DataFrame:
    return cells(NAMES, PUBLISHED, pd.Series(modelled), pd.Series(["calibrated", role, role, role]))


def test_the_same_order_and_the_reverse():
    assert agreement(table(1, 5, 6, 7)).rank_correlation == 1
    assert agreement(table(7, 6, 5, 1)).rank_correlation == -1
    assert agreement(table(1, 3, 2, 4)).rank_correlation == pytest.approx(2 / 3)  # one of six pairs is turned round


def test_errors_are_those_of_predicted_cells():
    found = agreement(table(1, 2, 5, 3))
    assert (found.predicted, found.exact, found.error_median, found.error_worst) == (3, 1, 1, 2)
    assert agreement_text(table(1, 2, 5, 3), "s") == (
        "Predicted cells: 3, exact: 1; off by 1 in the median and 2 at most (s); rank correlation with the published "
        "order 0.67 (Kendall's tau)."
    )
    assert agreement_text(table(1, 2, 3, 4)) == "All 3 predicted cells are as published."


def test_every_figure_says_how_far_it_agrees():
    comparable = [name for name, figure in FIGURES.items() if hasattr(figure, "compared")]
    assert comparable == ["ddk_build", "adams_agesen_2006", "walks_and_traps"]
    figure = FIGURES["walks_and_traps"]
    found = figure.compared(figure.table())
    assert set(found.role) <= set(ROLES)
    assert agreement_told(figure, figure.table()) == "All 6 predicted cells are as published."
    assert agreement_told(FIGURES["resyncs_per_cr3"], pd.DataFrame()).startswith("The publication has no cells")
