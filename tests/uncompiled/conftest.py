"""Tests of the same source run as plain Python: ``NUMBA_DISABLE_JIT=1 pytest tests/uncompiled``.

`tests/test_uncompiled.py` does that as part of the whole.
"""

from __future__ import annotations

import numba

collect_ignore_glob = [] if numba.config.DISABLE_JIT else ["test_*.py"]
