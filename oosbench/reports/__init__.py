"""What a run leaves: tables to read, files to go on with.

`tables.py`  frames as people read them: names in words, numbers with separators, as text and as HTML
`files.py`   the files of the main job, of a sweep and of a published figure
"""

from __future__ import annotations

from .files import sweep_chart as sweep_chart
from .files import write_comparison as write_comparison
from .files import write_figure as write_figure
from .files import write_sweep as write_sweep
from .tables import AGAINST as AGAINST
from .tables import DECIDES as DECIDES
from .tables import DEFECTS as DEFECTS
from .tables import DIRTY as DIRTY
from .tables import HEADLINE as HEADLINE
from .tables import PASSES as PASSES
from .tables import PIECES as PIECES
from .tables import PRICES as PRICES
from .tables import RIVALS as RIVALS
from .tables import SPEED as SPEED
from .tables import TIMES as TIMES
from .tables import WORTH as WORTH
from .tables import Columns as Columns
from .tables import columns_of as columns_of
from .tables import frame_html as frame_html
from .tables import readable as readable
from .tables import sweep_columns as sweep_columns
from .tables import table_html as table_html
from .tables import table_text as table_text
