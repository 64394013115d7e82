"""The virtual Marlin against what was measured on the real one."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from appliance.sim.marlin import MarlinOptions, Mode
from appliance.sim.receiver import numbered
from tests.sim.bench import QUICK, Bench


def test_lines_with_number_and_checksum_are_executed_in_order() -> None:
    bench = Bench()
    assert bench.ask(numbered(1, "G1 X1"), numbered(2, "G1 X2")) == ["ok", "ok"]
    assert bench.marlin.executed == ["G1 X1", "G1 X2"]
    assert bench.marlin.executed_hash == sha256(b"G1 X1\nG1 X2\n").hexdigest()


def test_unnumbered_lines_are_executed_as_they_are() -> None:
    bench = Bench()
    assert bench.ask("G1 X5 ; a comment", "  G1 Y2", "G1 Z1*99", "") == ["ok"] * 3
    assert bench.marlin.executed == ["G1 X5", "G1 Y2", "G1 Z1"]


def test_a_skipped_number_is_an_error_with_a_resend() -> None:
    bench = Bench()
    assert bench.ask(numbered(1, "G1 X1"), numbered(3, "G1 X3")) == [
        "ok",
        "Error:Line Number is not Last Line Number+1, Last Line: 1",
        "Resend: 2",
        "ok",
    ]
    assert bench.marlin.executed == ["G1 X1"]


def test_a_wrong_checksum_is_an_error_with_a_resend() -> None:
    assert Bench().ask(b"N1 G1 X1*1\n") == [
        "Error:checksum mismatch, Last Line: 0",
        "Resend: 1",
        "ok",
    ]


def test_a_number_without_a_checksum_is_an_error_with_a_resend() -> None:
    assert Bench().ask("N1 G1 X1") == [
        "Error:No Checksum with line number, Last Line: 0",
        "Resend: 1",
        "ok",
    ]


def test_the_last_star_begins_the_checksum() -> None:
    bench = Bench()
    assert bench.ask(numbered(1, "M117 2*3")) == ["ok"]
    assert bench.marlin.executed == ["M117 2"]


@pytest.mark.parametrize("number", [4, 5])
def test_the_last_number_and_the_one_before_are_swallowed(number: int) -> None:
    bench = Bench()
    bench.ask(*(numbered(n, "G1 X1") for n in range(1, 6)))
    assert bench.ask(numbered(number, "G1 X1")) == []
    assert bench.marlin.executed_count == 5
    assert bench.ask(numbered(6, "G1 X1")) == ["ok"]


def test_an_older_number_is_an_error() -> None:
    bench = Bench()
    bench.ask(*(numbered(n, "G1 X1") for n in range(1, 6)))
    assert bench.ask(numbered(3, "G1 X1"))[1:] == ["Resend: 6", "ok"]


def test_every_line_in_flight_after_a_bad_one_is_answered() -> None:
    bench = Bench(MarlinOptions())
    answer = bench.ask(numbered(2, "G1 X2"), numbered(3, "G1 X3"), numbered(4, "G1 X4"))
    assert answer.count("Resend: 1") == 3
    assert answer.count("ok") == 3


def test_an_error_flushes_what_waits_in_the_buffer() -> None:
    bench = Bench()
    bench.send("G4 P1000", *["G1 X1"] * 3)  # the queue is full
    bench.send(b"N7 G1 X1*1\n", "G1 Y1", "G1 Z1")  # waits in the buffer
    answer = bench.run()
    assert answer.count("ok") == 5
    assert bench.marlin.executed == ["G4 P1000", "G1 X1", "G1 X1", "G1 X1"]


def test_a_flush_takes_the_line_that_is_coming_whole() -> None:
    bench = Bench(QUICK)
    bench.send("G4 P1000", *["G1 X1"] * 3, b"N7 G1 X1*1\n", b"N8 G1")
    bench.run(2.0)
    assert bench.ask(b" X5 Y5\n", "G1 X2") == ["ok"]
    assert bench.marlin.unknown_count == 0


def test_a_real_flush_leaves_the_tail_of_the_line_that_is_coming() -> None:
    bench = Bench(MarlinOptions(baud=0, turnaround=0.0, flush_whole_lines=False))
    bench.send("G4 P1000", *["G1 X1"] * 3, b"N7 G1 X1*1\n", b"N8 G1")
    bench.run(2.0)
    assert bench.ask(b" X5 Y5\n") == ['echo:Unknown command: "X5 Y5"', "ok"]


@pytest.mark.parametrize(
    ("line", "last"),
    [(b"M110 N10\n", 10), (numbered(0, "M110 N0"), 0), (b"N12 M110 N100*79\n", 100)],
)
def test_m110_sets_the_number_in_all_its_forms(line: bytes, last: int) -> None:
    bench = Bench()
    bench.ask(numbered(1, "G1 X1"))
    assert bench.ask(line) == ["ok"]
    assert bench.ask(numbered(last + 1, "G1 X2")) == ["ok"]


def test_m110_sets_the_number_again_when_it_is_executed() -> None:
    bench = Bench()
    bench.send("G4 P1000", numbered(5, "M110 N5"), numbered(6, "G1 X1"))
    assert bench.run() == ["ok", "ok", "ok"]
    assert bench.ask(numbered(7, "G1 X1"))[1:] == ["Resend: 6", "ok"]


def test_an_unknown_command_is_named_and_answered() -> None:
    bench = Bench()
    assert bench.ask("M27") == ['echo:Unknown command: "M27"', "ok"]
    assert bench.ask("nonsense") == ['echo:Unknown command: "nonsense"', "ok"]
    assert bench.marlin.executed == []


def test_a_line_longer_than_a_command_is_cut() -> None:
    bench = Bench()
    assert bench.ask("M117 " + "x" * 200) == ["ok"]
    assert bench.marlin.executed == ["M117 " + "x" * 90]
    assert bench.ask(numbered(1, "M117 " + "x" * 200))[0].startswith("Error:No Checksum")


def test_a_full_buffer_drops_in_silence() -> None:
    bench = Bench()
    bench.send("G4 S10", *(numbered(n, "G1 X1 Y1") for n in range(1, 100)))
    answer = bench.run()
    assert "Resend: 1" not in answer
    assert bench.marlin.dropped_bytes > 0
    kept = 4 - 1 + 127 // len(numbered(1, "G1 X1 Y1"))
    assert answer.count("ok") == 1 + kept


@pytest.mark.parametrize(("size", "dropped"), [(127, 0), (128, 1), (140, 13)])
def test_the_buffer_holds_127_bytes(size: int, dropped: int) -> None:
    bench = Bench()
    bench.send("G4 S1", "G1 X1", "G1 X1", "G1 X1", b"x" * size)
    bench.run()
    assert bench.marlin.dropped_bytes == dropped


def test_nothing_waits_in_the_buffer_while_the_queue_has_room() -> None:
    bench = Bench(MarlinOptions(turnaround=0.001))
    bench.send("G4 P5", b"x" * 300 + b"\n")
    bench.run()
    assert bench.marlin.dropped_bytes == 0


def test_ok_comes_when_a_command_leaves_the_queue_not_when_its_move_is_done() -> None:
    bench = Bench()
    assert bench.ask("G1 X100 F60") == ["ok"]
    assert bench.heard[-1][0] == 0.0
    assert bench.marlin.machine.motion.planner.idle_at == pytest.approx(100.0)


def test_the_planner_holds_fifteen_moves_and_takes_their_time() -> None:
    bench = Bench()
    bench.send(*(f"G1 X{n} F60" for n in range(1, 18)))
    bench.run()
    times = [round(when, 6) for when, line in bench.heard if line == "ok"]
    assert times == [0.0] * 15 + [1.0, 2.0]


def test_moves_are_sped_up_and_the_wire_is_not() -> None:
    bench = Bench(MarlinOptions(baud=115_200, turnaround=0.0, speed=100.0))
    bench.send("G1 X100 F6000", "M400")
    bench.run()
    characters = len("G1 X100 F6000\nM400\nok\n")
    assert bench.heard[-1][0] == pytest.approx(0.01 + 14 * 10 / 115_200 + 3 * 10 / 115_200)
    assert bench.marlin.rx.bytes_carried + 3 == characters


def test_the_wire_and_the_turnaround_take_their_time() -> None:
    bench = Bench(MarlinOptions(baud=250_000, turnaround=0.001))
    bench.send("G1 X1")
    bench.run()
    assert bench.heard[0][0] == pytest.approx((6 + 3) * 10 / 250_000 + 0.001)


def test_arcs_have_their_own_length() -> None:
    bench = Bench()
    bench.ask("G3 X10 Y0 I5 J0 F60", "M400")
    assert bench.marlin.machine.motion.planner.idle_at == pytest.approx(5 * 3.14159265, rel=1e-6)
    bench = Bench()
    bench.ask("G2 X10 Y0 R5 F60", "M400")
    assert bench.marlin.machine.motion.planner.idle_at == pytest.approx(5 * 3.14159265, rel=1e-6)


def test_modes_and_positions() -> None:
    bench = Bench()
    answer = bench.ask("G91", "G1 X5 Y5", "G1 X5", "G90", "M83", "G1 E2", "G1 E2", "G92 Y0", "M114")
    assert answer[-2] == "X:10.00 Y:0.00 Z:0.00 E:4.00 Count X:0 Y:0 Z:0"
    assert bench.ask("M400", "G20", "G1 Y1", "M400", "M114")[-2].startswith("X:10.00 Y:25.40")


def test_m114_tells_the_planned_place_and_the_steps_of_the_real_one() -> None:
    bench = Bench()
    bench.send("G1 X100 F600", "M114")
    bench.run(5.0)
    assert "X:100.00 Y:0.00 Z:0.00 E:0.00 Count X:0 Y:0 Z:0" in bench.heard[1][1]
    bench.send("M114")
    bench.run(0.0)
    assert "Count X:4000 Y:0 Z:0" in bench.heard[-2][1]


def test_m115_tells_name_machine_and_capabilities() -> None:
    options = MarlinOptions(
        baud=0, emergency_parser=False, machine="Box", capabilities={"SDCARD": True}
    )
    answer = Bench(options).ask("M115")
    assert re.match(r"FIRMWARE_NAME:Marlin 2\.1\S* .*MACHINE_TYPE:Box EXTRUDER_COUNT:1", answer[0])
    assert {"Cap:EMERGENCY_PARSER:0", "Cap:AUTOREPORT_TEMP:1", "Cap:SDCARD:1"} <= set(answer)
    assert answer[-1] == "ok"


def test_m105_answers_in_its_ok() -> None:
    bench = Bench()
    assert bench.ask("M105") == ["ok T:22.00 /0.00 B:22.00 /0.00 @:0 B@:0"]
    several = Bench(MarlinOptions(baud=0, extruders=2, chamber=True, bed=False))
    several.ask("M104 T1 S200", "T0")
    assert several.ask("M105")[-1] == (
        "ok T:22.00 /0.00 C:22.00 /0.00 T0:22.00 /0.00 T1:200.00 /200.00 @:0 C@:0 @0:0 @1:57"
    )


def test_m155_reports_with_a_space_and_without_an_ok() -> None:
    bench = Bench()
    bench.send("M155 S2")
    assert bench.run(9.0) == ["ok"] + [" T:22.00 /0.00 B:22.00 /0.00 @:0 B@:0"] * 4
    bench.send("M155 S0")
    bench.run(3.0)
    assert bench.run(60.0) == []


def test_m155_is_unknown_where_it_was_not_built_in() -> None:
    answer = Bench(MarlinOptions(baud=0, autoreport=False)).ask("M155 S2")
    assert answer == ['echo:Unknown command: "M155 S2"', "ok"]


def test_advanced_ok() -> None:
    bench = Bench(MarlinOptions(baud=0, turnaround=0.0, advanced_ok=True))
    assert bench.ask(numbered(0, "M110 N0")) == ["ok N0 P15 B3"]
    assert bench.ask("G1 X10 F60") == ["ok P14 B3"]
    bench.send("G1 X11", "M400", "G1 X1", "G1 X2")
    assert bench.run(20.0) == ["ok P14 B3", "ok P15 B1", "ok P14 B2", "ok P13 B3"]
    assert bench.ask("M105")[0].startswith("ok T:")


def test_heating_takes_time_is_reported_and_blocks_the_queue() -> None:
    bench = Bench()
    bench.send("M109 S200", "G1 X1")
    lines = bench.run(600.0)
    assert lines[-2:] == ["ok", "ok"]
    reports = [
        line for line in lines if re.match(r" T:\d+\.\d\d /200\.00 B:.* @:127 B@:0 W:\?", line)
    ]
    assert 30 < len(reports) < 120
    assert "echo:busy: processing" in lines
    finished = next(when for when, line in bench.heard if line == "ok")
    assert 30 < finished < 120
    assert bench.ask("M105")[0].startswith("ok T:200.00 /200.00")


def test_heating_is_sped_up() -> None:
    bench = Bench(MarlinOptions(baud=0, speed=100.0))
    bench.send("M190 S60")
    bench.run(600.0)
    assert bench.heard[-1][1] == "ok"
    assert bench.heard[-1][0] < 2.0


def test_s_waits_only_for_warmth_and_r_for_cold_too() -> None:
    bench = Bench()
    bench.ask("M109 S200")
    start = bench.now
    bench.send("M109 S150")
    bench.run(0.0)
    assert bench.heard[-1][1] == "ok"
    bench.send("M109 R100")
    bench.run(600.0)
    assert bench.heard[-1][0] - start > 30


def test_busy_every_two_seconds_while_a_command_blocks() -> None:
    bench = Bench()
    bench.send("G28")
    bench.run(10.0)
    assert bench.heard == [
        (2.0, "echo:busy: processing"),
        (4.0, "echo:busy: processing"),
        (5.0, "X:0.00 Y:0.00 Z:0.00 E:0.00 Count X:0 Y:0 Z:0"),
        (5.0, "ok"),
    ]
    bench.send("M113 S0", "G28")
    assert "echo:busy: processing" not in bench.run(10.0)


def test_without_the_emergency_parser_m112_is_stuck_behind_a_full_queue() -> None:
    bench = Bench(MarlinOptions(baud=0, turnaround=0.0, emergency_parser=False))
    bench.send("G4 S6", *["G1 X1"] * 3, "M112")
    assert bench.run(5.9) == ["echo:busy: processing"] * 2
    assert "Error:Printer halted. kill() called!" in bench.run(0.2)


def test_without_the_emergency_parser_m112_is_read_early_where_the_queue_has_room() -> None:
    bench = Bench(MarlinOptions(baud=0, turnaround=0.0, emergency_parser=False))
    bench.send("G4 S6", "M112")
    bench.run(0.1)
    assert bench.marlin.mode is Mode.HALTED


def test_the_emergency_parser_passes_a_full_queue() -> None:
    bench = Bench()
    bench.send("G4 S6", *["G1 X1"] * 8, "M112")
    assert bench.run(0.1) == ["Error:Printer halted. kill() called!"]
    bench.send("M105")
    assert bench.run(60.0) == []


def test_a_kill_turns_the_heaters_off_and_only_a_reset_helps() -> None:
    bench = Bench()
    bench.ask("M104 S200", "M112")
    bench.marlin.reset(bench.now)
    answer = bench.run(2.0)
    assert answer[0] == "start"
    assert answer[1].startswith("echo:Marlin 2.1")
    assert " /0.00 B:" in bench.ask("M105")[0]


def test_m108_ends_a_wait_for_heat_and_m410_a_move() -> None:
    bench = Bench()
    bench.send("M109 S200")
    bench.run(3.5)
    bench.send("M108")
    assert bench.run(1.0)[-2:] == ["ok", "ok"]
    bench.send("G1 X100 F60", "M400")
    bench.run(10.0)
    bench.send("M410")
    assert bench.run(0.5)[-2:] == ["ok", "ok"]
    assert bench.ask("M114")[0].startswith("X:10.00 ")


def test_m410_drops_the_move_that_waits_for_the_planner() -> None:
    bench = Bench()
    bench.send(*(f"G1 X{n} F60" for n in range(1, 18)), "M410")
    bench.run(0.5)
    assert bench.marlin.machine.motion.planner.moves_free(bench.now) >= 14


def test_m600_pauses_prompts_and_waits_for_the_user() -> None:
    bench = Bench()
    bench.send("M600")
    lines = bench.run(5.0)
    assert lines[:3] == ["//action:paused", "//action:prompt_end", "//action:prompt_begin Pause"]
    assert lines[-2:] == ["echo:busy: paused for user"] * 2
    bench.send("M876 S0")
    assert bench.run(1.0) == ["//action:prompt_end", "//action:resumed", "ok", "ok"]


def test_m0_waits_for_the_user_or_for_its_time() -> None:
    bench = Bench()
    bench.send("M0 Take the plate")
    assert "//action:prompt_begin Take the plate" in bench.run(30.0)
    bench.send("M108")
    assert bench.run(1.0)[-2:] == ["ok", "ok"]
    bench.send("M0 S5")
    assert "ok" not in bench.run(4.9)
    assert bench.run(0.2) == ["ok"]


def test_m118_speaks_to_the_host() -> None:
    bench = Bench()
    assert bench.ask("M118 A1 action:cancel") == ["//action:cancel", "ok"]
    assert bench.ask("M118 E1 hello") == ["echo:hello", "ok"]
    assert bench.ask("M118 hello") == ["hello", "ok"]


def test_a_reset_forgets_what_was_queued_and_the_number() -> None:
    bench = Bench()
    bench.send(*(numbered(n, "G4 S10") for n in range(1, 4)))
    bench.run(1.0)
    bench.marlin.reset(bench.now)
    bench.send("G1 X1")  # the board is deaf while it boots
    assert bench.run(100.0)[0] == "start"
    assert bench.marlin.executed == ["G4 S10"]
    assert bench.ask(numbered(1, "G1 X9")) == ["ok"]


def test_executed_can_be_bounded() -> None:
    bench = Bench(MarlinOptions(baud=0, turnaround=0.0, keep_executed=2))
    bench.ask(*(f"G1 X{n}" for n in range(5)))
    assert bench.marlin.executed == ["G1 X3", "G1 X4"]
    assert bench.marlin.executed_count == 5
