"""The device's membership of the Polar Cloud: identity, registration, and its end.

The session says what happened; here it becomes durable and visible.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable

import msgspec

from appliance.agent.api import RegisterAs
from appliance.agent.identity import Identity, IdentityStore
from appliance.agent.state import AgentState
from appliance.cloud.client import CloudClient
from appliance.config import CloudSettings
from appliance.errors import CloudError, StorageError
from appliance.polar import session
from appliance.polar.messages import CloudMessage

log = logging.getLogger(__name__)

RETRY_PAUSES = (5.0, 15.0, 60.0, 300.0)  # seconds; the last one is repeated
PATIENCE = 60.0  # seconds that a person waits for a registration
NOT_KEPT = (
    "The disk is full: what the Polar Cloud knows this printer by is not kept yet. Remove files, "
    "and leave the device on meanwhile."
)
PASSING = frozenset({"SERVER_ERROR", "CONNECTION_LOST", "STILL_REGISTERING"})
"""Reasons that go away by themselves; any other needs a person (section 2.13)."""


class NotRegistered(CloudError):
    """The cloud refused; ``reason`` is that of ``registerResponse`` (section 2.13)."""

    default_short = "Not registered"

    def __init__(self, reason: str, long: str) -> None:
        super().__init__(long)
        self.reason = reason


class Membership:
    """Keeps what the session's actions mean for the identity, and hands commands on."""

    def __init__(self, state: AgentState, store: IdentityStore, identity: Identity) -> None:
        self._state = state
        self._store = store
        self.identity = identity
        self._rejected = ""
        self._deliver: Callable[[CloudMessage], None] = _nobody_listens

    def hand_on(self, deliver: Callable[[CloudMessage], None]) -> None:
        """Commands of the cloud go to ``deliver`` from now on."""
        self._deliver = deliver

    def serial_number(self) -> str | None:
        """The present serial number."""
        return self.identity.serial_number

    def act(self, action: session.Action) -> None:  # one case per action
        """Carry out one action of the session."""
        match action:
            case session.Deliver(message):
                self._deliver(message)
            case session.KeyReceived(key):
                self._store.save_key(key)
            case session.Registered(serial_number):
                self._state.see_notice(f"Registered with the serial number {serial_number}.")
                self._keep(serial_number=serial_number, deleted=False)
            case session.Unregistered():
                self._state.see_notice("This printer was taken out of the Polar Cloud.")
                self._keep(serial_number=None, deleted=True)
            case session.Deleted(text):
                self._state.see_notice(text)
                self._keep(serial_number=None, deleted=True)
            case session.RegistrationFailed() | session.UnregisterFailed():
                self._state.see_notice(action.text)
            case session.HelloFailed(text):
                log.error("%s", text)
                self._state.see_notice(text)
                self._rejected = text
            case session.Online() if self._state.notice == self._rejected:
                self._state.see_notice("")
            case session.Ignored(text):
                log.info("%s", text)

    def _keep(self, *, serial_number: str | None, deleted: bool) -> None:
        self.identity = msgspec.structs.replace(
            self.identity, serial_number=serial_number, deleted=deleted
        )
        if not self._store.save(self.identity):
            self._state.see_notice(NOT_KEPT)
        log.info("serial number: %s", serial_number)

    def save_again(self) -> None:
        """What a full disk did not take before."""
        self._store.settled()

    async def register(self, client: CloudClient, account: RegisterAs) -> None:
        """Register once, for a person who waits.

        Raises NotRegistered, or another CloudError, with the reason's sentence.
        """
        try:
            self._store.settle()
        except StorageError as error:  # else the cloud would know a key that the next start lacks
            raise CloudError(error.long, short=error.short) from error
        try:
            async with asyncio.timeout(PATIENCE):
                outcome = await client.register(account.email, account.pin, account.cloud_key)
        except TimeoutError:
            raise CloudError(client.status_text, short="Cloud not reached") from None
        if isinstance(outcome, session.RegistrationFailed):
            raise NotRegistered(outcome.reason, outcome.text)
        self._remember_owner(account.email)

    async def unregister(self, client: CloudClient) -> None:
        """Give the serial number back. Raises CloudError with the reason's sentence."""
        outcome = await client.unregister()
        if isinstance(outcome, session.UnregisterFailed):
            raise CloudError(outcome.text, short="Not unregistered")

    async def register_by_itself(self, client: CloudClient, settings: CloudSettings) -> None:
        """Register from the settings when there is no serial number yet; then return.

        A printer that its owner deleted stays deleted until a person registers it again.
        """
        if not (settings.email and settings.pin):
            return
        if self._settled():
            return
        for turn in itertools.count():
            if self._store.settled() and await self._tried(client, settings):
                return
            await asyncio.sleep(RETRY_PAUSES[min(turn, len(RETRY_PAUSES) - 1)])
            if self._settled():
                return  # a person was quicker

    async def _tried(self, client: CloudClient, settings: CloudSettings) -> bool:
        """Register once; False when it may go better later."""
        outcome = await client.register(settings.email, settings.pin)
        if isinstance(outcome, session.Registered):
            self._remember_owner(settings.email)
            return True
        log.error("registration: %s", outcome.text)
        return outcome.reason not in PASSING

    def _settled(self) -> bool:
        return self.identity.serial_number is not None or self.identity.deleted

    def _remember_owner(self, email: str) -> None:
        """The owner is only shown: a full disk must not undo a registration."""
        self.identity = msgspec.structs.replace(self.identity, email=email)
        if not self._store.save(self.identity):
            self._state.see_notice(NOT_KEPT)


def _nobody_listens(message: CloudMessage) -> None:
    log.warning("%s came before the agent was ready", type(message).__name__)
