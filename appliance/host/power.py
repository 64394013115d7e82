"""Restarting and switching off the device.

``systemctl`` asks logind over D-Bus, where a polkit rule allows it to the appliance's own
user: no sudo, and nothing to install.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Protocol

from appliance.errors import ApplianceError

TIME_LIMIT = 15.0  # seconds; logind answers at once or not at all


class PowerError(ApplianceError):
    """The device could not be restarted or switched off."""

    default_short = "Power request failed"


class PowerAction(StrEnum):
    """What a person can ask for; each is a verb of systemctl."""

    REBOOT = "reboot"
    SHUTDOWN = "poweroff"


class Power(Protocol):
    """The narrow driver, replaced in tests."""

    async def request(self, action: PowerAction) -> None:
        """Ask for it. Raises PowerError with what to do when it is refused."""


class SystemPower:
    """The real one."""

    def __init__(self, program: str = "systemctl") -> None:
        self._program = program

    async def request(self, action: PowerAction) -> None:
        """See Power."""
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                "--no-ask-password",
                action.value,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError:
            raise PowerError("This machine has no systemd: restart it by hand.") from None
        try:
            async with asyncio.timeout(TIME_LIMIT):
                _, errors = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise PowerError("The system did not answer the request in time.") from None
        if process.returncode:
            detail = errors.decode(errors="replace").strip()
            raise PowerError(f"The system refused to {action.value}: {detail}")
