"""What is moved when traces become processes of one machine, and what stays."""

from __future__ import annotations

from oosbench.splice import splice
from oosbench.traces.events import P2M

from .small_traces import small


def second(levels: int, text: str, pages: int = 1500) -> list[str]:
    """Return the lines of a trace behind another of 1500 pages, so that it is moved by 2048 frames."""
    whole = splice.concatenate([small(levels, "", name="a"), small(levels, text, pages)])
    assert (whole.events.op[:548] == P2M).all()
    assert whole.events.address[[0, 547]].tolist() == [1500, 2047]
    return whole.to_text().splitlines()[549:]


def test_roots_entries_and_types_are_moved_and_addresses_stay():
    told = second(
        4, "P2M 7 ro\nCR3 0 0x1000\nWRITE 0 0x5000 0x8000000000002067\nWRITE 0 0x5000 0x2066\nINVLPG 0 0x5000\n"
    )
    assert told == [
        "P2M 2055 ro",
        "CR3 0 0x801000",
        "WRITE 0 0x5000 0x8000000000802067",
        "WRITE 0 0x5000 0x2066",  # not present
        "INVLPG 0 0x5000",
    ]


def test_both_entries_of_eight_bytes_are_moved_in_2_level_paging():
    told = second(
        2, "CR3 0 0x1000\nWRITE 0 0x5000 0x200500001007 8\nWRITE 0 0x5002 0x100700000000 8\nWRITE 0 0x5 0x1 1\n"
    )
    assert told[1:] == [
        "WRITE 0 0x5000 0x80200500801007 8",
        "WRITE 0 0x5002 0x100700000000 8",
        "WRITE 0 0x5 0x1 1",
    ]


def test_the_first_half_of_an_entry_is_moved_and_the_second_not():
    text = "CR3 0 0x20\nWRITE 0 0x5000 0x2067 4\nWRITE 0 0x5004 0x2067 4\nWRITEHL 0 0x6000 0x2067\n"
    text += "WRITE 0 0x5004 0x206700000001 8\n"
    assert second(3, text) == [
        "CR3 0 0x800020",
        "WRITE 0 0x5000 0x802067 4",
        "WRITE 0 0x5004 0x2067 4",
        "WRITEHL 0 0x6000 0x802067",
        "WRITE 0 0x5004 0x80206700000001 8",
    ]


def test_a_device_stays_one():
    told = second(4, "CR3 0 0x1000\nWRITE 0 0x5000 0x5dc007\nWRITE 0 0x5000 0xfee00007\nWRITE 0 0x5000 0x5db007\n")
    # 3548 pages in all; the frame just behind its own 1500 is moved by twice 4 MiB, a far one not at all.
    assert told[1:] == ["WRITE 0 0x5000 0xddc007", "WRITE 0 0x5000 0xfee00007", "WRITE 0 0x5000 0xddb007"]
    first = splice.concatenate([small(4, "CR3 0 0\nWRITE 0 0 0x5dc007\n"), small(4, "")])
    assert first.events.value[-1] == 0xDDC007


def test_a_trace_finds_the_switches_as_after_its_first_load():
    a = small(3, "CR3 0 0\nWP 0 0\nNX 0 0\n")
    b = small(3, "CR3 0 0x20\nNX 0 0\n")
    told = splice.concatenate([a, b]).to_text().splitlines()
    assert told[-4:] == ["WP 0 1", "NX 0 1", "CR3 0 0x800020", "NX 0 0"]
    told = splice.interleave([small(3, "CR3 0 0\nWP 0 0\n", 1024), b], 2).to_text().splitlines()
    assert told[1:] == ["CR3 0 0x0", "WP 0 0", "WP 0 1", "CR3 0 0x400020", "NX 0 0"]
