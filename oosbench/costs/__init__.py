"""What shadow paging costs, and what a snapshot saves of it. Read `worth.py` first.

`primitives.py`   the events that cost something, and a `Tally` of them
`prices.py`       `Price` and `Processor`: what each costs, by source
`worth.py`        what the snapshot is worth, over the uncertainty of prices
`breakeven.py`    where it stops paying: the closed form, and guests built for it
`calibration.py`  the prices that can be measured on this machine
"""

from __future__ import annotations

from .prices import Processor as Processor
from .prices import cost as cost
from .prices import processor as processor
from .prices import processors as processors
from .primitives import Tally as Tally
from .primitives import tally as tally
from .worth import WITH as WITH
from .worth import WITHOUT as WITHOUT
from .worth import sensitivity as sensitivity
from .worth import verdict as verdict
from .worth import worth as worth
