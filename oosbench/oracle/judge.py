"""The rules, by event and outcome."""

from __future__ import annotations

import numpy as np

from ..traces import Trace
from ..traces import events as ops
from ..x86 import PFEC_I, PFEC_P, PFEC_U, PFEC_W, A, D
from .evidence import Evidence, name
from .finding import CODE, FAULT, MEMORY, MISSING_P, OUTCOME, RIGHTS, STUCK, TRANSLATION, VALUE, Finding
from .mmu import Vcpu, Walk

_WORD = (1 << 64) - 1


class Oracle:
    """Judges the outcome of every row of a trace.

    Parameters
    ----------
    trace : Trace
        A checked one.

    Notes
    -----
    It keeps its own guest memory, made of the trace's stores as it judges them. What it takes over from the
    machine's are A and D bits, where a walk may have set them; and after a finding whatever the machine did,
    so that one mistake is told once.
    """

    def __init__(self, trace: Trace) -> None:
        columns = ("op", "vcpu", "line", "address", "value", "access", "width")
        self._rows = list(zip(*(np.asarray(trace.events[column]).tolist() for column in columns), strict=True))
        self._evidence = Evidence(trace.levels, trace.vcpus, trace.guest_pages)
        self._memory, self._mmu = self._evidence.memory, self._evidence.mmu
        self._guest_pages = trace.guest_pages
        # Of a store in two halves the second one's walk may mark the entry that the first has just written.
        self._marked_later = A | D if trace.levels == 2 else 0

    def observe(self, row: int, outcome: str, place: int, value: int, memory: np.ndarray) -> list[Finding]:
        """Judge one row. All rows must come, in order, those of POKEs too.

        Parameters
        ----------
        row : int
            Row of ``trace.events``.
        outcome : {"", "OK", "FAULT", "EMUL", "MMIO", "STUCK", "DEAD"}
        place : int
            OK: guest-physical byte address that the access hit. FAULT: the error code. Both 0 for a WRITEHL.
        value : int
            What an aligned read found.
        memory : int64[pages, 512]
            Guest memory after the event. (After a POKE it is not looked at.) Pages beyond the guest's may follow.

        Returns
        -------
        list of Finding
            Nearly always empty.
        """
        op, v, line, address, number, access, width = self._rows[row]
        evidence = self._evidence
        evidence.begin(row, line, v, memory)
        if outcome == "DEAD":
            return evidence.found
        if op == ops.POKE:
            self._memory.store(address, width, number)
        elif op == ops.P2M:
            self._mmu.set_type(address, number)
        elif op not in (ops.BLOW, ops.AUDIT):
            vcpu = self._mmu.vcpus[v]
            if op == ops.ACCESS:
                self._judge_access(vcpu, address, access, outcome, place, value & _WORD)
            elif op == ops.WRITE:
                self._judge_write(vcpu, address, access | PFEC_W, width, number, outcome, place)
            elif op == ops.WRITEHL:
                self._judge_halves(vcpu, address, number, outcome)
            elif op == ops.CR3:
                self._mmu.load_cr3(vcpu, address)
            elif op == ops.INVLPG:
                self._mmu.invlpg(vcpu, address)
            elif op == ops.WP:
                vcpu.wp = number
            elif op == ops.NX:
                self._mmu.set_nx(vcpu, number)
            elif op == ops.PSE:
                vcpu.pse = number
                self._mmu.flush(vcpu)
        return evidence.found

    def finish(self, memory: np.ndarray) -> list[Finding]:
        """Compare all of guest memory with the oracle's own; give a finding for each frame that differs."""
        evidence = self._evidence
        evidence.found = []
        differ = self._memory.differences(memory[: self._guest_pages])
        frames, first, count = np.unique(differ >> 9, return_index=True, return_counts=True)
        for frame, number, words in zip(frames.tolist(), differ[first].tolist(), count.tolist(), strict=True):
            held, own = int(memory[frame, number & 511]) & _WORD, self._memory.word(number)
            told = f"{words} words of frame {frame:#x} differ at the end, first {number << 3:#x}"
            evidence.report(None, MEMORY, f"{told}: it holds {held:#x}, not {own:#x}")
        return evidence.found

    # --- events -----------------------------------------------------------------------------------------------

    def _judge_access(self, vcpu: Vcpu, va: int, access: int, outcome: str, place: int, value: int) -> None:
        walk = self._evidence.walk(vcpu, va, access)
        if outcome == "OK":
            self._check_place(vcpu, va, access, walk, place)
            if not access & (PFEC_W | PFEC_I) and place & 7 == 0 and self._mmu.is_ram(place >> 12):
                held = self._memory.word(place >> 3)
                if value != held:
                    self._evidence.report(va, VALUE, f"read {value:#x} at {place:#x}, which holds {held:#x}")
        elif outcome != "EMUL" or not self._takes_an_emulator(vcpu, access, walk):
            self._check_end(vcpu, va, access, walk, outcome, place)
        self._evidence.compare(va, walk.at)

    def _takes_an_emulator(self, vcpu: Vcpu, access: int, walk: Walk) -> bool:
        """Say whether a store of nobody knows what may have been emulated: where no mapping could let it through."""
        if not access & PFEC_W or not self._mmu.permits(vcpu, walk, access):  # an emulator walks memory
            return False
        return walk.frame in self._mmu.read_only or not (vcpu.wp or access & PFEC_U)

    def _judge_write(self, vcpu: Vcpu, va: int, access: int, width: int, value: int, outcome: str, place: int) -> None:
        evidence = self._evidence
        hit = outcome == "OK"
        walk = evidence.walk(vcpu, va, access, place if hit else va, width, not hit)
        if hit:
            self._check_place(vcpu, va, access, walk, place)
        elif outcome == "EMUL":
            place = evidence.find_store(vcpu, va, access, width, value, 0)
        else:
            self._check_end(vcpu, va, access, walk, outcome, place)
            place = -1
        evidence.compare(va, walk.at + self._store(place, width, value))

    def _judge_halves(self, vcpu: Vcpu, va: int, value: int, outcome: str) -> None:
        """Judge two stores of 4 bytes. The outcome is the second one's, unless the first came to another end."""
        evidence = self._evidence
        touched: tuple[int, ...] = ()
        went_on = outcome in ("OK", "EMUL")
        for at, half, covered, later in ((va + 4, value >> 32, 8, self._marked_later), (va, value, 4, 0)):
            walk = evidence.walk(vcpu, at, PFEC_W, va, covered, True)
            touched += walk.at
            if not went_on and (at == va or not self._did_store(vcpu, at, half, walk, later)):
                self._check_end(vcpu, at, PFEC_W, walk, outcome, None)
                break
            touched += self._store(evidence.find_store(vcpu, at, PFEC_W, 4, half, later), 4, half)
        evidence.compare(va, touched)

    def _did_store(self, vcpu: Vcpu, va: int, value: int, walk: Walk, later: int) -> bool:
        """Say whether the high half was stored though the event came to another end."""
        place = self._evidence.landed(vcpu, va, PFEC_W, 4, value, later)
        if place < 0:
            return False
        permitted = self._mmu.permits(vcpu, walk, PFEC_W) and self._mmu.is_ram(walk.frame)
        return permitted or self._evidence.changed(place, 4)

    def _store(self, place: int, width: int, value: int) -> tuple[int, ...]:
        """Store where the machine did; return the place, if it is one, for the comparison."""
        if not self._mmu.is_ram(place >> 12):
            return ()
        self._memory.store(place, width, value)
        return (place, place + width - 1)

    # --- outcomes ---------------------------------------------------------------------------------------------

    def _check_place(self, vcpu: Vcpu, va: int, access: int, walk: Walk, place: int) -> None:
        """Check that an access may have hit a guest-physical address."""
        frame = place >> 12
        if not self._mmu.is_ram(frame):
            self._evidence.report(va, TRANSLATION, f"{name(access)} hit {place:#x}, which is no RAM")
        elif (place ^ va) & 4095:
            self._evidence.report(va, TRANSLATION, f"{name(access)} hit {place:#x}, elsewhere in its page")
        elif access & PFEC_W and frame in self._mmu.read_only:
            self._evidence.report(va, RIGHTS, f"{name(access)} hit {place:#x}, which is read-only memory")
        elif walk.frame != frame or not self._evidence.hits(vcpu, access, walk):
            self._evidence.search(vcpu, va, access, frame.__eq__, f"hit {place:#x}")

    def _check_end(self, vcpu: Vcpu, va: int, access: int, walk: Walk, outcome: str, code: int | None) -> None:
        """Check that an access may have ended otherwise than by reaching memory."""
        if outcome == "FAULT":
            self._check_fault(vcpu, va, access, walk, code)
        elif outcome == "MMIO":
            # Rights, A and D are the business of the emulator of devices, which is outside the machine.
            if not any(self._is_device(frame, access) for frame in self._evidence.ends(vcpu, va)):
                self._evidence.report_ends(vcpu, va, TRANSLATION, f"{name(access)} went to a device")
        elif outcome == "STUCK":
            self._evidence.report(va, STUCK, f"{name(access)} faulted for ever")
        else:
            self._evidence.report(va, OUTCOME, f"{name(access)} cannot have the outcome {outcome!r}")

    def _is_device(self, frame: int, access: int) -> bool:
        return not self._mmu.is_ram(frame) or bool(access & PFEC_W and frame in self._mmu.read_only)

    def _check_fault(self, vcpu: Vcpu, va: int, access: int, walk: Walk, code: int | None) -> None:
        """Check a fault that was delivered: a walk of memory precedes it, so no TLB is an excuse."""
        if self._mmu.permits(vcpu, walk, access):
            told = f"{name(access)} faulted, though memory maps the page to {walk.frame << 12:#x} and permits it"
            self._evidence.report(va, FAULT, told)
            return
        due = self._mmu.fault_code(vcpu, walk, access)
        if code is not None and code != due:
            kind = MISSING_P if code | PFEC_P == due else CODE
            self._evidence.report(va, kind, f"{name(access)} faulted with code {code:#x}, {due:#x} is right")
