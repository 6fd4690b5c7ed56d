"""Recording a guest of one's own: a program in a small Linux guest under QEMU, watched by a plugin.

`record.py` is the road; `packages.py` finds the kernel, `build.py` compiles `plugin/` and `guest/`,
`contents.py` and `initramfs.py` make the guest's files, `qemu.py` runs it, and `log.py` reads what the plugin wrote.
"""

from __future__ import annotations

from .needs import missing as missing
from .record import MAX_VCPUS as MAX_VCPUS
from .record import MEMORY as MEMORY
from .record import THP as THP
from .record import TIME_LIMIT as TIME_LIMIT
from .record import Recorded as Recorded
from .record import memory_size as memory_size
from .record import record as record
