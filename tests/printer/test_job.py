import io
from collections.abc import Callable

import pytest

from appliance.config import PrinterSettings
from appliance.errors import JobRefused
from appliance.gcode.facts import GcodeFacts
from appliance.printer.api import Heater, JobState, PauseKind, Source, StartJob
from appliance.printer.events import Firmware
from appliance.printer.job import CHANGE_FILAMENT, NOT_PARKED, NOZZLE_OFF, PrintJob
from appliance.printer.problems import HEATERS_UNKNOWN

START = "M140 S60\nM109 S210\nG28\nG90\nM82\nM106 S128\nG1 X10 Y10 Z0.3 F3000\n"
MOVES = "".join(f"G1 X{x} E{x / 10} F1800\n" for x in range(11, 60))
END = "M104 S0\nM140 S0\nM107\nM84\n"
PRINT = START + MOVES + END
SETTINGS = PrinterSettings(park_x=1, park_y=200, park_lift=5, park_retract=2, unload_length=60)
MARLIN = Firmware("Marlin 2.1.2", "Test", {"EMERGENCY_PARSER": True})


class Bench:
    """A job, and a printer that takes one line at a time and acknowledges when asked to."""

    def __init__(self, text: str = PRINT, firmware: Firmware = MARLIN) -> None:
        self.now = 100.0
        self.file = io.BytesIO(text.encode())
        self.job = PrintJob(
            StartJob(path="/p.gcode", key="k1", job_id="J1", name="vase", source=Source.CLOUD),
            self.file,
            SETTINGS,
            firmware=firmware,
            started_at=1_700_000_000.0,
            now=self.now,
        )
        self.out: list[str] = []
        self.unanswered: list[int] = []
        self.m114 = "X:30.00 Y:10.00 Z:0.30 E:3.00 Count X:0 Y:0 Z:0"

    def state(self) -> JobState:
        return self.job.state

    def send(self) -> str | None:
        command = self.job.peek(self.now)
        if command is not None:
            self.out.append(command)
            self.unanswered.append(len(self.out))
            self.job.sent(len(self.out), self.now)
        return command

    def answer(self) -> None:
        for number in self.unanswered:
            asked = self.out[number - 1] == "M114"
            self.job.acknowledged(number, (self.m114,) if asked else (), self.now)
        self.unanswered.clear()

    def run(self, until: Callable[[], bool] = lambda: False, limit: int = 500) -> None:
        """Send and answer until nothing is left to do or ``until`` says so."""
        for _ in range(limit):
            if until():
                return
            if self.send() is None and not self.unanswered:
                return
            self.answer()

    def run_to(self, state: JobState) -> None:
        self.run(lambda: self.state() is state)
        assert self.state() is state

    def run_lines(self, count: int) -> None:
        self.run(lambda: self.job.view(self.now).lines_sent >= count)

    def new(self, action: Callable[[], object]) -> list[str]:
        """What goes out because of ``action`` until nothing more does."""
        before = len(self.out)
        action()
        self.run()
        return self.out[before:]


def parked(kind: PauseKind = PauseKind.PAUSE, lines: int = 27) -> Bench:
    """A print paused over X30 Y10 Z0.3 with E3."""
    bench = Bench()
    bench.run_lines(lines)
    bench.job.pause(kind, bench.now)
    bench.run_to(JobState.PAUSED)
    return bench


def test_a_print_from_beginning_to_end() -> None:
    bench = Bench()
    bench.job.facts = GcodeFacts(estimated_seconds=60.0, filament_mm=6.0, layers=1)
    bench.now += 30
    bench.run(lambda: bench.job.view(bench.now).lines_sent == 20)
    view = bench.job.view(bench.now)
    assert view.state is JobState.PRINTING
    assert (view.job_id, view.key, view.name, view.source) == ("J1", "k1", "vase", Source.CLOUD)
    assert view.bytes_read == sum(len(line) + 1 for line in bench.out)
    assert (view.estimated_seconds, view.filament_mm, view.layers) == (60.0, 6.0, 1)
    bench.now += 12
    bench.run()
    view = bench.job.view(bench.now + 1000)
    assert view.state is JobState.COMPLETED
    assert bench.out == [*PRINT.splitlines(), "M400"]
    assert (view.percent, view.print_seconds, view.reason) == (100.0, 42.0, "")
    assert view.ended_at == 1_700_000_042.0
    assert bench.job.done
    bench.job.close()
    assert bench.file.closed


def test_a_print_is_finished_only_when_its_last_move_is_done() -> None:
    bench = Bench("G28\nG1 X1\n")
    while bench.send():
        pass
    assert bench.out == ["G28", "G1 X1"]
    bench.answer()
    assert bench.send() == "M400"
    assert bench.state() is JobState.PRINTING
    bench.answer()
    assert bench.state() is JobState.COMPLETED


def test_a_file_that_leaves_heaters_on_is_followed_by_what_switches_them_off() -> None:
    bench = Bench("M140 S60\nM109 S210\nT1\nM104 S180\nM106 S255\nG28\nG1 X1 Y1 Z1\n")
    bench.run()
    assert bench.state() is JobState.COMPLETED
    assert bench.out[bench.out.index("M400") + 1 :] == [
        "M104 T0 S0", "M104 T1 S0", "M140 S0", "M107", "G91", "G1 Z5 F600", "G90", "M84",
    ]  # fmt: skip


def test_pause_lets_nothing_more_out_waits_for_all_and_parks() -> None:
    bench = Bench()
    bench.run_lines(26)
    bench.send()  # in flight
    bench.job.pause(PauseKind.PAUSE, bench.now)
    assert bench.job.peek(bench.now) is None, "a line is not acknowledged yet"
    bench.answer()
    before = len(bench.out)
    bench.run()
    assert bench.out[before:] == [
        "M400", "M114", "G90", "M83", "G1 E-2 F2100", "G1 Z5.3 F600", "G1 X1 Y200 F6000",
        "M84 S0",
    ]  # fmt: skip
    view = bench.job.view(bench.now)
    assert (view.state, view.pause, view.reason) == (JobState.PAUSED, PauseKind.PAUSE, "")


def test_resume_brings_everything_back_and_goes_on_with_the_next_line() -> None:
    bench = parked()
    last = [line for line in bench.out if line in MOVES.splitlines()][-1]
    assert bench.new(lambda: bench.job.resume(bench.now))[:17] == [
        "M140 S60", "M104 S210", "M190 S60", "M109 S210",
        "G90", "M83", "G1 Z5.3 F600", "G1 X30 Y10 F6000", "G1 Z0.3 F600", "G1 E2 F2100",
        "G92 E3", "M106 S128", "M84 S120", "G1 F1800", "G90", "M82",
        MOVES.splitlines()[MOVES.splitlines().index(last) + 1],
    ]  # fmt: skip
    assert bench.state() is JobState.COMPLETED


def test_heaters_at_their_targets_are_not_waited_for() -> None:
    bench = parked()
    bench.job.heaters = {"tool0": Heater(209.1, 210), "bed": Heater(60.2, 60)}
    went_out = bench.new(lambda: bench.job.resume(bench.now))
    assert went_out[:4] == ["M140 S60", "M104 S210", "G90", "M83"]


def test_cold_pause_switches_the_nozzle_off_and_keeps_the_bed() -> None:
    bench = parked(PauseKind.COLD)
    assert bench.out[-3:] == ["M84 S0", "M104 S0", "M107"]
    assert bench.job.view(bench.now).reason == NOZZLE_OFF
    assert "M109 S210" in bench.new(lambda: bench.job.resume(bench.now))


def test_filament_pause_unloads_and_the_resume_loads_and_purges() -> None:
    bench = parked(PauseKind.FILAMENT)
    assert bench.out[-4:] == ["G90", "M83", "G1 E-30 F1200", "G1 E-30 F1200"]
    assert bench.job.view(bench.now).reason == CHANGE_FILAMENT
    went_out = bench.new(lambda: bench.job.resume(bench.now))
    at = went_out.index("M83") + 1
    assert went_out[at : at + 5] == [
        "G1 E31 F300", "G1 E31 F300", "G1 E10 F150", "G1 E-2 F2100", "G1 Z5.3 F600",
    ]  # fmt: skip


def test_the_kind_of_a_pause_can_change() -> None:
    bench = parked()
    assert bench.new(lambda: bench.job.pause(PauseKind.COLD, bench.now)) == ["M104 S0", "M107"]
    went_out = bench.new(lambda: bench.job.pause(PauseKind.FILAMENT, bench.now))
    assert went_out == ["M109 S210", "G90", "M83", "G1 E-30 F1200", "G1 E-30 F1200"]
    assert bench.new(lambda: bench.job.pause(PauseKind.PAUSE, bench.now)) == []
    assert bench.job.view(bench.now).pause is PauseKind.PAUSE
    with pytest.raises(JobRefused, match="it is paused"):
        bench.job.pause(PauseKind.PAUSE, bench.now)


def test_a_pause_while_the_printer_heats_can_be_taken_back() -> None:
    bench = Bench()
    bench.send()
    bench.answer()
    assert bench.send() == "M109 S210"
    bench.job.pause(PauseKind.PAUSE, bench.now)
    assert bench.job.waits
    assert not bench.job.waits_for_person, "M108 would let it print with a cold nozzle"
    assert bench.job.peek(bench.now) is None
    with pytest.raises(JobRefused, match="being paused"):
        bench.job.pause(PauseKind.PAUSE, bench.now)
    bench.job.resume(bench.now)
    assert bench.state() is JobState.PRINTING
    assert bench.send() == "G28"


def test_a_resume_during_the_parking_waits_for_its_end() -> None:
    bench = Bench()
    bench.run_lines(27)
    bench.job.pause(PauseKind.PAUSE, bench.now)
    bench.run(lambda: bench.out[-1] == "M83")
    bench.job.resume(bench.now)
    with pytest.raises(JobRefused):
        bench.job.resume(bench.now)
    bench.run()
    assert bench.state() is JobState.COMPLETED
    assert bench.out.index("G1 X1 Y200 F6000") < bench.out.index("G1 X30 Y10 F6000")
    assert [line for line in bench.out if line in MOVES.splitlines()] == MOVES.splitlines()


def test_a_pause_takes_back_the_resume_that_waits_for_the_parking() -> None:
    bench = Bench()
    bench.run_lines(27)
    bench.job.pause(PauseKind.PAUSE, bench.now)
    bench.run(lambda: bench.out[-1] == "M83")
    bench.job.resume(bench.now)
    bench.job.pause(PauseKind.PAUSE, bench.now)
    bench.run()
    assert bench.state() is JobState.PAUSED


def test_a_pause_during_the_resume_parks_again() -> None:
    bench = parked()
    bench.job.resume(bench.now)
    bench.run(lambda: bench.out[-1].startswith("G92 E"))
    went_out = bench.new(lambda: bench.job.pause(PauseKind.PAUSE, bench.now))
    assert bench.state() is JobState.PAUSED
    assert went_out[-5:] == [
        "M83", "G1 E-2 F2100", "G1 Z5.3 F600", "G1 X1 Y200 F6000", "M84 S0",
    ]  # fmt: skip


def test_own_moves_are_in_millimetres_whatever_the_file_uses() -> None:
    bench = Bench("G28\nG20\nG91\nG1 X1 Y1 Z0.1 F60\nG1 X1\nG1 X1\n")
    bench.m114 = "X:25.40 Y:25.40 Z:2.54 E:0.00"
    bench.run_lines(4)
    bench.job.pause(PauseKind.PAUSE, bench.now)
    bench.run_to(JobState.PAUSED)
    assert bench.out[-6:-3] == ["G21", "G90", "M83"]
    assert bench.out[-3:] == ["G1 Z7.54 F600", "G1 X1 Y200 F6000", "M84 S0"]
    bench.job.resume(bench.now)
    bench.run_lines(5)
    assert bench.out[-6:] == ["M84 S120", "G1 F1524", "G20", "G91", "M83", "G1 X1"]
    went_out = bench.new(lambda: bench.job.cancel(bench.now))
    assert went_out[-5:] == ["G21", "G91", "G1 Z5 F600", "G90", "M84"]


def test_a_head_that_was_never_homed_is_not_moved() -> None:
    bench = Bench("M109 S210\nG91\nM83\nG1 X1 E1\nG1 X1 E1\n")
    bench.run_lines(4)
    went_out = bench.new(lambda: bench.job.pause(PauseKind.PAUSE, bench.now))
    assert went_out == ["M400", "M114", "G90", "M83", "G1 E-2 F2100", "M84 S0"]
    assert bench.job.view(bench.now).reason == NOT_PARKED
    assert not any(" Z" in line for line in bench.new(lambda: bench.job.cancel(bench.now)))


def test_cold_filament_is_not_pulled() -> None:
    bench = Bench()
    bench.run_lines(27)
    bench.job.heaters = {"tool0": Heater(80.0, 210)}
    went_out = bench.new(lambda: bench.job.pause(PauseKind.FILAMENT, bench.now))
    assert not any(" E" in line for line in went_out)


@pytest.mark.parametrize("lines", [0, 1, 5, 30])
def test_cancel_sends_nothing_more_of_the_file_and_switches_off(lines: int) -> None:
    bench = Bench()
    bench.run_lines(lines)
    bench.job.heaters = {"tool0": Heater(200, 210), "tool1": Heater(20), "bed": Heater(60, 60)}
    went_out = bench.new(lambda: bench.job.cancel(bench.now, "Canceled from the cloud."))
    lifted = ["G91", "G1 Z5 F600", "G90"] if lines >= 3 else []
    assert went_out == ["M104 S0", "M104 T1 S0", "M140 S0", "M107", *lifted, "M84"]
    view = bench.job.view(bench.now)
    assert (view.state, view.reason) == (JobState.CANCELED, "Canceled from the cloud.")
    with pytest.raises(JobRefused, match="it was cancelled"):
        bench.job.cancel(bench.now)


def test_cancel_is_canceling_until_the_printer_confirms() -> None:
    bench = Bench()
    bench.run_lines(20)
    bench.job.cancel(bench.now)
    while bench.send():
        pass
    assert bench.state() is JobState.CANCELING
    with pytest.raises(JobRefused, match="being cancelled"):
        bench.job.pause(PauseKind.PAUSE, bench.now)
    bench.answer()
    assert bench.state() is JobState.CANCELED


def test_cancel_while_heating_says_what_it_waits_for_when_it_cannot_break_in() -> None:
    bench = Bench(firmware=Firmware("Marlin 2.1.2", "", {}))
    bench.run_lines(1)
    bench.send()
    bench.job.cancel(bench.now)
    assert "finishes heating" in bench.job.view(bench.now).reason


def test_cancel_from_a_pause_lifts_no_further() -> None:
    bench = parked()
    assert not any(" Z" in line for line in bench.new(lambda: bench.job.cancel(bench.now)))
    assert bench.state() is JobState.CANCELED


def test_failing_ends_the_print_and_still_makes_the_printer_safe() -> None:
    bench = Bench()
    bench.run_lines(20)
    bench.job.fail("The door of the printer fell off.", bench.now)
    view = bench.job.view(bench.now)
    assert (view.state, view.reason) == (JobState.FAILED, "The door of the printer fell off.")
    assert not bench.job.done
    bench.run()
    assert bench.out[-1] == "M84"
    assert bench.job.done


@pytest.mark.parametrize(
    ("act", "state"),
    [(lambda b: None, JobState.FAILED), (lambda b: b.job.cancel(b.now), JobState.CANCELED)],
)
def test_a_lost_printer_ends_the_print_at_once(
    act: Callable[[Bench], None], state: JobState
) -> None:
    bench = Bench()
    bench.run_lines(20)
    act(bench)
    bench.job.lost("The cable was pulled.", bench.now)
    view = bench.job.view(bench.now)
    assert view.state is state
    assert view.reason == f"The cable was pulled. {HEATERS_UNKNOWN}"
    assert bench.job.peek(bench.now) is None
    assert bench.job.done


def test_an_unprintable_line_fails_the_print_and_names_itself() -> None:
    bench = Bench("M104 S200\nG28\nG1 X" + "9" * 90 + "\nG1 X1\n")
    bench.run()
    view = bench.job.view(bench.now)
    assert view.state is JobState.FAILED
    assert "Line 3" in view.reason
    assert "M104 S0" in bench.out
    assert "G1 X1" not in bench.out


def test_a_file_that_cannot_be_read_any_more_fails_the_print() -> None:
    class Torn(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    bench = Bench()
    torn = PrintJob(StartJob(path="/p", key="k"), Torn(b"G28\n"), SETTINGS, firmware=MARLIN,
                    started_at=0.0, now=0.0)  # fmt: skip
    bench.job = torn
    bench.run()
    assert "Input/output error" in torn.view(1.0).reason


def test_what_would_disturb_the_stream_is_left_out() -> None:
    bench = Bench("M110 N0\nG28\nM155 S0\nG1 X1\n")
    bench.run()
    assert bench.out == ["G28", "G1 X1", "M400"]
    assert bench.job.view(bench.now).lines_sent == 2


def test_print_seconds_stand_still_during_a_pause() -> None:
    bench = Bench()
    bench.run_lines(27)
    bench.now += 10
    bench.job.pause(PauseKind.PAUSE, bench.now)
    bench.run_to(JobState.PAUSED)
    bench.now += 1000
    assert bench.job.view(bench.now).print_seconds == 10
    bench.job.resume(bench.now)
    bench.run_lines(28)
    bench.now += 5
    assert bench.job.view(bench.now).print_seconds == 15


def test_the_exact_place_is_kept_and_m114_wins_where_the_file_cannot_tell() -> None:
    bench = Bench(START + "G1 X30.12345 E3\nG29\nG1 X31 E3.1\n")
    bench.m114 = "X:77.10 Y:10.00 Z:4.00 E:3.00 Count X:0"
    bench.run_lines(9)
    bench.job.pause(PauseKind.PAUSE, bench.now)
    bench.run_to(JobState.PAUSED)
    assert "G1 X77.1 Y10 F6000" in bench.new(lambda: bench.job.resume(bench.now))


def test_temperatures_changed_in_a_pause_are_the_ones_to_go_on_with() -> None:
    bench = parked()
    for command in ("M104 S225", "M140 S0"):
        bench.job.note_command(command)
    went_out = bench.new(lambda: bench.job.resume(bench.now))
    assert went_out[:4] == ["M140 S60", "M104 S225", "M190 S60", "M109 S225"]


def test_the_firmwares_own_pause() -> None:
    bench = Bench("G28\nM600\nG1 X1\n")
    bench.send()
    bench.answer()
    assert bench.send() == "M600"
    bench.job.note_firmware_pause(bench.now)
    assert bench.state() is JobState.PAUSED
    assert bench.job.view(bench.now).pause is PauseKind.FILAMENT
    assert "change it" in bench.job.view(bench.now).reason
    assert bench.job.peek(bench.now) is None
    with pytest.raises(JobRefused, match="itself"):
        bench.job.pause(PauseKind.PAUSE, bench.now)
    bench.job.resume(bench.now)
    assert bench.job.waits_for_person, "M876 S1 or M108 is the owner's to send"
    bench.answer()  # M600 is over
    assert bench.state() is JobState.PRINTING
    assert bench.new(lambda: None) == ["G1 X1", "M400"]


def test_the_firmwares_own_pause_without_a_way_to_end_it() -> None:
    bench = Bench("M600\nG1 X1\n", Firmware("Marlin 2.1.2", "", {}))
    bench.send()
    bench.job.note_firmware_pause(bench.now)
    with pytest.raises(JobRefused, match="press the button on the printer"):
        bench.job.resume(bench.now)
    bench.job.note_firmware_resume(bench.now)
    assert bench.state() is JobState.PRINTING


def test_resume_answers_an_m0_of_which_the_firmware_told_nothing() -> None:
    bench = Bench("G28\nM0 Insert the magnet\nG1 X1\n")
    bench.run_lines(1)
    with pytest.raises(JobRefused, match="it is printing"):
        bench.job.resume(bench.now)
    bench.send()
    bench.job.resume(bench.now)
    assert bench.job.waits_for_person


def test_a_pause_asked_for_before_the_firmware_paused_is_kept() -> None:
    bench = Bench("G28\nM600\nG1 X1\n")
    bench.run_lines(1)
    bench.send()
    bench.job.pause(PauseKind.COLD, bench.now)
    bench.job.note_firmware_pause(bench.now)
    bench.answer()
    bench.run()
    view = bench.job.view(bench.now)
    assert (view.state, view.pause) == (JobState.PAUSED, PauseKind.COLD)


def test_nothing_is_done_before_the_printer_truly_has_every_line() -> None:
    bench = Bench("G28\n")
    settled = False
    bench.job.settled = lambda: settled
    bench.send()
    bench.answer()
    assert bench.job.peek(bench.now) is None
    settled = True
    assert bench.job.peek(bench.now) == "M400"


def test_a_printer_that_says_that_it_waits_is_believed() -> None:
    """A doubled ok may have counted the M0 as done."""
    bench = parked()
    before = (bench.job.waits, bench.job.waits_for_person)
    bench.job.note_waiting()
    assert (before, bench.job.waits, bench.job.waits_for_person) == ((False, False), True, True)
