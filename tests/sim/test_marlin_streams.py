"""The virtual Marlin under whole streams, and under any input."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.sim.faults import Fault, FaultKind, Faults
from appliance.sim.marlin import MarlinOptions, VirtualMarlin
from appliance.sim.receiver import numbered
from tests.sim.bench import QUICK, Bench

# A host that keeps ``window`` bytes in flight, on the virtual wire.


def seconds_to_stream(options: MarlinOptions, lines: list[bytes], window: int) -> float:
    marlin = VirtualMarlin(options)
    in_flight: list[bytes] = []
    now, sent, answers = 0.0, 0, b""
    while sent < len(lines) or in_flight:
        while sent < len(lines) and (
            not in_flight or sum(map(len, in_flight)) + len(lines[sent]) <= window
        ):
            marlin.receive(lines[sent], now)
            in_flight.append(lines[sent])
            sent += 1
        event = marlin.next_event()
        assert event is not None
        now = event
        answers += marlin.advance(now)
        done = answers.count(b"ok\n")
        answers = answers[answers.rfind(b"\n") + 1 :]
        del in_flight[:done]
    assert marlin.dropped_bytes == 0
    assert marlin.executed_count == len(lines)
    return now


@pytest.mark.parametrize("baud", [115_200, 250_000])
def test_a_full_window_reaches_the_wire_and_one_line_at_a_time_does_not(baud: int) -> None:
    lines = [
        numbered(n, f"G1 X{n % 100 + 100}.123 Y50.456 E{n % 10}.12345") for n in range(1, 1001)
    ]
    wire = sum(map(len, lines)) * 10 / baud
    options = MarlinOptions(baud=baud, turnaround=0.001, speed=1e6)
    assert wire / seconds_to_stream(options, lines, 127) > 0.99
    line_time = wire / len(lines)
    expected = line_time / (line_time + 0.001 + 3 * 10 / baud)
    assert wire / seconds_to_stream(options, lines, 1) == pytest.approx(expected, rel=0.01)


def test_one_line_at_a_time_reaches_what_was_measured() -> None:
    """0.83 of the wire at 250000 baud, where the firmware takes a fifth of a millisecond."""
    lines = [
        numbered(n, f"G1 X{n % 100 + 100}.123 Y50.456 E{n % 10}.12345") for n in range(1, 1001)
    ]
    wire = sum(map(len, lines)) * 10 / 250_000
    options = MarlinOptions(turnaround=0.0002, speed=1e6)
    assert wire / seconds_to_stream(options, lines, 1) == pytest.approx(0.83, abs=0.01)


# Whatever comes over the wire


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([b"M112\n", b"G28\n", b"M600\n", b"M109 S200\n", b"M155 S1\n", b"\n"]),
            st.builds(numbered, st.integers(-2, 20), st.sampled_from(["G1 X1", "M110 N5", "M105"])),
        ),
        max_size=20,
    ),
    st.sampled_from([0, 9600, 250_000]),
    st.booleans(),
)
def test_any_input_leaves_a_board_that_a_reset_brings_back(
    pieces: list[bytes], baud: int, emergency_parser: bool
) -> None:
    bench = Bench(MarlinOptions(baud=baud, emergency_parser=emergency_parser))
    for piece in pieces:
        bench.send(piece)
        bench.run(0.05)
    bench.run(5.0)
    bench.marlin.reset(bench.now)
    bench.run(1.0)
    assert bench.ask(numbered(1, "G1 X1")) == ["ok"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["G1 X1", "M105", "G4 P3", "M114"]), min_size=1, max_size=30))
def test_cutting_the_input_anywhere_changes_nothing(commands: list[str]) -> None:
    stream = b"".join(numbered(n, command) for n, command in enumerate(commands, 1))
    whole, cut = Bench(MarlinOptions()), Bench(MarlinOptions())
    whole.send(stream)
    for place in range(0, len(stream), 7):
        cut.send(stream[place : place + 7])
    assert whole.run() == cut.run()
    assert whole.marlin.executed == cut.marlin.executed


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.HALT])
def test_a_reset_and_a_halt_can_be_scheduled(kind: FaultKind) -> None:
    bench = Bench(QUICK, Faults(schedule=[Fault(kind, line=2)]))
    answer = bench.ask("G1 X1", "G1 X2", "G1 X3")
    assert bench.marlin.executed == ["G1 X1"]
    wanted = "start" if kind is FaultKind.RESET else "Error:Printer halted. kill() called!"
    assert wanted in answer
