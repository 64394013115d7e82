"""The host's side of Marlin's serial protocol, sans-IO: bytes and time in, events and bytes out.

Counted ``ok``s only pace the sending: they may be lost, doubled or mangled, and a corrupted
line may earn one. What truly arrived is known from Marlin's own check of line numbers: an
answered ``M105`` proves every line before it, ``Resend: N`` proves every line before N. After
silence a fresh, numbered ``M105`` asks; a line is never sent again on suspicion, because
Marlin swallows the last two numbers without a word.
"""

from __future__ import annotations

from math import inf

from appliance.errors import PrinterError
from appliance.printer import parser, patience, problems
from appliance.printer.api import LinkState, Problem
from appliance.printer.events import (
    Acknowledged,
    Busy,
    Event,
    Failed,
    Firmware,
    Halted,
    HostAction,
    Ready,
    Restarted,
    Temperatures,
    Text,
)
from appliance.printer.handshake import FIRST_LINE, Handshake
from appliance.printer.recovery import Recovery, Verdict
from appliance.printer.stream import QUERY, LineTooLong, Stream, frame_length
from appliance.printer.window import RX_BUFFER, Window

__all__ = [
    "Acknowledged",
    "Busy",
    "Event",
    "Failed",
    "Firmware",
    "Halted",
    "HostAction",
    "LineTooLong",
    "Marlin",
    "Ready",
    "Restarted",
    "Temperatures",
    "Text",
]

LINE_LIMIT = 1024  # bytes of one line from the printer; more is noise
ANSWER_LIMIT = 200  # lines kept of one answer
REPORT_INTERVAL = 2  # seconds, M155 S2
POLL_INTERVAL = 3.0  # seconds between M105 where M155 does not exist
REPORT_LATE = 10.0  # seconds without a report although M155 was asked for
CONFIRM_DELAY = 0.05  # seconds of rest until the last lines are confirmed
SYNC_INTERVAL = 128  # lines after which an `ok T:` puts the counting right
TAKING_PATIENCE = 2.5  # seconds of silence after which a printer that lives has taken the oldest
LINES_TAKEN = 2  # lines from its RX buffer: its queue (BUFSIZE, 4) takes at least so many
OVERFLOW_PATIENCE = 30.0  # seconds of silence after which a probe may cost bytes of the RX buffer
CONFIRMATIONS = 20  # attempts to have the last lines confirmed by an `ok T:`
CONFIRMATIONS_UNHEARD = 3  # the same, of a firmware that was never heard to say so


class Marlin:
    """One conversation with a printer, over one open port.

    ``baud`` tells how long bytes may still be on their way, ``rx_buffer`` how many the
    firmware keeps while it is busy. After any call, what :meth:`output` gives must be written.
    """

    def __init__(self, *, baud: int = 115_200, rx_buffer: int = RX_BUFFER) -> None:
        self.state = LinkState.DISCONNECTED
        self.firmware = Firmware()
        self.lines_received = 0
        self._baud = baud
        self._rx_buffer = rx_buffer
        self._sent_before = self._resends_before = 0
        self._out = bytearray()
        self._rest = b""
        self._events: list[Event] = []
        self._answer: list[str] = []
        self._begin(0.0)

    def _begin(self, now: float) -> None:
        """Forget everything about the numbers and what was under way."""
        self._handshake = Handshake(now)
        self._stream = Stream(Window(self._rx_buffer), FIRST_LINE)
        self._patience = patience.Patience(now)
        self._answer.clear()
        self._exact = False  # ADVANCED_OK: `ok` tells the number
        self._recovery = Recovery(self._baud, self._rx_buffer)
        self._confirmations = 0
        self._told_since_probe = False
        self._told = ("", 0)  # the last `ok T:`, the lines written then
        self._doubles: dict[int, str] = {}  # what may be the answer to an M105 of the owner's
        self._reports = False  # M155 is on, and heard
        self._poll_at = inf

    # What the owner calls

    def opened(self, now: float) -> None:
        """The port was opened, perhaps resetting the board: get to know the printer."""
        self.state = LinkState.CONNECTING
        self.firmware = Firmware()
        self._rest = b""
        self._out.clear()
        self._begin(now)

    def received(self, data: bytes, now: float) -> list[Event]:
        """Take bytes from the printer, any bytes; says what they mean."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()[:LINE_LIMIT]
        if lines:
            self.lines_received += len(lines)
            self._patience.heard_at = now
            for line in lines:
                if line == b"ok" and self.state is LinkState.READY:
                    self._ok(now)
                else:
                    self._line(line[:LINE_LIMIT], now)
            self._go_on(now)
        return self._taken()

    def tick(self, now: float) -> list[Event]:
        """Let time pass; to be called at :meth:`next_tick` or earlier."""
        if self.state is LinkState.READY:
            self._tick_ready(now)
        self._go_on(now)
        return self._taken()

    def next_tick(self) -> float | None:
        """When :meth:`tick` must be called at the latest; None when time changes nothing."""
        if self.state is LinkState.CONNECTING:
            return min(self._handshake.wake_at, self._handshake.gives_up_at)
        if self.state is not LinkState.READY:
            return None
        if self._recovery.rest_until is not None:
            return self._recovery.rest_until
        if self._waiting:
            return self._patience.probe_at(self._blocked())
        if self._unproven:
            return min(self._poll_at, self._patience.answered_at + CONFIRM_DELAY)
        return self._poll_at if self._poll_at < inf else None

    def output(self) -> bytes:
        """What must be written now; taken once."""
        if not self._out:
            return b""
        taken = bytes(self._out)
        self._out.clear()
        return taken

    def room_for(self, command: str) -> bool:
        """``command`` would leave at once."""
        return (
            self.state is LinkState.READY
            and self._recovery.sending
            and self._stream.fits(frame_length(self._stream.next, command))
        )

    def send(self, command: str, now: float) -> int:
        """Send ``command`` (no comment, no line feed) and return the number it got.

        It waits where there is no room. M110 is replaced by M105: the numbering is ours.
        Raises LineTooLong (a ValueError), ValueError for what is not one printable line and
        PrinterError while no printer is connected.
        """
        if self.state is not LinkState.READY:
            raise PrinterError("No printer is connected.", short="No printer")
        if "M110" in command:  # Marlin looks for it anywhere in a line
            is_code = command.lstrip().startswith("M110")
            command = QUERY if is_code else command.replace("M110", "M 110")
        number = self._stream.add(command)
        self._pump(now)
        return number

    def send_now(self, command: str) -> bool:
        """Write ``command`` past everything, unnumbered: M108, M112, M410, M876.

        False, and nothing written, where the firmware has no EMERGENCY_PARSER: there it would
        wait behind the queue, out of order.
        """
        if self.state is not LinkState.READY or not self.firmware.can("EMERGENCY_PARSER"):
            return False
        if not command or not command.isprintable():
            raise ValueError(f"Not one printable line of G-code: {command!r}")
        self._out += command.encode() + b"\n"
        self._stream.expect_stray()
        return True

    @property
    def quiet(self) -> bool:
        """Every line of :meth:`send` was accepted, for certain, and answered."""
        return self.state is LinkState.READY and self._stream.idle and not self._unproven

    @property
    def lines_sent(self) -> int:
        """Numbered lines that went out, those sent again included."""
        return self._sent_before + self._stream.written_lines

    @property
    def resends(self) -> int:
        """Lines that were sent again."""
        return self._resends_before + self._stream.resends

    # Going on

    @property
    def _waiting(self) -> bool:
        return self._recovery.asking or self._stream.awaiting

    @property
    def _unproven(self) -> bool:
        return self._stream.proven < self._stream.last_wanted

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _go_on(self, now: float) -> None:
        """Write what may be written after something was received or time passed."""
        if self.state is LinkState.READY:
            stream = self._stream
            due = now >= self._poll_at or (not self._exact and stream.unsure >= SYNC_INTERVAL)
            if due and self.room_for(QUERY):
                self._query(now)
            self._pump(now)
        elif self.state is LinkState.CONNECTING:
            self._introduce(now)

    def _pump(self, now: float) -> None:
        stream = self._stream
        if stream.cursor < stream.next and self._recovery.sending:
            if not stream.awaiting:
                self._patience.sent(now)
            end = len(self._out)
            if stream.pump(self._out) and self._patience.stalled:
                # Ends what an overflow may have left of a line, before another is glued to it:
                # a checksum of eight bits would not always tell.
                self._patience.stalled = False
                self._out[end:end] = b"\n"

    def _query(self, now: float) -> None:
        """Ask for the temperatures, in turn."""
        self._poll_at = now + (REPORT_LATE if self._reports else POLL_INTERVAL)
        self._stream.add(QUERY, own=True)

    def _introduce(self, now: float) -> None:
        self._out += self._handshake.tick(now)
        if self._handshake.firmware is not None:
            self._ready(self._handshake.firmware, now)
        elif now >= self._handshake.gives_up_at:
            self._fail(problems.NO_ANSWER)

    def _ready(self, firmware: Firmware, now: float) -> None:
        self.firmware = firmware
        self.state = LinkState.READY
        self._answer.clear()
        self._patience = patience.Patience(now)
        self._events.append(Ready(firmware))
        self._poll_at = now
        if firmware.can("AUTOREPORT_TEMP"):
            self._stream.add(f"M155 S{REPORT_INTERVAL}", own=True)
            self._poll_at = now + POLL_INTERVAL
        self._go_on(now)

    def _blocked(self) -> bool:
        """The oldest unanswered line is one that the firmware works on for long."""
        stream = self._stream
        return stream.awaiting and stream.code(stream.paced) in patience.BLOCKING

    def _tick_ready(self, now: float) -> None:
        recovery = self._recovery
        if recovery.rest_until is not None:
            if not recovery.rested(now):
                return
            if recovery.doubt:
                self._probe(now)
            elif self._told_since_probe and self._stream.only_queries_awaited():
                self._stream.forget_awaited()  # the answers to the earlier ones were lost
        elif self._waiting:
            self._mind_silence(now)
        elif self._unproven and now >= self._patience.answered_at + CONFIRM_DELAY:
            self._confirm(now)

    def _confirm(self, now: float) -> None:
        """Ask for proof of the last lines; trust the count where the firmware has no proof."""
        self._confirmations += 1
        limit = CONFIRMATIONS if self._told[0] else CONFIRMATIONS_UNHEARD
        if self._confirmations > limit:
            self._stream.proven = self._stream.last_wanted
        else:
            self._query(now)

    def _mind_silence(self, now: float) -> None:
        blocked = self._blocked()
        if now < self._patience.probe_at(blocked):
            return
        waited = now - self._patience.answered_at
        spared = LINES_TAKEN if waited > TAKING_PATIENCE else 0
        if self._patience.lost(now, self._stream.unproven_codes(), self._reports):
            self._fail(problems.SILENT)
        elif self._stream.probe_fits(spared) or waited > OVERFLOW_PATIENCE:
            self._probe(now)
        else:
            self._patience.probed(now)

    def _probe(self, now: float) -> None:
        self._recovery.probed()
        self._told_since_probe = False
        self._patience.probed(now)
        self._stream.probe(self._out)

    # Lines from the printer

    def _line(self, raw: bytes, now: float) -> None:
        answer = parser.parse(raw)
        if answer is None:
            return
        if not isinstance(answer, parser.Ok):
            self._recovery.absorb = False
        match answer:
            case parser.Report():
                self._reported(answer, now)
            case parser.BusyNotice():
                self._patience.busy(now)
                self._handshake.busy(now)
                self._events.append(Busy(answer.text))
            case parser.Action():
                self._patience.action(answer.name)
                self._events.append(HostAction(answer.name, answer.argument))
            case parser.Fatal():
                self._halt(answer.reason)
            case parser.Started():
                self._started(now)
            case parser.Waiting():
                pass
            case _ if self.state is LinkState.CONNECTING:
                self._line_of_greeting(answer, now)
            case _ if self.state is LinkState.READY:
                self._line_of_talk(answer, now)
            case parser.Other():
                self._events.append(Text(answer.text))

    def _line_of_greeting(self, answer: parser.Answer, now: float) -> None:
        match answer:
            case parser.Ok():
                self._handshake.ok(now)
            case parser.LineError() | parser.ResendRequest():
                self._handshake.begin_again(now)
            case parser.Other():
                if not self._handshake.text(answer.text, now):
                    self._events.append(Text(answer.text))

    def _line_of_talk(self, answer: parser.Answer, now: float) -> None:
        if isinstance(answer, parser.Ok) and answer.joined:
            self._ok(now)
        match answer:
            case parser.Ok(heaters=dict(heaters)):
                self._temperatures(parser.Report(heaters), now)
                self._told_temperatures(answer.text, now)
            case parser.Ok(number=int(number)):
                self._exact_ok(number, now)
            case parser.Ok():
                if not self._exact:
                    self._note(answer.text)
                self._ok(now)
            case parser.LineError():
                self._recovery.last_line = answer.last_line
            case parser.ResendRequest():
                self._resend(answer.number, now)
                self._recovery.absorb = True
            case parser.Other():
                self._note(answer.text)
                self._events.append(Text(answer.text))

    def _note(self, text: str) -> None:
        if text and len(self._answer) < ANSWER_LIMIT:
            self._answer.append(text)

    def _reported(self, report: parser.Report, now: float) -> None:
        """A report that is not part of an ``ok``."""
        stream = self._stream
        if self.firmware.can("AUTOREPORT_TEMP"):
            self._reports = True
        elif stream.pending and stream.only_queries_awaited():
            stream.query_reported()  # a firmware that says `ok` and `T:` in lines of their own
        self._temperatures(report, now)

    def _temperatures(self, report: parser.Report, now: float) -> None:
        self._events.append(Temperatures(report.heaters))
        if self.state is LinkState.READY:
            self._poll_at = now + (REPORT_LATE if self._reports else POLL_INTERVAL)

    # Answers

    def _ok(self, now: float) -> None:
        """A plain ``ok``: it counts, no more."""
        if self._recovery.absorb:
            self._recovery.absorb = False
            return
        if self._recovery.last_line is not None:  # its `Resend:` was mangled
            self._resend(self._recovery.last_line + 1, now)
            return
        stream = self._stream
        if self._exact or stream.is_stray():
            return
        self._patience.answered(now, waited=stream.awaiting)
        if stream.answered():
            self._acknowledge()
        if self._recovery.asking and stream.idle:
            self._recovery.asking = False

    def _exact_ok(self, number: int, now: float) -> None:
        stream = self._stream
        self._exact = True
        self._recovery.absorb = False
        self._patience.answered(now, waited=stream.awaiting)
        if stream.paced <= number < stream.cursor:
            stream.answered_through(number)
            self._acknowledge()
            if self._recovery.asking and stream.idle:
                self._recovery.asking = False

    def _told_temperatures(self, text: str, now: float) -> None:
        """``ok T:``: the answer to an M105, the proof of all before it."""
        stream = self._stream
        self._recovery.absorb = False
        if self._told == (text, stream.written_lines):
            # Doubled on the way, or two answers of the same second: no proof of anything.
            if (owners := stream.owners_query()) is not None:
                self._doubles[owners] = text
            return
        self._told = (text, stream.written_lines)
        self._told_since_probe = True
        self._patience.for_person = False
        self._patience.answered(now, waited=True)
        if self._recovery.asking:
            self._recovery.rest(now)  # more than one probe may have been out
        self._recovery.proof()
        self._confirmations = 0
        number = stream.query_answered(exact=self._exact)
        if number is None and not self._exact:
            stream.answered()
        self._acknowledge(number, text)

    def _acknowledge(self, query: int | None = None, report: str = "") -> None:
        """Report what was answered.

        The text that was heard belongs to the oldest line, ``report`` to the M105 ``query``.
        """
        stream = self._stream
        answer = tuple(self._answer)
        self._answer.clear()
        while (number := stream.take_acknowledged()) is not None:
            double = self._doubles.pop(number, "")
            if told := report if number == query else double:
                answer += (told,)
            self._events.append(Acknowledged(number, answer))
            answer = ()

    def _resend(self, number: int, now: float) -> None:
        self._patience.answered(now, waited=False)
        self._patience.stalled = True
        match self._recovery.asked_for(number, self._stream, now):
            case Verdict.RESTARTED:
                self._restart(now)
            case Verdict.ENDLESS:
                self._fail(problems.ENDLESS_RESENDS)
            case Verdict.LOST_COUNT:
                self._fail(problems.LOST_COUNT)

    # Ends

    def _started(self, now: float) -> None:
        if self.state is LinkState.CONNECTING:
            self._handshake.begin_again(now)
        elif self.state in (LinkState.READY, LinkState.HALTED):
            self._restart(now)

    def _restart(self, now: float) -> None:
        self._sent_before, self._resends_before = self.lines_sent, self.resends
        self._events.append(Restarted())
        self.opened(now)
        self._handshake.begin_again(now)

    def _halt(self, reason: str) -> None:
        if self.state is not LinkState.HALTED:
            self.state = LinkState.HALTED
            self._out.clear()
            self._events.append(Halted(reason))

    def _fail(self, problem: Problem) -> None:
        self.state = LinkState.DISCONNECTED
        self._out.clear()
        self._events.append(Failed(problem))
