"""Guests small enough to read."""

from __future__ import annotations

#: Its root is frame 1; frame 5 maps a user's pages from 0x200000 on, and frame 4 that table and another page.
GUEST = """\
MODE 4 1 64 256
POKE 0x1000 0x2067
POKE 0x2000 0x3067
POKE 0x3000 0x4067
POKE 0x3008 0x5067
POKE 0x4000 0x5063
POKE 0x4008 0x5021
POKE 0x5000 0x8067
POKE 0x5008 0x9067
POKE 0x5010 0xa067
POKE 0x5018 0x800000000000b067
CR3 0 0x1000
"""

#: Makes frame 5 go out of sync.
OUT_OF_SYNC = "ACCESS 0 0x200000 r u\nWRITE 0 0x0 0xc067\n"

#: A user who maps the loaded root stores to it: the original dies of that.
USER_MAPS_ROOT = """\
MODE 4 1 16 256
POKE 0x1000 0x2067
POKE 0x2000 0x3067
POKE 0x3000 0x4067
POKE 0x4000 0x1067
CR3 0 0x1000
ACCESS 0 0x0 r u
WRITE 0 0xff8 0x1 8 u
"""
