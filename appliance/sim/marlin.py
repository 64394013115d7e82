"""A Marlin 2.1 on a paced serial line, sans-IO and in virtual time.

It behaves as the real firmware was measured to: an RX ring that drops what overflows it, a
queue of few commands, numbers and checksums with Marlin's own texts, an ``ok`` when a command
leaves the queue. Nothing here reads a clock; every time is an argument, in seconds.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from math import inf

from appliance.sim.faults import ON_THE_LINE, ON_THE_OK, Fault, FaultKind, Faults
from appliance.sim.machine import Machine
from appliance.sim.motion import Wait, Waiting, WaitKind
from appliance.sim.options import MarlinOptions
from appliance.sim.planner import Position
from appliance.sim.receiver import Command, LineError, Receiver
from appliance.sim.wire import Wire

__all__ = ["MarlinOptions", "Mode", "VirtualMarlin"]

_EMERGENCY = re.compile(rb" *(?:N-?\d* *)?M(108|112|410|876)(?!\d)")
_EARLY = re.compile(r"M(108|112|410)(?!\d)")  # read early without the parser, if unnumbered
_BANNER = "echo:Marlin 2.1.2.5\n\necho: Last Updated: 2026-11-15 | Author: (none, default config)"
_BUSY = {WaitKind.USER: "paused for user"}


class Mode(StrEnum):
    """What the board is doing with what it receives."""

    RUNNING = "running"
    HUNG = "hung"  # it stands still, its receive ring fills
    BOOTING = "booting"  # deaf until it says `start`
    HALTED = "halted"  # kill() was called: deaf and silent until a reset


class VirtualMarlin:
    """The board. ``receive`` what the host wrote, ``advance`` to hear what it answers."""

    def __init__(self, options: MarlinOptions | None = None, faults: Faults | None = None) -> None:
        self.options = options or MarlinOptions()
        self.faults = faults
        self.mode = Mode.RUNNING
        self.lines_received = 0  # line feeds that arrived
        self.unknown: deque[str] = deque(maxlen=1000)
        self.unknown_count = 0
        self.executed_count = 0
        self.last_command = ""
        self.on_executed: Callable[[str, float], None] | None = None  # (command, time)
        self.errors = 0  # lines that were refused
        self.resets = 0
        self.rx = Wire(self.options.baud)
        self.tx = Wire(self.options.baud)
        self.machine = Machine(self.options, self._say, self.kill, self._set_line_number)
        self._receiver = Receiver(self.options.rx_buffer, self.options.max_command)
        self._executed: deque[str] = deque(maxlen=self.options.keep_executed)
        self._digest = sha256()
        self._queue: deque[Command] = deque()
        self._waiting: Waiting | None = None  # the command under way, when it blocks the queue
        self._wait: Wait | None = None
        self._heard = bytearray()  # what the emergency parser has of the line that is coming
        self._ok_faults: deque[Fault] = deque()
        self._skipping = False  # the rest of a line of which the flush took the beginning
        self._now = 0.0
        self._step_at = inf  # the command at the head of the queue goes on
        self._busy_at = inf  # HOST_KEEPALIVE
        self._report_at = inf  # M155
        self._wake_at = inf  # the end of a hang or a boot

    # What a host, a test or the pty sees

    @property
    def executed(self) -> list[str]:
        """The commands that were executed (the last ``keep_executed`` of them), in order."""
        return list(self._executed)

    @property
    def executed_hash(self) -> str:
        """SHA-256 over every command that was executed, a line feed behind each."""
        return self._digest.hexdigest()

    @property
    def dropped_bytes(self) -> int:
        """What the full receive ring lost."""
        return self._receiver.dropped_bytes

    @property
    def queued(self) -> int:
        """Commands in the queue, the one under way included."""
        return len(self._queue)

    def position(self, now: float) -> Position:
        """Where the head is."""
        return self.machine.motion.planner.position(now)

    def receive(self, data: bytes, now: float) -> None:
        """The host put ``data`` on the wire."""
        self.rx.offer(data.replace(b"\r", b"\n") if b"\r" in data else data, now)

    def advance(self, now: float) -> bytes:
        """Live until ``now``; the bytes that have reached the host by then."""
        self._live_until(now)
        return self.tx.take(now)

    def next_event(self) -> float | None:
        """When it is worth to call ``advance`` again; None: not before something is received."""
        return None if (when := min(self._next(), self.tx.next_arrival)) == inf else when

    def reset(self, now: float) -> None:
        """The reset line was pulled (DTR, a button, a power cut): silence, then the banner."""
        self._live_until(now)
        self._reset(now)

    @property
    def _listening(self) -> bool:
        return self.mode in (Mode.RUNNING, Mode.HUNG)

    def strike(self, kind: FaultKind, seconds: float = 1.0) -> None:
        """Let a fault strike the next line that arrives."""
        self.faults = self.faults or Faults()
        self.faults.add(kind, seconds)

    # Time

    def _next(self) -> float:
        return min(
            self.rx.next_arrival, self._step_at, self._wake_at, self._busy_at, self._report_at
        )

    def _live_until(self, now: float) -> None:
        while (when := self._next()) <= now:
            self._now = when
            if self._wake_at <= when:
                self._wake()
            elif self._step_at <= when:
                self._step()
            elif self.rx.next_arrival <= when:
                self._arrive(self.rx.take_piece())
            elif self._busy_at <= when:
                self._busy()
            else:
                self._report()
        self._now = max(self._now, now)

    def _wake(self) -> None:
        self._wake_at = inf
        booted = self.mode is Mode.BOOTING
        self.mode = Mode.RUNNING
        if booted:
            self._say("start")
            self._say(_BANNER)
        else:
            self._read()

    def _busy(self) -> None:
        kind = self._wait.kind if self._wait else WaitKind.MOVE
        self._say(f"echo:busy: {_BUSY.get(kind, 'processing')}")
        self._busy_at = self._now + self.machine.keepalive

    def _report(self) -> None:
        self._say(f" {self.machine.temperatures(self._now)}")
        self._report_at = self._now + self.machine.report_interval

    # From the wire into the queue

    def _arrive(self, piece: bytes) -> None:
        if piece.endswith(b"\n"):
            self.lines_received += 1
            if self.faults and (fault := self.faults.next_line()):
                piece = self._struck(fault, piece)
        if self.options.emergency_parser and self._listening:
            self._overhear(piece)
        if not self._listening:
            return
        if self._skipping:
            self._skipping = b"\n" not in piece
            return
        if self.mode is Mode.HUNG or len(self._queue) >= self.options.queue:
            self._receiver.store(piece)
        else:
            self._receiver.pass_through(piece)
            self._read()

    def _read(self) -> None:
        while self.mode is Mode.RUNNING and len(self._queue) < self.options.queue:
            result = self._receiver.read()
            if result is None:
                return
            if isinstance(result, LineError):
                self._refuse(result)
            else:
                self._enqueue(result)

    def _enqueue(self, command: Command) -> None:
        if not self.options.emergency_parser and (early := _EARLY.match(command.raw)):
            self._emergency(int(early[1]))
            if self.mode is not Mode.RUNNING:
                return
        self._queue.append(command)
        if len(self._queue) == 1:
            self._begin()

    def _refuse(self, error: LineError) -> None:
        self.errors += 1
        self._say(f"Error:{error.text}")
        flushed = self._receiver.flush()
        self._skipping = self.options.flush_whole_lines and bool(flushed[-1:].strip(b"\n"))
        self._say(f"Resend: {self._receiver.last_number + 1}")
        self._ok("ok")

    def _overhear(self, piece: bytes) -> None:
        """The emergency parser sees each byte before the ring does, checksum or not."""
        self._heard += piece
        if piece.endswith(b"\n"):
            match = _EMERGENCY.match(bytes(self._heard))
            self._heard.clear()
            if match:
                self._emergency(int(match[1]))

    def _emergency(self, code: int) -> None:
        match code:
            case 112:
                self.kill(self._now)
            case 410:
                self.machine.motion.stop(self._now)
                self._release(WaitKind.MOVE)
            case 108:
                self._release(WaitKind.HEATUP, WaitKind.USER)
            case 876:
                self._release(WaitKind.USER)

    def _release(self, *kinds: WaitKind) -> None:
        if self._wait and self._wait.kind in kinds:
            self.machine.released = True
            self._step_at = self._wake_at if self.mode is Mode.HUNG else self._now

    # The queue

    def _begin(self) -> None:
        # It may have been hung between the command before and this one.
        free = self._wake_at if self.mode is Mode.HUNG else self._now
        self._step_at = free + self.options.turnaround

    def _step(self) -> None:
        if self._waiting is None:
            body = self._queue[0].body
            run = self.machine.find(body)
            if run is None:
                self.unknown_count += 1
                self.unknown.append(body)
                self._say(f'echo:Unknown command: "{body}"')
                self._finish()
                return
            self._record(body)
            self._waiting = run(self._now)
            if self.mode is not Mode.RUNNING:
                return
            if self._waiting is None:
                self._finish()
                return
            if self.machine.keepalive:
                self._busy_at = self._now + self.machine.keepalive
            self._go_on(first=True)
        else:
            self._go_on(first=False)

    def _go_on(self, *, first: bool) -> None:
        """Run the command under way up to the next thing that it waits for."""
        assert self._waiting is not None
        try:
            self._wait = next(self._waiting) if first else self._waiting.send(self._now)
        except StopIteration:
            self._finish()
        else:
            self._step_at = max(self._now, self._wait.until)

    def _record(self, body: str) -> None:
        self.executed_count += 1
        self.last_command = body
        self._digest.update(body.encode("latin-1") + b"\n")
        self._executed.append(body)
        if self.on_executed:
            self.on_executed(body, self._now)

    def _finish(self) -> None:
        """The command leaves the queue: its ``ok``, and the next one begins."""
        self._waiting = self._wait = None
        self._busy_at = self._step_at = inf
        command = self._queue[0]
        self._ok(self._answer_to(command))
        if len(self._queue) >= self.options.queue:
            self._take_partial()
        self._queue.popleft()
        self._update_report()
        if self._queue:
            self._begin()
        self._read()

    def _take_partial(self) -> None:
        """Count what has come of the next line against the ring before that is read."""
        while self.rx.next_arrival <= self._now:
            self._arrive(self.rx.take_piece())
        if (piece := self.rx.take(self._now)) and self.mode is Mode.RUNNING:
            self._arrive(piece)

    def _answer_to(self, command: Command) -> str:
        if command.body.startswith("M105"):
            return f"ok {self.machine.temperatures(self._now)}"
        if not self.options.advanced_ok:
            return "ok"
        number = re.match(r"N-?\d+", command.raw)
        free = self.machine.motion.planner.moves_free(self._now)
        room = self.options.queue - len(self._queue)
        return f"ok{f' {number[0]}' if number else ''} P{free} B{room}"

    def _update_report(self) -> None:
        interval = self.machine.report_interval
        if not interval:
            self._report_at = inf
        elif self._report_at == inf:
            self._report_at = self._now + interval

    def _set_line_number(self, number: int) -> None:
        self._receiver.last_number = number

    # What it says

    def _say(self, line: str) -> None:
        self.tx.offer(f"{line}\n".encode("latin-1"), self._now)

    def _ok(self, line: str) -> None:
        answer = f"{line}\n".encode("latin-1")
        when = self._now
        if self._ok_faults and self.faults:
            fault = self._ok_faults.popleft()
            answer = self.faults.strike_ok(fault.kind, answer)
            when += fault.seconds if fault.kind is FaultKind.LATE_OK else 0.0
        self.tx.offer(answer, when)

    # What goes wrong

    def _struck(self, fault: Fault, piece: bytes) -> bytes:
        assert self.faults is not None
        if fault.kind in ON_THE_LINE:
            return self.faults.strike_line(fault.kind, piece).replace(b"\r", b"\n")
        if fault.kind in ON_THE_OK:
            self._ok_faults.append(fault)
        elif fault.kind is FaultKind.SILENCE:
            self._hang(fault.seconds)
        elif fault.kind is FaultKind.RESET:
            self._reset(self._now)
        else:
            self.kill(self._now)
        return piece

    def _hang(self, seconds: float) -> None:
        if self.mode is not Mode.RUNNING:
            return
        self.mode = Mode.HUNG
        self._wake_at = self._now + seconds
        for name in ("_step_at", "_busy_at", "_report_at"):
            when = getattr(self, name)
            setattr(self, name, when if when == inf else max(when, self._wake_at))

    def kill(self, now: float) -> None:
        """Marlin's ``kill()``: heaters off, one line of text, then nothing until a reset."""
        if self.mode is Mode.HALTED:
            return
        self._forget(now)
        self.mode = Mode.HALTED
        self._say("Error:Printer halted. kill() called!")

    def _reset(self, now: float) -> None:
        self.resets += 1
        self._forget(now)
        self.machine.reset(now)
        self.tx.clear(now)
        self._receiver.reset()
        self.mode = Mode.BOOTING
        self._wake_at = now + self.options.boot_time

    def _forget(self, now: float) -> None:
        """Nothing that was queued is executed, everything is off."""
        self._queue.clear()
        self._ok_faults.clear()
        self._heard.clear()
        self._receiver.flush()
        self._waiting = self._wait = None
        self._skipping = False
        self._step_at = self._busy_at = self._report_at = self._wake_at = inf
        self.machine.motion.stop(now)
        self.machine.heaters_off(now)
