from functools import reduce
from operator import xor

import pytest

from appliance.errors import PrinterError
from appliance.printer import stream
from appliance.printer.stream import LineTooLong, Stream, frame, frame_length
from appliance.printer.window import Window


def test_frames_as_marlin_wants_it() -> None:
    assert frame(0, "M110 N0") == b"N0 M110 N0*125\n"  # as in Marlin's own documentation
    line = frame(12, "G1 X1 Y2")
    assert line == b"N12 G1 X1 Y2*%d\n" % reduce(xor, b"N12 G1 X1 Y2")


def test_frame_length_is_an_upper_bound() -> None:
    for command in ("M105", "G1 X1.5 Y2.5 E0.1", "M117 größer"):
        for number in (2, 99_999, 1_234_567):
            assert len(frame(number, command)) <= frame_length(number, command)


def test_a_line_that_marlin_would_cut_is_refused() -> None:
    longest = "M117 " + "x" * (95 - len("N2 *100") - 5)
    assert len(frame(2, longest)) <= 96
    with pytest.raises(LineTooLong) as caught:
        frame(1_000_000, longest)
    assert isinstance(caught.value, ValueError)
    assert "95" in caught.value.long


@pytest.mark.parametrize("command", ["", "G1\nM112", "G1\rX1", "G1\0", "M117 \x1b[0m"])
def test_only_one_printable_line(command: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        frame(1, command)


def test_history_serves_a_resend_of_more_than_a_thousand_lines() -> None:
    lines = Stream(Window(), 1)
    out = bytearray()
    for number in range(1, 3001):
        lines.add(f"G1 X{number}")
        lines.pump(out)
        assert lines.answered()
    assert lines.oldest <= 3000 - 1000
    out.clear()
    lines.rewind(lines.oldest)
    lines.pump(out)
    assert out == frame(lines.oldest, f"G1 X{lines.oldest}")
    assert lines.resends == 1


def test_the_backlog_is_bounded() -> None:
    lines = Stream(Window(), 1)
    for _ in range(stream.BACKLOG):
        lines.add("G1 X1")
    with pytest.raises(PrinterError):
        lines.add("G1 X1")


def test_bytes_in_flight_are_those_not_answered() -> None:
    window = Window()
    window.lines = 10
    lines = Stream(window, 1)
    out = bytearray()
    for number in range(20):
        lines.add(f"G1 X{number} Y{number} E{number}")
    lines.pump(out)
    assert len(out) == lines.bytes_in_flight <= 127
    while lines.answered():
        pass
    assert lines.bytes_in_flight == 0
    assert not lines.answered()  # a stray `ok` moves nothing


def test_lines_before_a_resend_leave_room_but_stay_awaited() -> None:
    window = Window()
    window.lines = 5
    lines = Stream(window, 1)
    out = bytearray()
    for _ in range(4):
        lines.add("G1 X1")
    lines.pump(out)
    lines.rewind(3)
    assert lines.bytes_in_flight == 0
    assert (lines.paced, lines.cursor) == (1, 3)
    out.clear()
    lines.pump(out)
    assert out.startswith(b"N3 ")
    assert lines.answered()
    assert lines.bytes_in_flight == len(frame(3, "G1 X1"))  # that was line 1's


def test_an_m105_puts_the_count_right() -> None:
    window = Window()
    window.lines = 10
    lines = Stream(window, 1)
    out = bytearray()
    for command in ("G1 X1", "M105", "G1 X2", "G1 X3"):
        lines.add(command)
    lines.pump(out)
    for _ in range(3):
        lines.answered()  # one of them a stray
    assert lines.query_answered() == 2
    assert lines.paced == 3
    assert lines.proven == 2
    assert lines.bytes_in_flight == len(frame(3, "G1 X2")) + len(frame(4, "G1 X3"))


def test_a_lost_ok_is_healed_by_an_m105() -> None:
    window = Window()
    window.lines = 10
    lines = Stream(window, 1)
    for command in ("G1 X1", "G1 X2", "M105", "G1 X3"):
        lines.add(command)
    lines.pump(bytearray())
    assert lines.query_answered() == 3
    assert lines.paced == 4
    assert [lines.take_acknowledged() for _ in range(4)] == [1, 2, 3, None]


def test_a_probe_while_lines_are_sent_again_takes_no_number() -> None:
    lines = Stream(Window(), 1)
    for _ in range(5):
        lines.add("G1 X1")
    lines.pump(bytearray())
    out = bytearray()
    lines.probe(out)
    assert lines.next == 6
    number = int(out.split()[0][1:])
    assert number > 6 + 1  # so it can never be accepted
