"""The owner's own commands in the cloud's menu (sections 2.5 and 3.3).

The cloud is given a name for each, never the G-code itself, and only what stands in the
settings is ever carried out.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from appliance.config import CustomCommand
from appliance.errors import ApplianceError
from appliance.host.power import Power, PowerAction
from appliance.polar.messages import CustomCommandEntry, CustomCommandList
from appliance.printer.client import PrinterClient

log = logging.getLogger(__name__)

PLATE_IS_CLEAR = CustomCommand(
    label="Build plate is clear",
    action="plate-clear",
    help="The print was taken off the build plate: the next one may begin.",
    confirm="Is the build plate empty?",
)
"""Listed by itself where the plate is to be confirmed and the settings have no such command."""

_POWER = {"reboot": PowerAction.REBOOT, "shutdown": PowerAction.SHUTDOWN}


class UnknownCustomCommand(ApplianceError):
    """The cloud asked for a command that was never listed."""

    default_short = "Unknown command"


class CustomCommands:
    """Lists and runs the commands of the settings.

    ``restart`` ends the agent; systemd (or ``up``) starts it again, the print goes on.
    ``clear_plate`` is a person's word that the build plate is empty.
    """

    def __init__(
        self,
        commands: Sequence[CustomCommand],
        printer: PrinterClient,
        power: Power,
        restart: Callable[[], None],
        clear_plate: Callable[[], Awaitable[None]],
    ) -> None:
        self._commands = {wire_name(one): one for one in commands}
        self._printer = printer
        self._power = power
        self._restart = restart
        self._clear_plate = clear_plate

    def listing(self, serial_number: str) -> CustomCommandList:
        """The list for the cloud; an empty one removes what was listed before."""
        entries = [
            CustomCommandEntry(
                label=one.label,
                command=name,
                help_text=one.help or None,
                confirm_text=one.confirm or None,
            )
            for name, one in self._commands.items()
        ]
        return CustomCommandList(serial_number=serial_number, custom_command_list=entries)

    def lines(self, name: str) -> Sequence[str]:
        """The G-code of the command that was listed as ``name``, if it has any."""
        command = self._commands.get(name)
        return command.gcode if command is not None else ()

    async def run(self, name: str) -> None:
        """Carry out the command that was listed as ``name``.

        Raises UnknownCustomCommand for any other, and what the printer or the host refuse.
        """
        command = self._commands.get(name)
        if command is None:
            raise UnknownCustomCommand(
                f"The cloud asked for the custom command {name[:40]!r}, which is not in the "
                "settings of this device. Load the printer's page again."
            )
        log.info("custom command: %s", command.label)
        if command.gcode:
            await self._printer.run_gcode(command.gcode)
        elif command.action == "restart-agent":
            asyncio.get_running_loop().call_soon(self._restart)
        elif command.action == PLATE_IS_CLEAR.action:
            await self._clear_plate()
        else:
            await self._power.request(_POWER[command.action])


def with_plate_clear(commands: Sequence[CustomCommand], confirm: bool) -> list[CustomCommand]:
    """The commands to be listed: the owner's, and what a plate to be confirmed needs."""
    named = any(one.action == PLATE_IS_CLEAR.action for one in commands)
    return [*commands, PLATE_IS_CLEAR] if confirm and not named else list(commands)


def wire_name(command: CustomCommand) -> str:
    """What the cloud calls ``command``.

    By content: a page that was loaded before the settings changed must not run another one.
    """
    content = "\0".join((command.label, command.action, *command.gcode))
    return f"custom-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
