"""What shadow paging costs, and what a snapshot saves of it. Read `worth.py` first.

`primitives.py`   the events that cost something, and a `Tally` of them
`prices.py`       `Price` and `Processor`: what each costs, by source
`worth.py`        what the snapshot is worth
`uncertainty.py`  how sure that is: corners, draws, shares of variance
`verdict.py`      what comes out, in sentences that the numbers make
`breakdown.py`    where the cycles go: by category, and over the time of a trace
`breakeven.py`    where it stops paying: the closed form, and guests built for it
`calibration.py`  the prices that can be measured on this machine; `pieces.py` is what is timed for some of them
`stored.py`       prices as a file
"""

from __future__ import annotations

from .breakdown import breakdown as breakdown
from .breakdown import timeline as timeline
from .prices import Processor as Processor
from .prices import cost as cost
from .prices import processor as processor
from .prices import processors as processors
from .primitives import Tally as Tally
from .primitives import tally as tally
from .stored import read_processor as read_processor
from .stored import write_processor as write_processor
from .verdict import cycles_told as cycles_told
from .verdict import verdict as verdict
from .worth import WITH as WITH
from .worth import WITHOUT as WITHOUT
from .worth import sensitivity as sensitivity
from .worth import worth as worth
