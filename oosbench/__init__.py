"""A workbench for Xen's snapshotting out-of-sync shadow MMU.

A hypervisor that shadows guest page tables may let the guest write to one untrapped. Its shadow is then out of
sync, and must be brought back at the guest's next TLB flush. Xen's patch of June 2008 keeps a copy of the table
from the moment it goes out of sync, so that this revalidates only what changed. oosbench tells what that copy
is worth.

>>> import oosbench
>>> result = oosbench.Machine(oosbench.open_trace("sqlite")).run()
>>> int(result.counters.resync_compared), int(result.counters.resync_dirty)
(15274, 2257)
"""

from __future__ import annotations

from . import guests as guests
from . import recordings as recordings
from . import splice as splice
from .design import Design as Design
from .difference import first_difference as first_difference
from .errors import BadInput as BadInput
from .errors import CostError as CostError
from .errors import DesignError as DesignError
from .errors import GuestError as GuestError
from .errors import PresetError as PresetError
from .errors import PublishedError as PublishedError
from .errors import RecorderError as RecorderError
from .errors import RecordingError as RecordingError
from .errors import StoreError as StoreError
from .errors import SweepError as SweepError
from .errors import TraceError as TraceError
from .experiment import compare as compare
from .experiment import counters_frame as counters_frame
from .experiment import headline as headline
from .experiment import resyncs_frame as resyncs_frame
from .experiment import run_each as run_each
from .machine import Cancelled as Cancelled
from .machine import Machine as Machine
from .presets import PRESETS as PRESETS
from .presets import Policy as Policy
from .presets import Preset as Preset
from .presets import preset as preset
from .recorder import Recorded as Recorded
from .recorder import record as record
from .recordings import Recording as Recording
from .result import Result as Result
from .selfcheck import check as check
from .shadow.crash import Crash as Crash
from .sources import open_trace as open_trace
from .store import Store as Store
from .story import tell as tell
from .sweep import sweep as sweep
from .timemachine import TimeMachine as TimeMachine
from .trace import Trace as Trace
from .watch import Watched as Watched
from .watch import watch as watch

__version__ = "0.1.0"
