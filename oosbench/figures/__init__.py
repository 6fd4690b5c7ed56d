"""Published figures, each beside what the model says: a file per figure. Read `ddk_build.py` first.

Each has `table`, which gives published and modelled numbers side by side, `chart` and `chart_text`, and four lines:
what was `CALIBRATED`, what is `PREDICTED`, the word of `TRUST` that the publication's numbers have, and what the model
`MISSES`. Where the publication has cells to compare with, `compared` sets each beside the model's and says whether it
was calibrated or predicted, in the `UNIT` of their errors; `agreement.py` makes rank and size errors of that. None was
tuned until it fitted; where the model misses, the table says by how much.
"""

from __future__ import annotations

from types import ModuleType

import pandas as pd

from . import (
    adams_agesen_2006,
    ddk_build,
    exit_histogram,
    oos_gain_by_generation,
    resyncs_per_cr3,
    shadow_1_2_3,
    walks_and_traps,
)
from .agreement import agreement_text


def agreement_told(figure: ModuleType, table: pd.DataFrame) -> str:
    """Return in a sentence how far a figure's predicted cells agree with what was published."""
    if not hasattr(figure, "compared"):
        return "The publication has no cells that could be compared one by one."
    return agreement_text(figure.compared(table), figure.UNIT)


#: By name.
FIGURES = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        ddk_build,
        shadow_1_2_3,
        adams_agesen_2006,
        exit_histogram,
        resyncs_per_cr3,
        oos_gain_by_generation,
        walks_and_traps,
    )
}

#: What cannot be reproduced, and why.
NOT_REPRODUCED = (
    ("the effect of the snapshot patch alone", "never published: the cover letter measures the whole series"),
    ("VMware's EPT and RVI papers, 2008 and 2009", "only the best cases are quoted; the bars were not found"),
    ("the vTLB of NOVA, EuroSys 2010", "no number was found"),
    ("binary translation in Adams & Agesen, 2006", "the model traps; it does not translate"),
    ("agile paging, SSP, TPT: whole-program gains", "they measure run time of programs nobody recorded page tables of"),
)
