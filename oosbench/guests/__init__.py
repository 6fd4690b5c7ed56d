"""Guests: a model kernel that writes real page tables, and families of workloads that run on it.

From the bottom up:

`layout.py` where a kernel has what, `state.py` what a guest is made of, `instructions.py` what it does, `draws.py`
random numbers, `frames.py` frames and stores, `tables.py` page tables and the TLB, `boot.py` the kernel's half of the
address space, `regions.py` stretches of memory, `processes.py` fork, exec, exit, `faults.py` accesses and their
faults, `vmalloc.py` kernel memory, `kernel.py` all of this for a workload of your own, `families/` workloads that are
there already, `generate.py` traces made of those.
"""

from __future__ import annotations

from .build import OPTIONS as OPTIONS
from .families import FAMILIES as FAMILIES
from .fitted import FITTED as FITTED
from .generate import Workload as Workload
from .generate import family as family
from .generate import generate as generate
from .kernel import Kernel as Kernel
from .kernel import Region as Region
from .options import Parameter as Parameter
