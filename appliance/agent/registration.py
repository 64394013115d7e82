"""Registering while the agent is not running (``polar-appliance register``)."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from appliance.agent.api import RegisterAs
from appliance.agent.main import join_cloud, lock
from appliance.agent.state import AgentState
from appliance.config import Settings
from appliance.errors import ApplianceError, CloudError


async def register_once(settings: Settings, account: RegisterAs) -> str:
    """Register with the Polar Cloud and return the serial number.

    Raises CloudError with the reason in a person's words.
    """
    _refuse_stranger(settings.state_folder)
    with lock(settings):
        membership, client = await join_cloud(settings, AgentState(), lambda: False)
        line = asyncio.create_task(client.run())
        try:
            await membership.register(client, account)
        finally:
            line.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await line
    number = membership.serial_number()
    if number is None:
        raise CloudError("The Polar Cloud gave no serial number. Try again in a minute.")
    return number


def _refuse_stranger(folder: Path) -> None:
    """A key that another user made could not be read by the appliance."""
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        owner = folder.owner()
        raise ApplianceError(
            f"{folder} belongs to {owner}. Start the agent first, or run this as that user "
            f"(sudo -u {owner} polar-appliance register)."
        )
