"""What each file of commands is given."""

from __future__ import annotations

import argparse
from collections.abc import Callable

#: Adds a command: its name, what does it, what it is for.
Command = Callable[[str, Callable[[argparse.Namespace], None], str], argparse.ArgumentParser]
