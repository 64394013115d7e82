"""Registering while the agent is not running (``polar-appliance register``)."""

from __future__ import annotations

import asyncio
import contextlib

from appliance.agent.api import RegisterAs
from appliance.agent.main import join_cloud
from appliance.agent.state import AgentState
from appliance.config import Settings
from appliance.errors import CloudError


async def register_once(settings: Settings, account: RegisterAs) -> str:
    """Register with the Polar Cloud and return the serial number.

    Raises CloudError with the reason in a person's words.
    """
    membership, client = await join_cloud(settings, AgentState(), camera=False)
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
