from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.sim.faults import SURVIVABLE, Fault, FaultKind, Faults
from appliance.sim.marlin import MarlinOptions, VirtualMarlin
from appliance.sim.receiver import numbered

OPTIONS = MarlinOptions(baud=0, turnaround=0.0)


def answers(faults: Faults, *lines: bytes, options: MarlinOptions = OPTIONS) -> list[bytes]:
    """What the host hears when it sends ``lines`` at once, in the order of time."""
    marlin = VirtualMarlin(options, faults)
    marlin.receive(b"".join(lines), 0.0)
    return marlin.advance(100.0).splitlines(keepends=True)


def strike(kind: FaultKind, line: int = 1, seconds: float = 1.0) -> Faults:
    return Faults(schedule=[Fault(kind, line, seconds)])


@given(st.integers(), st.integers(1, 50), st.integers(1, 20))
def test_one_line_in_each_block_is_struck_and_the_seed_decides_which(
    seed: int, every: int, blocks: int
) -> None:
    def struck() -> list[Fault]:
        faults = Faults(seed, every)
        return [fault for _ in range(every * blocks) if (fault := faults.next_line())]

    first = struck()
    assert first == struck()
    assert Counter((fault.line - 1) // every for fault in first) == Counter(range(blocks))


def test_kinds_are_chosen_from_those_that_a_print_survives() -> None:
    faults = Faults(seed=1, every=1)
    for _ in range(500):
        faults.next_line()
    assert set(faults.struck) == set(SURVIVABLE)
    assert not {FaultKind.RESET, FaultKind.HALT} & set(SURVIVABLE)


def test_a_flipped_bit_in_a_line_changes_one_bit() -> None:
    faults = Faults(seed=3)
    struck = faults.flip(b"N1 G1 X1*99\n")
    different = [a ^ b for a, b in zip(struck, b"N1 G1 X1*99\n", strict=True)]
    assert sum(value.bit_count() for value in different) == 1


def test_no_line_with_a_flipped_bit_is_executed_as_something_else() -> None:
    line = numbered(1, "G1 X10.5 Y3*")
    for place in range(len(line) - 1):
        for bit in range(8):
            struck = bytearray(line)
            struck[place] ^= 1 << bit
            marlin = VirtualMarlin(OPTIONS)
            marlin.receive(bytes(struck) + b"\n", 0.0)
            marlin.advance(1.0)
            assert marlin.executed in ([], ["G1 X10.5 Y3"])


def test_struck_lines_are_refused() -> None:
    for kind in (FaultKind.FLIP_LINE, FaultKind.DROP_LINE_BYTE):
        for seed in range(20):
            faults = Faults(seed, schedule=[Fault(kind, 1)])
            assert b"ok\n" not in answers(faults, numbered(1, "M117 abcdefgh"))[:1]


@pytest.mark.parametrize(
    ("kind", "oks"),
    [(FaultKind.LOST_OK, 1), (FaultKind.DOUBLED_OK, 3), (FaultKind.MANGLED_OK, 1)],
)
def test_the_struck_ok(kind: FaultKind, oks: int) -> None:
    heard = answers(strike(kind), b"G1 X1\n", b"G1 X2\n")
    assert heard.count(b"ok\n") == oks


def test_an_ok_without_one_of_its_bytes() -> None:
    heard = answers(strike(FaultKind.DROP_OK_BYTE), b"G1 X1\n", b"G1 X2\n")
    assert sum(map(len, heard)) == 5


def test_a_late_ok() -> None:
    marlin = VirtualMarlin(OPTIONS, strike(FaultKind.LATE_OK, seconds=3.0))
    marlin.receive(b"G1 X1\n", 0.0)
    assert marlin.advance(2.9) == b""
    assert marlin.advance(3.0) == b"ok\n"


def test_silence_fills_the_buffer_and_then_it_goes_on() -> None:
    marlin = VirtualMarlin(OPTIONS, strike(FaultKind.SILENCE, seconds=5.0))
    marlin.receive(b"G1 X1\n" * 30, 0.0)
    assert marlin.advance(4.9) == b""
    assert marlin.advance(5.0).count(b"ok\n") == 127 // 6
    assert marlin.dropped_bytes == 30 * 6 - 127


def test_a_silence_holds_up_what_was_under_way() -> None:
    marlin = VirtualMarlin(OPTIONS, strike(FaultKind.SILENCE, line=2, seconds=5.0))
    marlin.receive(b"G4 S1\n", 0.0)
    marlin.advance(0.5)
    marlin.receive(b"G1 X1\n", 0.5)
    assert marlin.advance(5.4) == b""
    assert marlin.advance(5.5) == b"ok\nok\n"


def test_a_test_can_strike_the_next_line() -> None:
    marlin = VirtualMarlin(OPTIONS)
    marlin.strike(FaultKind.LOST_OK)
    marlin.strike(FaultKind.DOUBLED_OK)
    marlin.receive(b"G1 X1\nG1 X2\nG1 X3\n", 0.0)
    assert marlin.advance(1.0) == b"ok\n" * 3
    assert marlin.faults
    assert marlin.faults.struck == {FaultKind.LOST_OK: 1, FaultKind.DOUBLED_OK: 1}
