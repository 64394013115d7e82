"""Whatever is pressed and whenever: the printer executes exactly the file.

A reference machine executes the file alone. Before each line of the file that the job lets
out, the real machine, which executed all that the job sent, must be in the same state.
"""

import io

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from appliance.config import PrinterSettings
from appliance.errors import JobRefused
from appliance.printer.api import Heater, JobState, PauseKind, StartJob
from appliance.printer.events import Firmware
from appliance.printer.job import PrintJob
from appliance.sim.interpreter import Machine

WINDOW = 4  # lines in flight

firmwares = st.sampled_from(
    [
        ("Marlin 2.1.2.4 (Github)", True, False),
        ("Marlin 1.1.9.1 (Github)", False, True),
        ("Prusa-Firmware 3.13.3 based on Marlin", False, False),
    ]
)
_length = st.floats(-50, 50).map(lambda v: f"{v:.3f}")
_place = st.floats(0, 180).map(lambda v: f"{v:.3f}")
_extrusion = st.floats(-3, 9).map(lambda v: f"{v:.5f}")
moves = st.one_of(
    st.builds("G1 X{} Y{} E{}".format, _place, _place, _extrusion),
    st.builds("G1 X{} Y{} F{}".format, _place, _length, st.integers(300, 9000)),
    st.builds("G0 Z{} F{}".format, st.floats(0.2, 5).map(lambda v: f"{v:.2f}"), st.just(600)),
    st.builds("G1 E{} F{}".format, _extrusion, st.integers(300, 3000)),
)
modal = st.sampled_from(
    ["G90", "G91", "M82", "M83", "G92 E0", "G92 X10 Y-5", "G92 E-3.3", "G28", "G28 X Y", "G20",
     "G21", "T0", "T1", "M106 S127", "M106 P1 S80.5", "M107", "M104 S215", "M109 S205",
     "M104 T1 S190", "M104 S0", "M140 S60", "M190 S55", "M141 S40", "M84 S300", "M84", "M18 E",
     "M220 S90", "M221 S105", "M117 Hello (you); no", "M600", "M0"]
)  # fmt: skip
prints = st.tuples(
    st.sampled_from([[], ["G28"], ["M140 S60", "M109 S210", "G28", "G1 Z0.3 F900"]]),
    st.lists(st.one_of(moves, moves, moves, modal), min_size=15, max_size=60),
)


class Printing(RuleBasedStateMachine):
    """People press everything at any time while the printer acknowledges when it likes."""

    @initialize(made=prints, firmware=firmwares, knows_heaters=st.booleans())
    def start(
        self,
        made: tuple[list[str], list[str]],
        firmware: tuple[str, bool, bool],
        knows_heaters: bool,
    ) -> None:
        name, follows, rules = firmware
        self.lines = [*made[0], *made[1]]
        file = io.BytesIO("".join(f"{line} ;comment\n" for line in self.lines).encode())
        self.job = PrintJob(
            StartJob(path="/p.gcode", key="k", name="p"),
            file,
            PrinterSettings(park_x=5, park_y=190, unload_length=70),
            firmware=Firmware(name, "", {"EMERGENCY_PARSER": True}),
            started_at=1e9,
            now=0.0,
        )
        self.machine = Machine(e_follows_g90=follows, g91_rules_e=rules)
        self.reference = Machine(e_follows_g90=follows, g91_rules_e=rules)
        self.knows_heaters = knows_heaters
        self.outstanding: list[tuple[int, list[str]]] = []
        self.number = self.fed = 0
        self.now = 0.0
        self.canceled = self.filament_changed = False

    def _send(self) -> bool:
        """Send one line if the window and the job allow it."""
        command = self.job.peek(self.now)
        if command is None or len(self.outstanding) >= WINDOW:
            return False
        assert command == self.job.peek(self.now)
        paused = self.job.state is not JobState.PRINTING
        fed_before = self.job.view(self.now).lines_sent
        self.number += 1
        place = dict(self.machine.at)
        settings_before, filament = self.machine.settings, self.machine.filament
        self.outstanding.append((self.number, self.machine.run(command)))
        self.job.sent(self.number, self.now)
        if self.job.view(self.now).lines_sent > fed_before:
            self._check_line(command, paused, settings_before, filament)
        elif not self.machine.homed >= set("XYZ"):
            moved = {axis for axis in "XYZ" if self.machine.at[axis] != place[axis]}
            assert not moved, f"{command} moved a head whose place is not known"
        if self.knows_heaters:
            self.job.heaters = {
                f"tool{tool}": Heater(target, target)
                for tool, target in self.machine.hotends.items()
            }
        return True

    def _check_line(
        self, command: str, paused: bool, settings: dict[str, object], filament: float
    ) -> None:
        assert not paused
        assert not self.canceled, "a line of the file after the cancel"
        assert command == self.lines[self.fed].partition(";")[0].replace("(", "[").replace(")", "]")
        assert settings == self.reference.settings
        if not self.filament_changed:
            assert filament == pytest.approx(self.reference.filament, abs=1e-3)
        self.reference.run(command)
        self.fed += 1

    @rule(count=st.integers(1, 12))
    def feed(self, count: int) -> None:
        self.now += 1
        while count and self._send():
            count -= 1

    @rule(count=st.integers(1, 4))
    def acknowledge(self, count: int) -> None:
        self.now += 1
        for number, answer in self.outstanding[:count]:
            self.job.acknowledged(number, tuple(answer), self.now)
        del self.outstanding[:count]

    @rule()
    def run_on(self) -> None:
        """Until nothing moves by itself any more, or some lines later."""
        for _ in range(25):
            self.feed(WINDOW)
            self.acknowledge(WINDOW)

    @rule(kind=st.sampled_from(PauseKind))
    def pause(self, kind: PauseKind) -> None:
        try:
            self.job.pause(kind, self.now)
        except JobRefused as refused:
            assert refused.long.endswith(".")
        else:
            assert self.job.state is JobState.PAUSING
            self.filament_changed |= kind is PauseKind.FILAMENT

    @rule()
    def resume(self) -> None:
        try:
            self.job.resume(self.now)
        except JobRefused:
            assert self.job.state not in (JobState.PAUSED, JobState.PAUSING) or (
                self.job.state is JobState.PAUSING
            )

    @rule()
    def firmware_pauses(self) -> None:
        self.job.note_firmware_pause(self.now)

    @rule(meant=st.sampled_from([False, False, False, True]))
    def cancel(self, meant: bool) -> None:
        if not meant:  # most prints shall live longer
            return
        try:
            self.job.cancel(self.now)
        except JobRefused:
            assert self.canceled or self.job.state.ended
        else:
            self.canceled = True

    @invariant()
    def counts(self) -> None:
        if hasattr(self, "job"):
            view = self.job.view(self.now)
            assert view.lines_sent == self.fed
            assert 0 <= view.bytes_read <= view.file_size
            assert 0 <= view.print_seconds <= self.now

    def teardown(self) -> None:
        """Press resume until the print ends: it must end, complete or canceled."""
        if not hasattr(self, "job"):
            return
        for _ in range(60):
            if self.job.done:
                break
            if self.job.state is JobState.PAUSED and not self.job.firmware_waits:
                self.job.resume(self.now)
            elif self.job.firmware_waits:
                self.job.note_firmware_resume(self.now)
            self.run_on()
        if self.canceled:
            assert self.job.state is JobState.CANCELED
        else:
            assert self.job.state is JobState.COMPLETED
            assert self.fed == len(self.lines)
            assert self.job.view(self.now).percent in (0.0, 100.0)
        assert not any((*self.machine.hotends.values(), self.machine.bed, self.machine.chamber))
        if self.canceled:
            assert self.machine.safe
        self.job.close()


TestPrinting = Printing.TestCase
TestPrinting.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
