"""How far a model agrees with a publication, cell by cell: the order by rank correlation, the sizes by their errors."""

from __future__ import annotations

import pandas as pd
from scipy.stats import kendalltau

#: What a modelled cell may be: from the model alone, fixed by the publication itself, or copied from it.
ROLES = ("predicted", "calibrated", "taken")


def cells(names: pd.Series, published: pd.Series, modelled: pd.Series, role: pd.Series) -> pd.DataFrame:
    """Return what `agreement` takes.

    Returns
    -------
    DataFrame
        A row a cell: cell, published, modelled, error (modelled less published), rank_published and rank_modelled (1 is
        the smallest), role (of `ROLES`).
    """
    frame = pd.DataFrame({"cell": names, "published": published, "modelled": modelled}).reset_index(drop=True)
    frame["error"] = frame.modelled - frame.published
    frame["rank_published"] = frame.published.rank(method="min").astype(int)
    frame["rank_modelled"] = frame.modelled.rank(method="min").astype(int)
    frame["role"] = list(role)
    return frame


def agreement(frame: pd.DataFrame) -> pd.Series:
    """Return how far the predicted cells agree with what was published.

    Parameters
    ----------
    frame : DataFrame
        From `cells`.

    Returns
    -------
    Series
        `predicted` (cells), `exact` (of them), `rank_correlation` (Kendall's tau-b over all cells that were not taken;
        NaN below three), `error_median` and `error_worst` (absolute, of the predicted cells).
    """
    own, predicted = frame[frame.role != "taken"], frame[frame.role == "predicted"]
    errors = predicted.error.abs()
    tau = kendalltau(own.published, own.modelled).statistic if len(own) > 2 else float("nan")
    return pd.Series(
        {
            "predicted": len(predicted),
            "exact": int((errors < 1e-9).sum()),
            "rank_correlation": float(tau),
            "error_median": float(errors.median()),
            "error_worst": float(errors.max()),
        }
    )


def agreement_text(frame: pd.DataFrame, unit: str = "") -> str:
    """Say in a sentence how far the predicted cells agree; `unit` stands behind the errors."""
    found = agreement(frame)
    n = int(found.predicted)
    if found.exact == n:
        return f"All {n} predicted cells are as published."
    errors = f"off by {found.error_median:,.3g} in the median and {found.error_worst:,.3g} at most"
    if unit:
        errors = f"{errors} ({unit})"
    told = f"Predicted cells: {n}, exact: {int(found.exact)}; {errors}"
    if pd.isna(found.rank_correlation):
        return f"{told}."
    return f"{told}; rank correlation with the published order {found.rank_correlation:.2f} (Kendall's tau)."
