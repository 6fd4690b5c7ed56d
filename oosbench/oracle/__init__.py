"""The architectural oracle: an independent judge of what a shadow MMU lets a guest see.

It knows guest memory, the guest's own TLB flushes and the rules of x86 paging, and nothing of shadows. Of every
translation that was used, and of every fault that was delivered, it says whether a processor with *some* legal
TLB could have behaved like that. It shares no code with `oosbench.shadow`, so that a mistake made there is not
made here.

`finding.py`  what can be wrong
`memory.py`   guest memory, and the values that a TLB may still remember
`mmu.py`      vCPUs, the walk of memory as it is, and all walks that a TLB may remember
`evidence.py` the machine's memory beside the oracle's own: what an event did to it
`judge.py`    the rules, by event and outcome
"""

from __future__ import annotations

from .finding import KINDS as KINDS
from .finding import Finding as Finding
from .judge import Oracle as Oracle
