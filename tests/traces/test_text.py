"""The text form: what is read is written again, byte for byte, and what is malformed is refused with its line."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oosbench import Trace, TraceError
from oosbench.traces.events import OPS
from oosbench.traces.text import parse, spell, usage

from .. import golden

HEAD = "MODE 4 2 4096 256\n"


@pytest.mark.parametrize("name", golden.MANIFEST.index)
def test_a_trace_read_and_written_is_the_same_bytes(name, trace):
    assert trace(name).to_text().encode() == gzip.decompress((golden.TRACES / f"{name}.trace.gz").read_bytes())


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD.rstrip(),
        f"# about\n\n{HEAD}",
        f"\n{HEAD}BLOW",
        f"{HEAD}# one\n\n  \n\tBLOW  \nAUDIT\n# end",
        f"{HEAD}CR3 0x1 4096\nCR3 1 0x1000\n",
        f"{HEAD}WRITE 0 0x0 1\nWRITE 0 0x0 0x1\nWRITE 0 0x0 0x1 8\nWRITE 0 0x0 0x1 8 s\nWRITE 0 0x0 0x1 8 u\n",
        f"{HEAD}POKE 0x10 0xAB 1\nPOKE 0x10 0xab 1\nPOKE 0x10 0xab\nPOKE 16 171 1\n",
        f"{HEAD}P2M 7 ro\nP2M 0x8 mmio\nP2M 9 ram\n",
        f"{HEAD}ACCESS 0  0x1000 r u\nACCESS 0 0x1000 x s\n",
        f"{HEAD}WP 0 1\nNX 1 0\nPSE 0 1\nWRITEHL 1 0x8 0xffffffffffffffff\nINVLPG 0 0xffff800000000000\n",
    ],
)
def test_every_spelling_survives(text):
    assert Trace.from_text(text).to_text() == text


NUMBERS = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 300))


@st.composite
def lines(draw):
    """Draw an event line, spelled as usual or not."""
    number = draw(NUMBERS)
    value = draw(NUMBERS)
    spelled = draw(st.sampled_from([hex, str, lambda n: f"0x{n:X}"]))
    line = draw(
        st.sampled_from(
            [
                f"WRITE 1 {spelled(number)} {hex(value)}",
                f"WRITE 0 {hex(number)} {spelled(value)} 8 u",
                f"POKE {hex(number)} {spelled(value)} 4",
                f"ACCESS 1 {spelled(number)} w s",
                f"CR3 0 {spelled(number)}",
                "# a remark",
                "",
                "BLOW",
            ]
        )
    )
    return line.replace(" ", draw(st.sampled_from([" ", "  ", "\t"])))


@given(st.lists(lines(), max_size=12))
def test_both_readers_agree(drawn):
    text = HEAD + "\n".join(drawn)
    parsed = parse(text.encode(), "drawn")
    assert spell(parsed) == text
    # A leading blank is unusual, so then each line is read by itself.
    slow = parse((HEAD + "\n".join(f" {line}" for line in drawn)).encode(), "drawn")
    np.testing.assert_array_equal(parsed.events, slow.events)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("FROB 1 2", "unknown op 'FROB'; there are MODE, POKE"),
        ("CR3 0", r"CR3 has 1 fields, must be: CR3 vcpu address"),
        ("CR3 0 0x1000 0x2000", "CR3 has 3 fields"),
        ("WRITE 0 0x0", r"must be: WRITE vcpu address value \[size \[u\|s\]\]"),
        ("WRITE 0 0x0 0x1 8 k", "'k' stands where u|s must"),
        ("ACCESS 0 0x0 q u", r"'q' stands where r\|w\|x must"),
        ("P2M 3 rom", r"'rom' stands where ram\|ro\|mmio must"),
        ("CR3 0 -4096", "address is '-4096', must be a number"),
        ("CR3 00 0x1000", "vcpu is '00', must be a number"),
        ("CR3 0 0x01000", "without sign or leading zeros"),
        ("CR3 0 0x", "address is '0x'"),
        ("CR3 0 0X1000", "address is '0X1000'"),
        ("CR3 0 1_000", "address is '1_000'"),
        ("CR3 0 0x10000000000000000", "at most 64 bits"),
        ("CR3 0 99999999999999999999", "at most 64 bits"),
        ("CR3 300 0x1000", "vcpu is 300, which is out of range"),
        ("MODE 4 1 16 256", "a second MODE"),
        ("CR3 0 0x1000\r", "address is '0x1000\\\\r'"),
        ("CR3 2 0x1000", "vcpu must be below 2"),
        ("CR3 0 0x1001", "a root must be aligned to 4096 bytes"),
        ("CR3 0 0x1000000", "guest memory ends at 0x1000000"),
        ("POKE 0x1000000 0x1", "guest memory ends at 0x1000000"),
        ("POKE 0xffc 0x1 8", "a store must not cross a page"),
        ("WRITE 0 0xfff 0x1 2", "a store must not cross a page"),
        ("WRITEHL 0 0xffc 0x1", "a store must not cross a page"),
        ("WRITE 0 0x0 0x100 1", "the value is wider than its size"),
        ("WRITE 0 0x0 0x1 3", "size must be 1, 2, 4 or 8"),
        ("POKE 0x0 0x1 0", "size must be 1, 2, 4 or 8"),
        ("ACCESS 0 0x800000000000 r u", "the address is not canonical"),
        ("INVLPG 0 0x7fff00000000000", "the address is not canonical"),
        ("P2M 4096 ro", "gfn must be below 4096"),
        ("WP 0 2", "must be 0 or 1"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(line, told):
    text = f"{HEAD}# fine\nCR3 0 0x1000\n{line}\nBLOW\n"
    with pytest.raises(TraceError, match=told) as refused:
        Trace.from_text(text, "mine.trace")
    assert "mine.trace, line 4" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no event"),
        ("# nothing\n", "holds no event"),
        ("CR3 0 0x1000\n", "line 1: 'CR3' before MODE"),
        ("MODE 4 1 16\n", "MODE has 3 fields"),
        ("MODE 5 1 16 256\n", "levels is 5, must be 2 to 4"),
        ("MODE 4 0 16 256\n", "vcpus is 0, must be 1 to 64"),
        ("MODE 4 65 16 256\n", "vcpus is 65, must be 1 to 64"),
        ("MODE 4 1 0 256\n", "guest_pages is 0, must be 1 to"),
        ("MODE 2 1 1048577 256\n", "guest_pages is 1048577, must be 1 to 1048576"),
        ("MODE 4 1 16 99999999999\n", "shadow_pages is 99999999999, must be 0 to"),
        ("MODE 4 1 16 -1\n", "shadow_pages is '-1', must be a number"),
        ("MODE 2 1 16 256\nACCESS 0 0x100000000 r u\n", "line 2: the address is wider than 32 bits"),
        ("MODE 3 1 16 256\nCR3 0 0x1010\n", "line 2: a root must be aligned to 32 bytes"),
    ],
)
def test_a_bad_head_is_refused(text, told):
    with pytest.raises(TraceError, match=told):
        Trace.from_text(text)


def test_what_is_no_text_is_refused():
    with pytest.raises(TraceError, match="line 2: is no text"):
        Trace.from_text(HEAD.encode() + b"\xff\xfe\n")


def test_the_usage_of_every_op_can_be_told():
    assert usage("WRITE") == "WRITE vcpu address value [size [u|s]]"
    assert all(usage(op).startswith(op) for op in OPS)
