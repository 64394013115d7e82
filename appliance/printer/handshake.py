"""Meeting a Marlin: set its line number, ask who it is."""

from __future__ import annotations

from enum import Enum, auto

from appliance.printer import parser
from appliance.printer.events import Firmware
from appliance.printer.stream import frame

RESET_NUMBER = b"\n" + frame(0, "M110 N0")
"""The line feed in front ends whatever half line the printer still holds."""
INTRODUCE = frame(1, "M115")
FIRST_LINE = 2
"""The number of the first line after the handshake."""

GREETING_WAIT = 0.5  # seconds for `start` after opening; a board that was not reset says nothing
BANNER_WAIT = 0.3  # seconds after a line of the boot banner
RETRY = 2.0  # seconds for an answer; M115 takes long on some boards
SETTLE = 0.3  # seconds of quiet that show that no answer to an earlier try is on its way
PATIENCE = 30.0  # seconds until a printer that says nothing useful is given up
_NAMELESS_TRIES = 3  # firmwares without FIRMWARE_NAME are taken as they are after so many


class _Phase(Enum):
    GREETING = auto()  # the port was opened or the board boots: let it finish
    NUMBERING = auto()  # M110 is on its way
    NUMBERED = auto()  # it was answered
    INTRODUCING = auto()  # M115 is on its way
    INTRODUCED = auto()  # it was answered
    DONE = auto()


class Handshake:
    """``N0 M110 N0``, its ``ok``, ``N1 M115``, its answer and ``ok``.

    One after the other: Marlin sets the number a second time when M110 is executed, so a line
    that follows closer would be forgotten again.
    """

    def __init__(self, now: float) -> None:
        self.wake_at = now + GREETING_WAIT
        self.gives_up_at = now + PATIENCE
        self.firmware: Firmware | None = None  # set when it is done
        self._phase = _Phase.GREETING
        self._tries = 0
        self._name = ""
        self._machine = ""
        self._capabilities: dict[str, bool] = {}

    def tick(self, now: float) -> bytes:
        """What must be written now; to be called from ``wake_at`` on."""
        if now < self.wake_at:
            return b""
        if self._phase is _Phase.INTRODUCED:
            self._phase = _Phase.DONE
            self.firmware = Firmware(self._name, self._machine, dict(self._capabilities))
            return b""
        if self._phase is _Phase.NUMBERED:
            self._phase = _Phase.INTRODUCING
            self._name = ""  # only an answer to this one shows that it arrived
            self._capabilities.clear()
            self.wake_at = now + RETRY
            return INTRODUCE
        self._phase = _Phase.NUMBERING
        self._tries += 1
        self.wake_at = now + RETRY * self._tries
        return RESET_NUMBER

    def begin_again(self, now: float) -> None:
        """The boot banner came, or a line was refused."""
        self._phase = _Phase.GREETING
        self.wake_at = now + BANNER_WAIT

    def busy(self, now: float) -> None:
        """It works on something that an earlier host asked for."""
        self.wake_at = max(self.wake_at, now + RETRY)
        self.gives_up_at = now + PATIENCE

    def ok(self, now: float) -> None:
        """A command was answered."""
        named = self._name or self._capabilities or self._tries >= _NAMELESS_TRIES
        if self._phase is _Phase.NUMBERING:
            self._advance(_Phase.NUMBERED, now)
        elif self._phase is _Phase.INTRODUCING and named:
            self._advance(_Phase.INTRODUCED, now)
        else:
            self._let_finish(now)

    def text(self, line: str, now: float) -> bool:
        """Any other line; True when it is part of the introduction."""
        self._let_finish(now)
        if pair := parser.capability(line):
            self._capabilities[pair[0]] = pair[1]
        elif "FIRMWARE_NAME:" in line:
            fields = parser.firmware_fields(line[line.index("FIRMWARE_NAME:") :])
            self._name = fields["FIRMWARE_NAME"]
            self._machine = fields.get("MACHINE_TYPE", "")
        else:
            return False
        return True

    def _advance(self, phase: _Phase, now: float) -> None:
        """After more than one try, answers to the earlier ones may still be on their way."""
        self._phase = phase
        self.wake_at = now + (SETTLE if self._tries > 1 else 0.0)

    def _let_finish(self, now: float) -> None:
        if self._phase is _Phase.GREETING:
            self.wake_at = now + BANNER_WAIT
        else:
            self.wake_at = max(self.wake_at, now + SETTLE)
