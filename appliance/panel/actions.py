"""What a person asked for at the panel; the agent carries it out (agent/panel.py)."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from appliance.printer.api import PauseKind


class _Action(msgspec.Struct, frozen=True):
    pass


class Pause(_Action, frozen=True):
    """Pause the print."""

    kind: PauseKind = PauseKind.PAUSE


class Resume(_Action, frozen=True):
    """Go on with the paused print."""


class Cancel(_Action, frozen=True):
    """End the print; asked for and confirmed."""


class LoadQueue(_Action, frozen=True):
    """Ask the cloud for the queue from this entry on (``getQueue``, section 3.4)."""

    skip: int = 0


class PrintQueued(_Action, frozen=True):
    """Print this job of the queue (``sendNextPrint``, section 3.10); None = the next one."""

    job_id: str | None = None


class PlateCleared(_Action, frozen=True):
    """The build plate is empty again."""


class Preheat(_Action, frozen=True):
    """Heat for a material of the settings, by its name."""

    material: str


class CoolDown(_Action, frozen=True):
    """All heaters off."""


class Home(_Action, frozen=True):
    """Home these axes."""

    axes: tuple[Literal["x", "y", "z"], ...] = ("x", "y", "z")


class Jog(_Action, frozen=True):
    """Move the head by so many millimetres."""

    axis: Literal["x", "y", "z"]
    distance: float


class Extrude(_Action, frozen=True):
    """Push filament (or pull it back: negative), in millimetres."""

    amount: float


class ConnectPrinter(_Action, frozen=True):
    """Look for the printer now; resets a halted one."""


class DismissProblem(_Action, frozen=True):
    """The person read the problem that stood in front of everything."""


class Watch(_Action, frozen=True):
    """The camera page is open: take pictures for it from now on."""


class Unregister(_Action, frozen=True):
    """Leave the Polar Cloud; asked for and confirmed."""


class RestartDevice(_Action, frozen=True):
    """Start the device anew; asked for and confirmed."""


class ShutDown(_Action, frozen=True):
    """Switch the device off; asked for and confirmed."""


class ConfirmCode(_Action, frozen=True):
    """Let the browser in that shows this code."""

    code: str


class RefuseCode(_Action, frozen=True):
    """Do not let it in."""

    code: str


class ScanWifi(_Action, frozen=True):
    """Look for Wi-Fis."""


class JoinWifi(_Action, frozen=True):
    """Join a Wi-Fi; an empty password belongs to an open one. ``country`` is two letters."""

    ssid: bytes
    password: str
    country: str
    hidden: bool = False

    def __repr__(self) -> str:
        return f"JoinWifi({self.ssid!r}, …)"


class RegisterAccount(_Action, frozen=True):
    """Register with the Polar Cloud."""

    email: str
    pin: str

    def __repr__(self) -> str:
        return f"RegisterAccount({self.email!r}, …)"


class LeaveSetup(_Action, frozen=True):
    """Finish the setup, or leave setup mode."""


class SetupMode(_Action, frozen=True):
    """Open the setup again, with the identity kept; asked for and confirmed."""


Action: TypeAlias = (
    Pause
    | Resume
    | Cancel
    | LoadQueue
    | PrintQueued
    | PlateCleared
    | Preheat
    | CoolDown
    | Home
    | Jog
    | Extrude
    | ConnectPrinter
    | DismissProblem
    | Watch
    | Unregister
    | RestartDevice
    | ShutDown
    | SetupMode
    | ConfirmCode
    | RefuseCode
    | ScanWifi
    | JoinWifi
    | RegisterAccount
    | LeaveSetup
)
