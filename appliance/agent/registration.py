"""Registering while the agent is not running (``polar-appliance register``)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import stat
from pathlib import Path

from appliance.agent.api import RegisterAs
from appliance.agent.main import join_cloud, lock
from appliance.agent.state import AgentState
from appliance.config import Settings
from appliance.errors import ApplianceError, CloudError

CARDS_USER = "polar-agent"  # docs/image.md


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
    if not folder.exists():
        return
    owner = _owner(folder)
    if owner.pw_uid != os.geteuid():
        raise ApplianceError(
            f"{folder} is used by {owner.pw_name}. Start the agent first, or run this as that "
            f"user (sudo -u {owner.pw_name} polar-appliance register)."
        )


def _owner(folder: Path) -> pwd.struct_passwd:
    """Who keeps the identity there: on the card the folder is root's, and for the group."""
    if folder.stat().st_mode & stat.S_ISGID:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(CARDS_USER)
    return pwd.getpwuid(folder.stat().st_uid)
