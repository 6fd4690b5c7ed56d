"""Published figures beside the model's: one module each, which says what was calibrated and what is predicted."""

from __future__ import annotations

from types import ModuleType

from . import ddk_build

#: By name. Each has `table`, `chart`, `chart_text`, and says what it is: `TITLE`, `CALIBRATED`, `PREDICTED`, `TRUST`.
FIGURES: dict[str, ModuleType] = {module.__name__.rpartition(".")[2]: module for module in (ddk_build,)}
