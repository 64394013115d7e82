"""One print between its file and the printer, sans-IO: what is sent next, and in which state.

Lines of the file are fed while the state is PRINTING. Everything else (parking, coming back,
making the printer safe) is a script (script.py). At most one runs; a new one takes the place
of the old.

- The file is sent exactly: a pause takes effect between two of its lines, and the next of
  them leaves only when position, modes, temperatures and fans are as they were.
- ``cancel`` and ``fail`` drop all that was not sent, then switch heaters, fans and motors off.
- A file that ends with a heater on is followed by the same, so that no finished print stays
  hot; a file that cleans up after itself gets nothing added.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import BinaryIO

from appliance.config import PrinterSettings
from appliance.errors import JobRefused
from appliance.gcode.facts import GcodeFacts
from appliance.gcode.policy import left_out
from appliance.gcode.reader import GcodeError, Line, Reader
from appliance.printer import parking
from appliance.printer.api import Heater, Job, JobState, PauseKind, StartJob
from appliance.printer.events import Firmware
from appliance.printer.pausing import Pause
from appliance.printer.position import Tracker, extruder_mode
from appliance.printer.problems import HEATERS_UNKNOWN
from appliance.printer.script import Runner, Script

log = logging.getLogger(__name__)

CHANGE_FILAMENT = "Change the filament, then press resume."
PRINTER_WAITS = "The printer waits for a change of filament; change it, then press resume."
NOZZLE_OFF = "The nozzle is off; it is heated again when the print is resumed."
NOT_PARKED = "The head stays over the print, because it was not homed in this print."
CLOCK_STEP = 60.0  # seconds; less is the clock being trimmed
_HEATS = re.compile(r"M0*(?:109|190|191)(?!\d)")
_ASKS = re.compile(r"M0*(?:0|1|226|600)(?!\d)")


class PrintJob:
    """One print; all times are monotonic seconds, ``started_at`` alone is Unix seconds.

    ``file`` is read from its beginning, a block at a time, and closed by :meth:`close`.
    ``facts`` and ``resends`` may be replaced at any time, ``heaters`` (what the printer
    reports, by cloud name) should be kept up to date; ``settled`` may say that the printer
    truly has all lines, where counted acknowledgements alone do not.
    """

    def __init__(
        self,
        start: StartJob,
        file: BinaryIO,
        settings: PrinterSettings,
        *,
        firmware: Firmware,
        started_at: float,
        now: float,
    ) -> None:
        self.job_id = start.job_id
        self.facts = GcodeFacts()
        self.heaters: Mapping[str, Heater] = {}
        self.resends = 0
        self.settled: Callable[[], bool] = _always
        self.tracker = Tracker(extruder_mode(firmware.name))
        self.state = JobState.PRINTING
        self.firmware_waits = False  # it paused by itself (M600, run-out) and goes on by itself
        self._asked = False  # it said that it waits for a person
        self._start = start
        self._file = file
        self._size = file.seek(0, 2)
        file.seek(0)
        self._settings = settings
        self._can_interrupt = firmware.capabilities.get("EMERGENCY_PARSER", False)
        self._started_at = started_at
        self._began = self._now = self._since = now
        self._print_seconds = 0.0
        self._ended: float | None = None
        self._reason = ""
        self._kind: PauseKind | None = None
        # feeding
        self._lines = iter(Reader(file))
        self._line: Line | None = None  # read, not yet sent
        self._bytes_read = self._lines_sent = 0
        self._layer: int | None = None
        self._outstanding: dict[int, str] = {}
        self._runner = Runner()
        self._pause: Pause | None = None  # from the moment the printer stands still
        self._resume_wanted = False  # as soon as the pause is complete
        self._kind_wanted: PauseKind | None = None  # once the firmware's own pause is over
        self._printed = False  # the file is done; only heaters are still to be switched off

    # --- what goes out, what comes back ---------------------------------------------------

    def peek(self, now: float) -> str | None:
        """The next command to send; None when nothing may go now."""
        self._now = now
        self._advance()
        if not self._runner.busy and self.state is JobState.PRINTING:
            if self._line is None:
                self._line = self._next_line()
            if self._line is not None:
                return self._line.command
            self._advance()
        return self._runner.command

    def sent(self, number: int, now: float) -> None:
        """The peeked command went out as line ``number``."""
        self._now = now
        line, command = self._line, self._runner.command
        if command is not None:
            self._outstanding[number] = command
            self.tracker.track(command)
            self._runner.sent()
            self._advance()
        elif line is not None:
            self._outstanding[number] = line.command
            self.tracker.track(line.command)
            self._line = None
            self._bytes_read, self._layer = line.end, line.layer
            self._lines_sent += 1

    def acknowledged(self, number: int, answer: tuple[str, ...], now: float) -> None:
        """The printer took line ``number`` and said ``answer``; other lines are ignored."""
        if self._outstanding.pop(number, None) is None:
            return
        self._now = now
        self._runner.heard(answer)
        self._asked = False
        if self.firmware_waits:
            self.note_firmware_resume(now)  # it takes commands again
        self._advance()

    def note_command(self, command: str) -> None:
        """Somebody else's command went out beside the print: follow what it changed.

        A target above 0 that is set during a pause is the one to go on with.
        """
        before = self.tracker.state()
        self.tracker.track(command)
        if self._pause is not None:
            self._pause.note_targets(before, self.tracker.state())

    @property
    def waits(self) -> bool:
        """A sent command may be waiting for heat or for a person; for a cancel, M108 ends that."""
        sent = self._outstanding.values()
        asks = self.firmware_waits or self._asked
        return asks or any(_HEATS.match(c) or _ASKS.match(c) for c in sent)

    @property
    def waits_for_person(self) -> bool:
        """The printer may be waiting for a person: at a resume, M876 S1 or M108 ends that.

        Never so while it heats: M108 would let the print go on with a cold nozzle.
        """
        sent = self._outstanding.values()
        heats = any(map(_HEATS.match, sent))
        return not heats and (self.firmware_waits or self._asked or any(map(_ASKS.match, sent)))

    def note_waiting(self) -> None:
        """``busy: paused for user``: it waits, even if a doubled ok said that it went on."""
        self._asked = True

    @property
    def stopping(self) -> bool:
        """Canceled or failed, and what makes the printer safe is not done yet."""
        return self.state in _STOPPING and not self.done

    @property
    def parked(self) -> bool:
        """Paused by us and at rest: a resume brings back whatever a person changes now.

        Not so while the firmware itself waits: it would take a person's lines, and the modes
        that they set, into the print.
        """
        paused = self.state is JobState.PAUSED and not self.firmware_waits
        return paused and self._pause is not None and not self._runner.busy

    @property
    def done(self) -> bool:
        """Nothing more will be sent and nothing is awaited."""
        return self.state.ended and not self._runner.busy

    # --- what people and the printer want --------------------------------------------------

    def pause(self, kind: PauseKind, now: float) -> None:
        """Feed nothing from now on, park, and be paused as ``kind`` says; or change the kind.

        Raises JobRefused when it is paused so already, or cannot be paused.
        """
        self._now = now
        self._refuse_pause(kind)
        state, self._kind = self.state, kind
        self._resume_wanted = False
        if state is JobState.PAUSING:
            return  # its script asks for the kind when it gets there
        self._become(JobState.PAUSING)
        if state is JobState.PRINTING:
            self._runner.run(self._pausing())
        elif state is JobState.RESUMING:
            self._runner.run(self._parking_again())
        else:
            self._runner.run(self._settling())

    def resume(self, now: float) -> None:
        """Go back and go on; a pause that is still under way is finished first if need be.

        Where the firmware waits by itself, the owner must also send M876 or M108. Raises
        JobRefused when it is not paused, or the firmware takes neither.
        """
        self._now = now
        if self.firmware_waits or (self.state is JobState.PRINTING and self.waits_for_person):
            self._kind_wanted = None
            if not self._can_interrupt:
                raise JobRefused(
                    "The printer itself waits: press the button on the printer to go on."
                )
        elif self.state is JobState.PAUSED:
            self._go_on()
        elif self.state is JobState.PAUSING and not self._resume_wanted:
            if self._pause is None:  # nothing was moved yet
                self._runner.abandon()
                self._kind = None
                self._become(JobState.PRINTING)
            else:
                self._resume_wanted = True
        else:
            raise JobRefused(f"The print is not paused: {_DOING[self.state]}.")

    def cancel(self, now: float, reason: str = "") -> None:
        """Send nothing more of the file, make the printer safe, end. Raises JobRefused."""
        self._now = now
        if self.state.ended or self.state is JobState.CANCELING:
            raise JobRefused(f"The print cannot be cancelled: {_DOING[self.state]}.")
        self._stop(JobState.CANCELING, reason)

    def fail(self, reason: str, now: float) -> None:
        """The print has failed; what makes the printer safe is still offered by ``peek``."""
        self._now = now
        if self.state.ended or self.state is JobState.CANCELING or self._printed:
            log.warning("job %s, already %s: %s", self._start.job_id, self.state, reason)
            return
        log.error("job %s failed: %s", self._start.job_id, reason)
        self._stop(JobState.FAILED, reason)

    def lost(self, reason: str, now: float) -> None:
        """The printer is gone: the print ends at once, and nothing more can be sent."""
        self._now = now
        self._runner.abandon()
        self._outstanding.clear()
        self.firmware_waits = False
        if self.state.ended:
            return
        unsafe = f" {HEATERS_UNKNOWN}" if self.tracker.heating else ""
        if self.state is JobState.CANCELING:
            self._end(JobState.CANCELED, reason + unsafe)
        elif self._printed:
            self._end(JobState.COMPLETED, reason + unsafe)
        else:
            self._end(JobState.FAILED, reason + unsafe)

    def note_firmware_pause(self, now: float) -> None:
        """``//action:paused``: the firmware parked the head and waits (M600, run-out)."""
        self._now = now
        if self.state in (JobState.PRINTING, JobState.PAUSING) and self._pause is None:
            self._runner.abandon()
            self.firmware_waits = True
            self._kind_wanted = self._kind
            self._kind = PauseKind.FILAMENT
            self._become(JobState.PAUSED)

    def note_firmware_resume(self, now: float) -> None:
        """``//action:resumed``, or a command done: the firmware goes on where it stopped."""
        self._now = now
        if not self.firmware_waits:
            return
        self.firmware_waits = False
        if self.state is JobState.PAUSED:
            self._kind, self._kind_wanted = self._kind_wanted, None
            self._become(JobState.PRINTING if self._kind is None else JobState.PAUSING)
            if self._kind is not None:
                self._runner.run(self._pausing())

    def see_clock(self, unix: float, now: float) -> None:
        """The wall's clock says ``unix``; where it was set since the start, so is the start."""
        begun = unix - (now - self._began)
        if abs(begun - self._started_at) > CLOCK_STEP:
            self._started_at = begun

    def view(self, now: float) -> Job:
        """The print as everybody sees it."""
        running = self.state is JobState.PRINTING
        facts = self.facts
        return Job(
            key=self._start.key,
            job_id=self._start.job_id,
            name=self._start.name,
            source=self._start.source,
            path=self._start.path,
            state=self.state,
            pause=self._kind,
            reason=self._reason or self._pause_reason(),
            started_at=self._started_at,
            ended_at=self._unix(self._ended) if self._ended is not None else None,
            print_seconds=self._print_seconds + (now - self._since if running else 0.0),
            file_size=self._size,
            bytes_read=self._bytes_read,
            estimated_seconds=facts.estimated_seconds,
            filament_mm=facts.filament_mm,
            layer=self._layer,
            layers=facts.layers,
            lines_sent=self._lines_sent,
            resends=self.resends,
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    # --- feeding ------------------------------------------------------------------------------

    def _next_line(self) -> Line | None:
        """The next command of the file that may be sent; at its end the print is finished."""
        try:
            for line in self._lines:
                if not line.command:
                    continue
                why = left_out(line.command, line.number)
                if not why:
                    return line
                log.warning("line %d, %s, is not sent: it %s", line.number, line.command, why)
        except GcodeError as error:
            self.fail(error.long, self._now)
        except OSError as error:
            self.fail(f"The print file cannot be read any more ({error.strerror}).", self._now)
        else:
            self._runner.run(self._finishing())
        return None

    # --- scripts --------------------------------------------------------------------------------

    def _advance(self) -> None:
        if self._runner.busy:
            self._runner.advance(not self._outstanding and self.settled())

    def _pausing(self) -> Script:
        yield None
        yield "M400"  # until the last move is done
        yield "M114"
        memory = parking.remember(self.tracker.state(), (yield None))
        self._pause = Pause(memory, self.tracker, self._settings, lambda: self.heaters)
        yield from self._pause.park()
        yield from self._settling()

    def _parking_again(self) -> Script:
        yield None
        yield from self._present_pause.park()
        yield from self._settling()

    def _settling(self) -> Script:
        kind = None
        while kind is not self._kind:  # it may change meanwhile
            kind = self._kind or PauseKind.PAUSE
            yield from self._present_pause.settle(kind)
            yield None
        self._become(JobState.PAUSED)
        if self._resume_wanted:
            self._go_on()

    def _resuming(self) -> Script:
        yield from self._present_pause.go_back()
        self._pause = self._kind = None
        self._become(JobState.PRINTING)

    def _stopping(self) -> Script:
        tools = [int(n[4:]) for n in self.heaters if n.startswith("tool") and n[4:].isdecimal()]
        lifted = self._pause is not None and self._pause.lifted
        lift = 0.0 if lifted else self._settings.park_lift
        yield from parking.make_safe(
            self.tracker.state(), tools, lift, chamber="chamber" in self.heaters
        )
        yield None
        if self.state is JobState.CANCELING:
            self._end(JobState.CANCELED, self._reason)

    def _finishing(self) -> Script:
        yield None
        yield "M400"
        yield None
        self._bytes_read = self._size
        self._printed = True
        if self.tracker.heating:
            log.info("job %s ended with its heaters on", self._start.job_id)
            lift = self._settings.park_lift
            yield from parking.make_safe(
                self.tracker.state(), self.tracker.tools, lift, chamber="chamber" in self.heaters
            )
            yield None
        self._end(JobState.COMPLETED, "")

    # --- state --------------------------------------------------------------------------------

    @property
    def _present_pause(self) -> Pause:
        if self._pause is None:
            raise RuntimeError("the print is not parked")
        return self._pause

    def _go_on(self) -> None:
        self._resume_wanted = False
        self._become(JobState.RESUMING)
        self._runner.run(self._resuming())

    def _stop(self, state: JobState, reason: str) -> None:
        self._reason = reason
        self._kind = None
        self._become(state)
        if state.ended:
            self._ended = self._now
        self._runner.run(self._stopping())

    def _end(self, state: JobState, reason: str) -> None:
        self._reason = reason
        self._kind = None
        self._become(state)
        self._ended = self._now

    def _become(self, state: JobState) -> None:
        if self.state is JobState.PRINTING:
            self._print_seconds += self._now - self._since
        self._since = self._now
        self.state = state

    def _refuse_pause(self, kind: PauseKind) -> None:
        if self.state.ended or self.state is JobState.CANCELING or self._printed:
            doing = "its last lines are done" if self._printed else _DOING[self.state]
            raise JobRefused(f"The print cannot be paused: {doing}.")
        if self.firmware_waits:
            raise JobRefused("The printer itself has paused this print already.")
        paused = self.state in (JobState.PAUSED, JobState.PAUSING)
        if paused and kind is self._kind and not self._resume_wanted:
            raise JobRefused(f"The print cannot be paused: {_DOING[self.state]}.")

    def _pause_reason(self) -> str:
        if self.firmware_waits:
            return PRINTER_WAITS
        if self.state is JobState.CANCELING and self.waits and not self._can_interrupt:
            return "The printer finishes heating before it takes the command to stop."
        if self.state is not JobState.PAUSED:
            return ""
        parts = [_WAITING_FOR.get(self._kind or PauseKind.PAUSE, "")]
        if self._pause is not None and not self._pause.memory.parkable:
            parts.append(NOT_PARKED)
        return " ".join(filter(None, parts))

    def _unix(self, at: float) -> float:
        return self._started_at + (at - self._began)


_WAITING_FOR = {PauseKind.COLD: NOZZLE_OFF, PauseKind.FILAMENT: CHANGE_FILAMENT}
_STOPPING = frozenset({JobState.CANCELING, JobState.FAILED})
_DOING = {
    JobState.PRINTING: "it is printing",
    JobState.PAUSING: "it is being paused",
    JobState.PAUSED: "it is paused",
    JobState.RESUMING: "it is being resumed",
    JobState.CANCELING: "it is being cancelled",
    JobState.COMPLETED: "it is finished",
    JobState.CANCELED: "it was cancelled",
    JobState.FAILED: "it has failed",
}


def _always() -> bool:
    return True
