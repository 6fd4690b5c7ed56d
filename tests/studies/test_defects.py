"""The defects of 2008: each trace shows what it says, and the correction makes it go."""

from __future__ import annotations

import pytest

from oosbench import Machine, preset
from oosbench.presets import axes
from oosbench.recordings import data_folder
from oosbench.studies import defects


@pytest.mark.parametrize("defect", defects.DEFECTS, ids=lambda d: d.name)
def test_a_defect_shows_where_it_is_and_not_where_it_is_mended(defect):
    found = defect.look(defect.preset)
    if defect.mended:
        assert found != defect.look(defect.mended)
    if defect.evidence == "outcome":
        # What every guest may expect: emulation gives it.
        right = defect.look("emulate").removesuffix(" 0x0")
        assert found.removesuffix(" 0x0") != right == defect.look(defect.mended).removesuffix(" 0x0")


@pytest.mark.parametrize("defect", [d for d in defects.DEFECTS if d.mended and d.name != "D25"], ids=lambda d: d.name)
def test_defect_and_correction_differ_in_one_axis_and_the_corrected_preset_has_it(defect):
    one, other = axes(preset(defect.preset)), axes(preset(defect.mended))
    changed = {axis for axis in one if one[axis] != other[axis]} - {"unsafe"}
    assert len(changed) == 1
    if defect.name not in ("D8", "D17"):  # a table the array replaced; a number that was never one
        (axis,) = changed
        assert getattr(preset("oos-fixed"), axis) == other[axis]
        assert defect.look("oos-fixed") == defect.look(defect.mended)


def test_a_vcpu_that_never_starts_keeps_everything_in_sync():
    machine = Machine(next(d for d in defects.DEFECTS if d.name == "D19").trace())
    outcomes = [line.split()[1:2] for line in machine.run().outcome_lines()]
    assert outcomes == [[], ["OK"], ["EMUL"], ["EMUL"], [], ["OK"]]


def test_the_list_is_complete():
    reached = {d.name for d in defects.DEFECTS}
    assert {path.stem for path in (data_folder() / "defects").glob("*.trace")} == reached
    assert reached | set(defects.UNREACHABLE) == {f"D{i}" for i in range(1, 26)}
    assert not reached & set(defects.UNREACHABLE)


def test_the_table_and_its_text_say_what_a_guest_would_have_seen():
    table = defects.table().set_index("defect")
    assert (table.seen.str.len() > 20).all()
    assert table.loc["D5", "with"] == "OK 0x8000 0x0"
    assert table.loc["D5", "without"] == "OK 0x9000 0x0"
    told = defects.told()
    assert "A guest sees: An old translation after a flush, for good: its store to the table" in told
    assert "oos-snapshot: OK 0x8000 0x0, oos-snapshot+skip_2level: OK 0x9000 0x0" in " ".join(told.split())
    assert all(len(line) <= 100 for line in told.splitlines())
