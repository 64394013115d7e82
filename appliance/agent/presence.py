"""Coming online and going offline, as the rest of the agent sees it."""

from __future__ import annotations

import logging

from appliance import __version__
from appliance.agent.custom import CustomCommands
from appliance.agent.delivery import Delivery
from appliance.agent.state import AgentState
from appliance.cloud.client import CloudClient
from appliance.cloud.uploads import Uploader
from appliance.errors import CloudError
from appliance.host.health import Heart
from appliance.polar import messages

log = logging.getLogger(__name__)


class Presence:
    """Follows the connection, and tells the cloud what it should know of us on each one."""

    def __init__(
        self,
        state: AgentState,
        client: CloudClient,
        delivery: Delivery,
        custom: CustomCommands,
        uploader: Uploader,
        *,
        heart: Heart | None = None,
    ) -> None:
        self._state = state
        self._client = client
        self._delivery = delivery
        self._custom = custom
        self._uploader = uploader
        self._known_as = ""
        self._heart = heart or Heart()

    async def run(self) -> None:
        """Follow the connection for ever."""
        while True:
            with self._heart.resting():
                await self._client.wait_online()
            self._state.see_online(True)
            await self._introduce()
            with self._heart.resting():
                await self._client.wait_offline()
            self._state.see_online(False)

    async def _introduce(self) -> None:
        """Sections 3.11 and 3.3: the version, and the owner's own commands."""
        try:
            number = self._delivery.serial_number()
            if number != self._known_as:
                self._uploader.forget_slots()  # those of another printer
                self._known_as = number
            await self._client.send(
                messages.SetVersion(serial_number=number, running_version=__version__)
            )
            await self._client.send(self._custom.listing(number))
        except CloudError as error:
            log.info("not introduced: %s", error.long)
