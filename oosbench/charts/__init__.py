"""Charts: frame in, Figure out. Read `resync.py` first. No pyplot and no global settings, so that threads may draw.

Each chart has a companion ``…_text`` that says in a sentence what it shows, for readers who cannot see it.
"""

from __future__ import annotations

from .breakdown import breakdown as breakdown
from .breakdown import breakdown_text as breakdown_text
from .breakdown import timeline as timeline
from .breakdown import timeline_text as timeline_text
from .dirty import dirty_against as dirty_against
from .dirty import dirty_against_text as dirty_against_text
from .dirty import dirty_causes as dirty_causes
from .dirty import dirty_causes_text as dirty_causes_text
from .dirty import dirty_ecdf as dirty_ecdf
from .dirty import dirty_ecdf_text as dirty_ecdf_text
from .dirty import dirty_runs as dirty_runs
from .dirty import dirty_runs_text as dirty_runs_text
from .glance import glance as glance
from .glance import glance_text as glance_text
from .grid import grid as grid
from .grid import grid_svg as grid_svg
from .grid import grid_text as grid_text
from .grid import grid_title as grid_title
from .grid import legend as legend
from .images import Html as Html
from .images import as_html as as_html
from .images import as_pdf as as_pdf
from .images import as_png as as_png
from .images import as_svg as as_svg
from .kinds import kinds as kinds
from .kinds import kinds_text as kinds_text
from .moment import moment as moment
from .moment import story as story
from .multiples import multiples as multiples
from .multiples import multiples_text as multiples_text
from .pairs import pairs as pairs
from .pairs import pairs_text as pairs_text
from .quick import quick_break_even as quick_break_even
from .quick import quick_tornado as quick_tornado
from .resync import dirty_ratio as dirty_ratio
from .resync import dirty_ratio_text as dirty_ratio_text
from .resync import resync_work as resync_work
from .resync import resync_work_text as resync_work_text
from .saving import saving as saving
from .saving import saving_text as saving_text
from .speed import growth as growth
from .speed import growth_text as growth_text
from .speed import speed as speed
from .speed import speed_text as speed_text
from .sweep import heatmap as heatmap
from .sweep import heatmap_text as heatmap_text
from .sweep import lines as lines
from .sweep import lines_text as lines_text
from .uncertainty import uncertainty as uncertainty
from .uncertainty import uncertainty_text as uncertainty_text
from .worth import break_even as break_even
from .worth import break_even_text as break_even_text
from .worth import tornado as tornado
from .worth import tornado_text as tornado_text
from .worth import worth as worth
from .worth import worth_text as worth_text
