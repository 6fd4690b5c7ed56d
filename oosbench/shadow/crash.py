"""Ends that the original would have come to as well."""

from __future__ import annotations


class Crash(Exception):
    """The original would have crashed here: the guest, or the hypervisor."""


class PoolDry(Crash):
    """The shadow pool has no page left to give (Xen: BUG in shadow_alloc and shadow_prealloc)."""


class NotInSlots(Crash):
    """A page is out of sync and in no slot (Xen: BUG in oos_hash_remove and oos_snapshot_lookup)."""


class DomainCrash(Crash):
    """The guest is given up (Xen: domain_crash)."""


class PolicyFailed(Exception):
    """A reader's own rule raised an error: no end of the original, but of the run."""
