"""Presets: every axis by itself, what each does, and what is refused with which reason."""

from __future__ import annotations

import pytest

from oosbench import Machine, Preset, PresetError, preset
from oosbench.presets import ALIASES, CHOICES, PRESETS, RANGES, SWITCHES, axes

from .. import golden


def counters(trace, name: str):
    return Machine(trace, name, keep_outcomes=False).run().counters


def test_presets_answer_to_letters_and_variants():
    assert {preset(alias).name.split("+")[0] for alias in ALIASES} == set(PRESETS) - {"shadow1"}
    assert preset("E").name == preset("full").name == "oos-snapshot"
    assert {preset(v).name for v in golden.VARIANTS} == set(PRESETS) - {"oos-fixed", "shadow1"}
    with pytest.raises(PresetError, match="unknown preset 'fast'; there are emulate, shadow1, oos,"):
        preset("fast")


@pytest.mark.parametrize("axis", axes(preset("E")))
def test_every_axis_can_be_set_alone_and_has_a_spelling(axis):
    value = {
        "oos": False,
        "policy": "threshold(4)",
        "oos_slots": 5,
        "fixups": "none",
        "snapshot": "off",
        "guesses": "today",
        "fixup_stride": 26,
        "fixup_bucket_entries": 30,
    }.get(axis)
    if value is None:
        value = not getattr(preset("E"), axis) if axis in SWITCHES else getattr(preset("E"), axis) + 1
    base = preset("A").replace(oos=True) if axis == "oos" else preset("E")
    changed = base.replace(**{axis: value})
    assert getattr(changed, axis) == value
    assert {a: v for a, v in axes(changed).items() if a != axis} == {a: v for a, v in axes(base).items() if a != axis}
    assert preset(changed.name) == changed
    assert changed.replace(name="mine").name == "mine"


@pytest.mark.parametrize(
    ("axis", "value", "told"),
    [
        ("oos_slots", 1, "oos_slots is 1, must be 2 to 64: with one, changes get lost"),
        ("oos_slots", 0, "oos_slots is 0, must be a whole number from 2 to 64"),
        ("oos_slots", 65, "oos_slots is 65, must be a whole number from 2 to 64"),
        ("oos_slots", 3.0, "oos_slots is 3.0, must be a whole number from 2 to 64"),
        ("oos_slots", True, "oos_slots is True, must be a whole number"),
        ("fixups", "many", "fixups is 'many', must be one of none, table, array"),
        ("fixup_buckets", 0, "fixup_buckets is 0, must be a whole number from 1 to 1024"),
        ("fixup_stride", 27, "fixup_stride is 27, must be at most fixup_bucket_entries, 26"),
        ("fixups_per_slot", 65, "fixups_per_slot is 65, must be a whole number from 1 to 64"),
        ("snapshot", True, "snapshot is True, must be one of off, untrusted, trusted"),
        ("policy", "sometimes", "policy is 'sometimes', must be never, always or threshold"),
        ("policy", "threshold(0)", "policy is 'threshold.0.', must be never, always or threshold"),
        ("policy", "threshold(-2)", "policy is 'threshold.-2.', must be never"),
        ("policy", 3, "policy is 3, must be never"),
        ("guesses", "tomorrow", "guesses is 'tomorrow', must be one of none, 2008, today"),
        ("prefetch_distance", 513, "prefetch_distance is 513, must be a whole number from 1 to 512"),
        ("prefetch", 1, "prefetch is 1, must be True or False"),
        ("oos", False, "policy is 'always', must be never where no table may go out of sync"),
    ],
)
def test_an_impossible_preset_is_refused(axis, value, told):
    with pytest.raises(PresetError, match=f"preset mine: {told}"):
        Preset(name="mine", **{axis: value})


def test_what_cannot_go_with_emulation_alone_is_refused():
    for axis, value in (("policy", "always"), ("fixups", "table"), ("snapshot", "trusted")):
        with pytest.raises(PresetError, match=rf"{axis} is '{value}', must be \w+ where no table may go out of sync"):
            preset("emulate").replace(**{axis: value})


def test_an_unknown_axis_is_refused_with_those_there_are():
    with pytest.raises(PresetError, match="preset emulate: there is no axis 'slots'; there are oos, policy, oos_slots"):
        preset("A").replace(slots=3)
    with pytest.raises(PresetError, match=r"preset oos-snapshot\+prefetch=maybe: prefetch is 'maybe', must be True or"):
        preset("E+prefetch=maybe")


def test_every_axis_is_a_choice_a_number_or_a_switch():
    assert {*CHOICES, *RANGES, *SWITCHES, "policy"} == set(axes(preset("E")))


@pytest.mark.parametrize("slots", [2, 3, 7, 64])
def test_more_slots_evict_less(trace, slots):
    c = counters(trace("many_l1"), f"E+oos_slots={slots}")
    assert c.snapshot_copies == c.shadow_unsync > 0
    assert (c.shadow_unsync_evict == 0) == (slots == 64)
    assert Machine(trace("many_l1"), f"E+oos_slots={slots}").domain.vcpus[0].oos_snapshot[slots - 1] > 0


def test_the_code_can_be_there_and_never_used(trace):
    never = counters(trace("cow"), "D")
    assert never.unsync_calls == never.shadow_unsync == 0
    assert never.resync_all_calls > 0
    assert counters(trace("cow"), "A").resync_all_calls == 0


def test_a_threshold_of_one_is_always(trace):
    one, always = (counters(trace("stress64"), f"E+policy={policy}") for policy in ("threshold(1)", "always"))
    assert one.equals(always)


def test_a_higher_threshold_emulates_more_and_unsyncs_less(trace):
    """The k-th write in a row to one table lets it go; the k - 1 before it are emulated."""
    every = [counters(trace("mmap_batches"), f"E+policy=threshold({k})") for k in (1, 2, 4, 8)]
    never = counters(trace("mmap_batches"), "D")
    unsyncs = [c.shadow_unsync for c in every]
    emulated = [c.emul_writes for c in every]
    assert unsyncs == sorted(unsyncs, reverse=True)
    assert unsyncs[0] > unsyncs[-1] >= never.shadow_unsync == 0
    assert emulated[0] < emulated[1] < emulated[2]


def test_without_prefetch_every_entry_costs_its_own_fault(trace):
    full, none = (counters(trace("demand_paging"), name) for name in ("E", "E+prefetch=off"))
    assert none.prefetch_entries == none.prefetch_calls == 0 < full.prefetch_entries
    assert none.shadow_fault > full.shadow_fault
    near = counters(trace("demand_paging"), "E+prefetch_distance=2")
    assert 0 < near.prefetch_entries < full.prefetch_entries
    assert near.prefetch_entries <= near.prefetch_calls


@pytest.mark.parametrize(
    ("name", "axis", "gone"),
    [
        ("demand_paging", "fast_fault_path", "shadow_fault_fast_gnp"),
        ("demand_paging", "no_gnp=on", "shadow_fault_fast_gnp"),
        ("unshadow", "early_unshadow", "shadow_early_unshadow"),
        ("t0", "writable_heuristics", "shadow_writeable_h_4"),
        ("t0", "guesses=none", "shadow_writeable_h_4"),
        ("t0", "linux_l3_toplevel", None),
    ],
)
def test_each_optimisation_can_be_switched_off(trace, name, axis, gone):
    spelled = axis if "=" in axis else f"{axis}=off"
    before, after = counters(trace(name), "E"), counters(trace(name), f"E+{spelled}")
    if gone is not None:
        assert before[gone] > 0 == after[gone]
    assert before.fault_guest == after.fault_guest  # what the guest sees is the same


def test_emulation_has_its_shortcuts_each_with_a_switch(trace):
    full = counters(trace("fork_exec"), "A")
    slow = counters(trace("fork_exec"), "A+fast_emulation=off")
    assert full.shadow_fault_fast_emulate > 0 == slow.shadow_fault_fast_emulate
    assert full.emul_writes == slow.emul_writes
    assert counters(trace("fork_exec"), "A+virtual_tlb=off").shadow_guest_walk > full.shadow_guest_walk
    validated = counters(trace("alias"), "A+skip_verify=off").filter(like="shadow_validate_gl").sum()
    assert validated > counters(trace("alias"), "A").filter(like="shadow_validate_gl").sum()


def test_roots_are_told_apart_without_the_old_linux_habit(trace):
    assert counters(trace("smp2"), "E").skip_sync == 0
    assert Machine(trace("smp2"), "E+linux_l3_toplevel=off").domain.state[0].linux_l3_toplevel == 0


def test_the_list_of_2008_misses_a_modern_direct_map_and_todays_finds_it(recorded):
    old, new = (counters(recorded("sqlite"), f"E+guesses={when}") for when in ("2008", "today"))
    assert old.shadow_writeable_h_4 == 0 < new.shadow_writeable_h_4
    assert new.shadow_writeable_bf + new.shadow_writeable_bf_1 < old.shadow_writeable_bf + old.shadow_writeable_bf_1
    assert (new.resync_compared, new.resync_dirty) == (old.resync_compared, old.resync_dirty)


def test_a_larger_fixup_table_drops_less(trace):
    small, full, right = (
        counters(trace("x_fixupfull"), f"E+{axes}")
        for axes in ("fixup_bucket_entries=4+fixup_stride=4", "fixup_buckets=13", "fixup_stride=26")
    )
    assert small.shadow_oos_fixup_add_fail > full.shadow_oos_fixup_add_fail > 0
    assert full.shadow_oos_fixup_add_fail >= right.shadow_oos_fixup_add_fail
    many = counters(trace("x_fixupfull"), "array+fixups_per_slot=64")
    assert many.shadow_oos_fixup_evict < counters(trace("x_fixupfull"), "array").shadow_oos_fixup_evict


def test_distinct_fixups_are_recorded_once(trace):
    twice, once = (counters(trace("alias"), f"array+fixup_distinct{on}") for on in ("=off", ""))
    assert twice.shadow_oos_fixup_no_add == 0
    assert once.shadow_oos_fixup_add == twice.shadow_oos_fixup_add
    assert once.shadow_oos_fixup_no_add >= 0
    assert once.shadow_oos_fixup_evict <= twice.shadow_oos_fixup_evict


def test_fixups_in_splintered_superpages_work_once_mended(recorded):
    broken, mended = (counters(recorded("sqlite"), f"array{more}") for more in ("", "+fl1_fixups"))
    assert mended.shadow_writeable_h_7 > broken.shadow_writeable_h_7
    assert mended.shadow_writeable_bf_1 < broken.shadow_writeable_bf_1


@pytest.mark.parametrize("axis", ["resync_late", "prealloc_first", "skip_2level", "fl1_fixups"])
@pytest.mark.parametrize("name", ["stress32", "stress64_pressure", "hs_64_v2_2m", "stresspae"])
def test_a_correction_changes_no_outcome_where_the_defect_is_not_reached(trace, name, axis):
    results = [list(Machine(trace(name), f"E{more}").run().outcome_lines()) for more in ("", f"+{axis}")]
    assert results[0] == results[1]
