"""The invariants: they hold on every trace after every event, and each notices what breaks it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from oosbench import Machine, Trace
from oosbench.presets import IDEAS
from oosbench.shadow.types import L1_64, L2_64, OOS_MAY_WRITE, OOS_SNAPSHOT, OUT_OF_SYNC
from oosbench.x86 import RW, US, P

from .. import golden
from ..small_guests import GUEST
from ..small_guests import OUT_OF_SYNC as LET_GO
from ..tiers import some

LEAF, WINDOW = 5, 4  # the L1 of 0x200000, and the L1 it can be written through
PRESETS = [*golden.VARIANTS, "oos-fixed", "shadow1", *IDEAS]


@pytest.mark.parametrize("preset", some(PRESETS, {"preoos", "full", "oos-fixed"}))
@pytest.mark.parametrize("name", golden.MANIFEST.index)
def test_every_invariant_holds_after_every_event(name, preset, trace, tally):
    machine = Machine(trace(name), preset)
    assert [str(v) for v in machine.run_audited()] == []
    assert machine.row == len(trace(name).events)
    tally["audits"] += len(trace(name))


@pytest.mark.parametrize("name", ["sqlite", "gcc"])
def test_every_invariant_holds_on_a_recording_now_and_then(name, recorded):
    machine = Machine(recorded(name))
    rows = len(recorded(name).events)
    for stop in range(rows // 25, rows, rows // 25):
        machine.run(stop=stop)
        assert machine.audit() == []


def test_an_audit_changes_nothing(trace):
    for name in ("smp2", "guest32", "pae"):
        plain, audited = Machine(trace(name)), Machine(trace(name))
        plain.run()
        audited.run_audited()
        assert plain.result().counters.equals(audited.result().counters)
        assert (plain.outcomes == audited.outcomes).all()
        assert list(plain.dump()) == list(audited.dump())
        assert (plain.domain.hash == audited.domain.hash).all()


@dataclass
class Spoiled:
    """A machine with table LEAF out of sync, to be spoiled."""

    machine: Machine

    def __post_init__(self) -> None:
        self.d = self.machine.domain
        self.vcpu = self.d.vcpus[0]

    def shadow(self, gmfn: int, kind: int = L1_64) -> int:
        found = (self.d.shadows.backpointer == gmfn) & (self.d.shadows.type == kind)
        return int(found.argmax())


@pytest.fixture
def spoiled():
    def make(preset: str = "oos-snapshot", text: str = GUEST + LET_GO) -> Spoiled:
        machine = Machine(Trace.from_text(text), preset)
        assert machine.run_audited() == []
        return Spoiled(machine)

    return make


def told(s: Spoiled, invariant: int):
    """Return the violations, which must be of one invariant."""
    found = s.machine.audit()
    assert {v.invariant for v in found} == {invariant}, list(map(str, found))
    return found


def test_i1_notices_a_snapshot_that_was_not_told(spoiled):
    s = spoiled()
    s.d.tables[s.vcpu.oos_snapshot[LEAF % 3], 1] = 0xF067
    (v,) = told(s, 1)
    assert (v.gmfn, v.smfn, v.index) == (LEAF, s.shadow(LEAF), 1)
    assert str(v).startswith("I1, frame 0x5, pool page 0x")
    assert "entry 1 of its shadow is 0x9027, more than the 0xf027 that its guest entry allows" in str(v)


@pytest.mark.parametrize("bit", [US, 1 << 12])
def test_i1_notices_other_rights_and_another_frame(spoiled, bit):
    s = spoiled("oos-fixups+snapshot=untrusted")
    s.d.tables[s.shadow(LEAF), 1] ^= bit
    assert 1 in {v.invariant for v in s.machine.audit()}


def test_i1_does_not_ask_where_nothing_is_known(spoiled):
    s = spoiled("oos-fixups")
    s.d.memory[LEAF, 1] = 0  # out of sync, without a snapshot
    assert s.machine.audit() == []
    s = spoiled("emulate")
    s.d.memory[LEAF, 1] = 0
    (v,) = told(s, 1)
    assert v.index == 1


def test_i1_knows_magic_entries(spoiled):
    s = spoiled("emulate")
    s.d.memory[LEAF, 9] = 0x9067
    (v,) = told(s, 1)
    assert (v.index, v.found) == (9, -1)
    assert "entry 9 of its shadow is 0xffffffffffffffff" in str(v) or v.found == -1


def test_i2_and_i6_notice_a_writable_mapping_of_a_table_in_sync(spoiled):
    s = spoiled("emulate")
    s.d.tables[s.shadow(WINDOW), 0] |= RW
    found = s.machine.audit()
    assert {v.invariant for v in found} == {1, 2, 6}
    assert any(str(v) == "I2, frame 0x5: it is in sync, and mapped writable 1 times" for v in found)


def test_i6_notices_a_wrong_count_of_present_entries(spoiled):
    s = spoiled()
    s.d.shadows[s.shadow(LEAF)].present += 1
    (v,) = told(s, 6)
    assert (v.gmfn, v.smfn, v.found) == (LEAF, s.shadow(LEAF), v.expected + 1)
    assert str(v).endswith(f"its shadow counts {v.found} present entries, it has {v.expected}")


def test_i3_notices_flags_that_do_not_go_together(spoiled):
    s = spoiled()
    s.d.frames[LEAF].shadow_flags &= ~OOS_MAY_WRITE
    assert {v.invariant for v in s.machine.audit()} >= {2, 3}
    s = spoiled()
    s.d.frames[3].shadow_flags |= OUT_OF_SYNC | OOS_MAY_WRITE  # an L2
    assert {v.invariant for v in s.machine.audit()} == {3, 4}


def test_i4_notices_a_lost_page_and_one_in_a_wrong_slot(spoiled):
    s = spoiled()
    s.vcpu.oos[LEAF % 3] = -1
    (v,) = told(s, 4)
    assert (v.gmfn, v.found) == (LEAF, 0)
    s = spoiled()
    s.vcpu.oos[LEAF % 3], s.vcpu.oos[(LEAF + 2) % 3] = -1, LEAF
    assert any("it is in slot 1; its home is 2" in str(v) for v in s.machine.audit() if v.invariant == 4)
    s = spoiled()
    s.vcpu.oos[0] = 30
    (v,) = told(s, 4)
    assert "slot 0 holds it, and it is not out of sync" in str(v)


def test_i5_notices_a_snapshot_page_that_is_lost_or_shared(spoiled):
    s = spoiled()
    s.vcpu.oos_snapshot[0] = s.vcpu.oos_snapshot[1]
    assert {v.invariant for v in s.machine.audit()} == {5}
    s = spoiled()
    s.d.shadows[s.vcpu.oos_snapshot[0]].references = 1
    (v,) = told(s, 5)
    assert v.found == OOS_SNAPSHOT


def test_i6_notices_both_counts_of_a_frame(spoiled):
    s = spoiled()
    s.d.frames[9].references += 1
    (v,) = told(s, 6)
    assert "it has 2 references; entries, shadows and roots make 1" in str(v)
    s = spoiled()
    s.d.frames[LEAF].type_count = 0
    (v,) = told(s, 6)
    assert "its type count is 0; 1 entries map it writable" in str(v)


def test_i7_notices_a_count_and_an_entry_that_points_elsewhere(spoiled):
    s = spoiled()
    s.d.shadows[s.shadow(LEAF)].references += 1
    (v,) = told(s, 7)
    assert (v.gmfn, v.found, v.expected) == (LEAF, 2, 1)
    s = spoiled()
    s.d.shadows[s.shadow(LEAF)].up += 1
    (v,) = told(s, 7)
    assert "its shadow remembers an upper entry" in str(v)


def test_i8_notices_a_broken_chain_and_a_type_bit(spoiled):
    s = spoiled()
    bucket = int((s.d.hash == s.shadow(LEAF)).argmax())
    s.d.hash[bucket], s.d.hash[bucket - 1] = 0, s.d.hash[bucket]
    assert 8 in {v.invariant for v in s.machine.audit()}
    s = spoiled()
    s.d.frames[3].shadow_flags = 0
    assert {v.invariant for v in s.machine.audit()} == {6, 8}
    s = spoiled()
    s.d.frames[40].shadow_flags = 1 << L2_64
    assert {v.invariant for v in s.machine.audit()} == {6, 8}


def test_i9_notices_a_page_that_is_free_and_in_use(spoiled):
    s = spoiled()
    free = int((s.d.shadows.type[4:] == 0).argmax()) + 4
    s.d.shadows[free].type = OOS_SNAPSHOT
    assert {v.invariant for v in s.machine.audit()} == {5, 9}
    s = spoiled()
    s.d.state[0].free_chunks[1] += 1
    (v,) = told(s, 9)
    assert "the list of order 1 says that it has" in str(v)


def test_i10_notices_a_mapping_that_the_array_does_not_know(spoiled):
    s = spoiled("oos-array")
    s.d.fixups.gmfn[:] = -1
    (v,) = told(s, 10)
    assert (v.gmfn, v.index) == (LEAF, 0)
    s = spoiled()
    s.vcpu.oos_fixup_used = 0
    assert "the table is said to be empty" in str(told(s, 10)[0])


def test_i11_notices_a_page_out_of_sync_when_none_may_be(spoiled):
    s = spoiled()
    s.d.state[0].oos_active = 0
    (v,) = told(s, 11)
    assert v.gmfn == LEAF
    s = spoiled()
    s.vcpu.paged = 0
    (v,) = told(s, 11)
    assert "with 0 of 1 vCPUs paged" in str(v)


@pytest.mark.parametrize("snapshot", ["trusted", "off"])
def test_i12_notices_what_a_cr3_load_left_behind(snapshot):
    # Defect D5 is a live one: vCPU 1 loads CR3, and what it can reach is not refreshed.
    text = (
        "MODE 2 2 64 256\nPOKE 0x1000 0x2067\nPOKE 0x1400 0x3067\nPOKE 0x2000 0x3067\nPOKE 0x3000 0x8067\n"
        "CR3 0 0x1000\nCR3 1 0x1000\nACCESS 1 0x40000000 r s\nWRITE 0 0x0 0x9067\nCR3 1 0x1000\n"
    )
    broken = Machine(Trace.from_text(text), f"oos-snapshot+snapshot={snapshot}").run_audited()
    assert [v.invariant for v in broken] == [12]
    assert (broken[0].vcpu, broken[0].gmfn, broken[0].index) == (1, 3, 0)
    assert "after the CR3 load entry 0 is 0x8027, more than the 0x9027" in str(broken[0])
    assert Machine(Trace.from_text(text), f"oos-snapshot+snapshot={snapshot}+skip_2level").run_audited() == []


def test_i12_notices_a_page_that_its_vcpu_still_holds(spoiled):
    s = spoiled(text=GUEST + LET_GO + "CR3 0 0x1000\n")
    replay_again = Machine(s.machine.trace)
    replay_again.run(stop=len(s.machine.trace.events) - 1)
    replay_again.domain.config[0].oos = 0  # nothing is resynced
    found = replay_again.run_audited()
    assert {v.invariant for v in found} == {12}
    assert any("after the CR3 load slot 2 still holds it" in str(v) for v in found)


def test_what_is_not_present_is_under_no_constraint(spoiled):
    # I13: the snapshot word of an entry that is not in the shadow may be anything.
    s = spoiled()
    s.d.tables[s.vcpu.oos_snapshot[LEAF % 3], 500] = 0x1234
    assert s.d.tables[s.shadow(LEAF), 500] & P == 0
    assert s.machine.audit() == []


def test_check_sums_of_the_counters(spoiled):
    s = spoiled()
    s.d.counters[:] += 1
    s.d.counters[0] -= 1
    assert 0 in {v.invariant for v in s.machine.audit()}


def test_more_violations_than_there_is_room_for_are_no_harm(spoiled):
    s = spoiled()
    s.d.frames.references[:] += 1
    assert len(s.machine.audit()) == 64
