"""Panels: widgets around the package's functions. They hold no arithmetic. Read `_panel.py` first, then `compare.py`.

Every panel is used alike: show ``panel.ui`` in a notebook; without a browser, set its controls, call
``panel.run.click()`` and ``panel.wait()``.
"""

from __future__ import annotations

from .compare import ComparePanel as ComparePanel
from .cost import CostPanel as CostPanel
from .dirty import DirtyPanel as DirtyPanel
from .inspector import InspectorPanel as InspectorPanel
from .published import PublishedPanel as PublishedPanel
from .record import RecordPanel as RecordPanel
from .sweep import SweepPanel as SweepPanel
from .workload import WorkloadPanel as WorkloadPanel
