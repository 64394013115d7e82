"""Whatever goes wrong on the line, the printer executes exactly the file."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from appliance.printer.protocol import Failed, Halted, Marlin, Restarted
from appliance.printer.stream import frame
from appliance.sim.conversation import Conversation
from appliance.sim.faults import SURVIVABLE, Fault, FaultKind, Faults
from appliance.sim.marlin import MarlinOptions, VirtualMarlin

LINES = 150
END = 20_000.0  # virtual seconds in which everything must have come to its end


def moves(count: int, seed: int = 0) -> list[str]:
    """Small segments of about 28 characters, each different from all others."""
    random = Random(seed)
    return [
        f"G1 X{random.uniform(90, 99):.3f} Y{random.uniform(90, 99):.3f} E{index * 0.01:.4f}"
        for index in range(count)
    ]


def executed(printer: VirtualMarlin) -> list[str]:
    return [command for command in printer.executed if command.startswith("G1")]


def noise(seed: int, share: float) -> Callable[[bytes], bytes] | None:
    """Flip one bit in a ``share`` of the bytes on their way to the host."""
    random = Random(seed)

    def mangle(data: bytes) -> bytes:
        return bytes(
            byte ^ (1 << random.randrange(8)) if random.random() < share else byte for byte in data
        )

    return mangle if share else None


def print_exactly(conversation: Conversation, commands: list[str]) -> None:
    conversation.run(limit=END)
    assert conversation.ended is None
    assert conversation.done
    assert executed(conversation.printer) == commands
    assert conversation.acknowledged == conversation.sent


schedules = st.lists(
    st.builds(
        Fault,
        kind=st.sampled_from(SURVIVABLE),
        line=st.integers(3, LINES),
        seconds=st.sampled_from([0.003, 0.05, 0.5, 1.0, 3.0]),
    ),
    max_size=12,
)


# A failing schedule is short enough to read as it is; shrinking would take minutes.
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    schedule=schedules,
    baud=st.sampled_from([0, 57_600, 115_200, 250_000]),
    speed=st.sampled_from([1.0, 20.0, 1e6]),
    queue=st.sampled_from([2, 4, 8]),
    turnaround=st.sampled_from([0.0, 0.001, 0.004]),
    advanced_ok=st.booleans(),
    autoreport=st.booleans(),
    keepalive=st.sampled_from([0.0, 2.0]),
    delay=st.sampled_from([0.0, 0.001, 0.016, 0.08]),
    share=st.sampled_from([0.0, 0.0, 0.001]),
    seed=st.integers(0, 2**16),
)
def test_any_interleaving_of_faults(
    *,
    schedule: list[Fault],
    baud: int,
    speed: float,
    queue: int,
    turnaround: float,
    advanced_ok: bool,
    autoreport: bool,
    keepalive: float,
    delay: float,
    share: float,
    seed: int,
) -> None:
    options = MarlinOptions(
        baud=baud,
        speed=speed,
        queue=queue,
        turnaround=turnaround,
        advanced_ok=advanced_ok,
        autoreport=autoreport,
        keepalive=keepalive,
    )
    commands = moves(LINES, seed)
    host = Marlin(baud=baud or 115_200)
    printer = VirtualMarlin(options, Faults(seed, schedule=schedule))
    mangle = noise(seed, share)
    print_exactly(Conversation(host, printer, commands, delay=delay, mangle=mangle), commands)


@pytest.mark.parametrize("kind", SURVIVABLE)
def test_each_kind_of_fault_again_and_again(kind: FaultKind) -> None:
    commands = moves(2000)
    faults = Faults(seed=1, every=10, kinds=[kind], seconds=0.3)
    printer = VirtualMarlin(MarlinOptions(speed=1e6), faults)
    print_exactly(Conversation(Marlin(baud=250_000), printer, commands), commands)
    assert faults.struck[kind] >= 150


@pytest.mark.parametrize("seed", [1, 2])
def test_soak_with_one_fault_in_200_lines(seed: int) -> None:
    commands = moves(20_000)
    faults = Faults(seed, every=200)
    printer = VirtualMarlin(MarlinOptions(speed=1e6), faults)
    host = Marlin(baud=250_000)
    print_exactly(Conversation(host, printer, commands), commands)
    assert sum(faults.struck.values()) >= 100
    assert 0 < host.resends < 2000


@pytest.mark.parametrize("baud", [115_200, 250_000])
def test_streams_at_the_speed_of_the_wire_and_overflows_nothing(baud: int) -> None:
    options = MarlinOptions(baud=baud, turnaround=0.001, rx_buffer=127, speed=1e6)
    printer = VirtualMarlin(options)
    commands = moves(4000)
    talk = Conversation(Marlin(baud=baud), printer, commands)
    talk.run(until=lambda: len(talk.acknowledged) >= 200)
    first, began = len(talk.acknowledged), talk.now
    talk.run(until=lambda: len(talk.acknowledged) == len(commands))
    lines = list(zip(talk.sent, commands, strict=True))[first:]
    wire = sum(len(frame(number, command)) for number, command in lines) * 10 / baud
    assert wire / (talk.now - began) >= 0.95
    assert printer.dropped_bytes == 0
    assert talk.host.resends == 0
    print_exactly(talk, commands)


def test_the_window_may_be_slow_but_never_too_wide_for_a_printer_that_moves_slowly() -> None:
    printer = VirtualMarlin(MarlinOptions(speed=1.0))
    commands = [f"G1 X{index % 2 * 20} E{index}" for index in range(300)]
    print_exactly(Conversation(Marlin(baud=250_000), printer, commands), commands)
    assert printer.dropped_bytes == 0


@pytest.mark.parametrize("line", [5, 60, 149])
def test_a_reset_ends_the_print_and_repeats_nothing(line: int) -> None:
    commands = moves(LINES)
    faults = Faults(schedule=[Fault(FaultKind.RESET, line)])
    printer = VirtualMarlin(MarlinOptions(speed=1e6), faults)
    talk = Conversation(Marlin(baud=250_000), printer, commands)
    talk.run(limit=END)
    assert isinstance(talk.ended, Restarted)
    done = executed(printer)
    assert done == commands[: len(done)]


def test_a_reset_whose_banner_is_lost_ends_the_print_too() -> None:
    commands = moves(LINES)
    faults = Faults(schedule=[Fault(FaultKind.RESET, 60)])
    printer = VirtualMarlin(MarlinOptions(speed=1e6), faults)

    def deafen(data: bytes) -> bytes:
        return data.replace(b"start", b"sta")

    talk = Conversation(Marlin(baud=250_000), printer, commands, mangle=deafen)
    talk.run(limit=END)
    assert isinstance(talk.ended, Restarted)
    done = executed(printer)
    assert done == commands[: len(done)]


def test_a_halt_ends_the_print() -> None:
    faults = Faults(schedule=[Fault(FaultKind.HALT, 60)])
    printer = VirtualMarlin(MarlinOptions(speed=1e6), faults)
    talk = Conversation(Marlin(baud=250_000), printer, moves(LINES))
    talk.run(limit=END)
    assert isinstance(talk.ended, Halted)


def test_a_printer_that_falls_silent_for_good_is_given_up() -> None:
    faults = Faults(schedule=[Fault(FaultKind.SILENCE, 60, seconds=1e9)])
    printer = VirtualMarlin(MarlinOptions(speed=1e6), faults)
    talk = Conversation(Marlin(baud=250_000), printer, moves(LINES))
    talk.run(limit=END)
    assert isinstance(talk.ended, Failed)
    assert talk.now < 600


def test_long_commands_are_waited_for_with_and_without_busy() -> None:
    commands = ["G28", "M190 S60", "M109 S200", "G1 X10 E1", "G4 S30", "G1 X20 E2"]
    for keepalive in (0.0, 2.0):
        printer = VirtualMarlin(MarlinOptions(keepalive=keepalive))
        talk = Conversation(Marlin(baud=250_000), printer, commands)
        talk.run(limit=END)
        assert talk.done
        assert [c for c in printer.executed if c in commands] == commands
        assert printer.dropped_bytes == 0


@pytest.mark.parametrize("autoreport", [True, False])
@pytest.mark.parametrize("doubled", [False, True])
def test_a_person_is_waited_for_where_there_is_no_busy(autoreport: bool, doubled: bool) -> None:
    before, after = moves(40, 1), moves(400, 2)
    commands = [*before, "M0 S14400", *after]
    options = MarlinOptions(keepalive=0.0, autoreport=autoreport, speed=1.0)
    faults = Faults(schedule=[Fault(FaultKind.DOUBLED_OK, 42)] if doubled else [])
    printer = VirtualMarlin(options, faults)
    talk = Conversation(Marlin(baud=250_000), printer, commands)
    talk.run(limit=END)
    assert talk.ended is None
    assert talk.now > 14_400
    assert executed(printer) == [*before, *after]
    assert talk.acknowledged == talk.sent
