"""What can be wrong."""

from __future__ import annotations

from dataclasses import dataclass

from ..x86 import unsigned

TRANSLATION, RIGHTS, AD, FAULT, CODE = "translation", "rights", "A/D", "fault", "code"
MISSING_P, VALUE, MEMORY, STUCK, OUTCOME = "missing P", "value", "memory", "stuck", "outcome"

#: What each kind of finding means. A *legal walk* is one whose entries memory had at or after the vCPU's last
#: flush of the address.
KINDS = {
    TRANSLATION: "an access ended where no legal walk ends",
    RIGHTS: "a legal walk ends there, but none that permits the access",
    AD: "a legal walk ends there and permits it, but none whose entries have A set, and D for a store",
    FAULT: "a fault was delivered, but memory as it is permits the access",
    CODE: "a fault was due, but with another error code",
    MISSING_P: "a fault was due, and of its error code only P is missing",
    VALUE: "a read found something else than what was stored last",
    MEMORY: "guest memory changed otherwise than by the guest's stores and the A and D bits of its walks",
    STUCK: "an access faulted for ever",
    OUTCOME: "an outcome that this event cannot have",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that no legal TLB explains.

    Attributes
    ----------
    line, row : int
        Line of the trace, from 1; row of ``trace.events``, from 0.
    vcpu, va : int or None
        Who accessed what. None if it was found when all of memory was compared.
    kind : str
        One of `KINDS`.
    message : str
        What was found, and what would have been right.
    """

    line: int
    row: int
    vcpu: int | None
    va: int | None
    kind: str
    message: str

    def __str__(self) -> str:
        """Return it as a sentence."""
        who = "" if self.vcpu is None else f", vcpu {self.vcpu}, va {unsigned(self.va):#x}"
        return f"line {self.line}{who}: {self.kind}: {self.message}"
