"""The agent's line to the cloud: the one reconnect loop, around one session.

The session (:mod:`appliance.polar.session`) knows the protocol and does no I/O; a connection
lives once. This module opens connections, carries out what the session asks of them, and
hands everything else to ``on_action``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from appliance.cloud.connection import CloudConnection, tls_context
from appliance.cloud.key_tool import Keys
from appliance.cloud.key_work import KeyWork
from appliance.cloud.outage import Outage
from appliance.cloud.questions import Questions
from appliance.cloud.reconnect import Backoff
from appliance.errors import CloudError
from appliance.host.clock import WAITING, HostClock
from appliance.host.health import Heart
from appliance.polar import messages
from appliance.polar.actions import (
    Action,
    CheckPair,
    Close,
    Deleted,
    Deliver,
    HelloFailed,
    Registered,
    RegistrationFailed,
    Send,
    Sign,
    Unregistered,
    UnregisterFailed,
)
from appliance.polar.session import HelloFacts, Session

HELLO_TIMEOUT = 30.0  # s; from the open connection to helloResponse, or to registerResponse
ANSWER_TIMEOUT = 30.0  # s; for unregisterResponse
STEADY = 10.0  # s; a server that drops us sooner after hello must not be met at full speed
# (two devices with one identity throw each other out for ever)

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Connection(Protocol):
    """What the loop needs of a connection; see CloudConnection."""

    def __aiter__(self) -> AsyncIterator[tuple[str, object]]:
        """(event, payload) as they arrive; raises CloudError when the connection is lost."""

    async def emit(self, event: str, payload: object) -> None:
        """Send one event; raises CloudError."""

    async def close(self) -> None:
        """End the connection and the iteration."""


Opener = Callable[[], Awaitable[Connection]]


@dataclass(frozen=True)
class Timing:
    """Clocks and limits, replaceable in tests.

    ``clock`` is waited for before each connection; None where no certificate is judged.
    ``heart`` beats with the loop.
    """

    monotonic: Callable[[], float] = time.monotonic  # s
    wall: Callable[[], float] = time.time  # Unix s, for what a person reads
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    hello: float = HELLO_TIMEOUT
    steady: float = STEADY
    clock: HostClock | None = None
    heart: Heart = field(default_factory=Heart)


class CloudClient:
    """Holds the session with the cloud for as long as :meth:`run` runs.

    Without a serial number and without a wish to register there is nothing to say, and no
    connection is made. ``on_action`` is called for every action but Send, Sign, CheckPair,
    Close and the answers to :meth:`ask`; it must not block, and what it raises is logged.
    """

    def __init__(
        self,
        open_connection: Opener,
        session: Session,
        on_action: Callable[[Action], None],
        *,
        keys: Keys,
        backoff: Backoff,
        timing: Timing | None = None,
    ) -> None:
        """``open_connection`` is that of :func:`opener`, or of a test."""
        self._open = open_connection
        self._session = session
        self._on_action = on_action
        self._backoff = backoff
        self._timing = timing or Timing()
        self._clock, self._heart = self._timing.clock, self._timing.heart
        self._connection: Connection | None = None
        self._facts: Callable[[], HelloFacts] | None = None
        self._questions = Questions()
        self._key_work = KeyWork(keys, session, self._go_on, self._give_up)
        self._registration: asyncio.Future[Registered | RegistrationFailed] | None = None
        self._unregistration: asyncio.Future[Unregistered | UnregisterFailed] | None = None
        self._registering = asyncio.Lock()
        self._unregistering = asyncio.Lock()
        self._online = asyncio.Event()
        self._offline = asyncio.Event()
        self._offline.set()
        self._wake = asyncio.Event()
        self._outage = Outage(self._timing.monotonic())
        self._at_once = False
        self._capabilities: frozenset[str] = frozenset()

    def introduce_as(self, facts: Callable[[], HelloFacts]) -> None:
        """Ask ``facts`` anew before each connection: addresses and cameras come and go."""
        self._facts = facts

    # What the agent asks.

    @property
    def online(self) -> bool:
        """The cloud accepted our signature on the present connection."""
        return self._online.is_set()

    @property
    def capabilities(self) -> frozenset[str]:
        """What the cloud allows this printer (section 2.2), such as ``sendNextPrint``.

        Empty until the cloud has answered on the present connection.
        """
        return self._capabilities

    async def wait_online(self) -> None:
        """Return as soon as the session is online."""
        await self._online.wait()

    async def wait_offline(self) -> None:
        """Return as soon as the session is not online."""
        await self._offline.wait()

    @property
    def status_text(self) -> str:
        """A sentence for a person: online, not registered, or since when and why offline."""
        if self.online:
            return "Connected to the Polar Cloud."
        if not self._wanted:
            return "Not registered with the Polar Cloud."
        if self.waits_for_time:
            return WAITING
        return self._outage.sentence(self._timing.monotonic(), self._timing.wall())

    @property
    def waits_for_time(self) -> bool:
        """No connection is tried, since this device's clock is not set yet."""
        return not (self.online or self._clock is None or self._clock.known)

    @property
    def reason(self) -> str:
        """Why there is no session, as a sentence; '' where that is not known yet."""
        return self._outage.reason

    @property
    def offline(self) -> tuple[float, float | None] | None:
        """Since when and until which next try (None: trying now), Unix s; None while online."""
        if self.online or not self._wanted:
            return None
        return self._outage.moments(self._timing.monotonic(), self._timing.wall())

    async def send(self, message: messages.PrinterMessage) -> None:
        """Send on the authenticated connection; raises CloudError when that is not there."""
        if not self.online:
            raise CloudError(f"Not sent, since there is no session: {self.status_text}")
        await self._perform(self._session.send(message))

    async def ask(
        self,
        message: messages.PrinterMessage,
        answer: type[T],
        timeout: float,
        *,
        fits: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """Send a question and return the first ``answer`` that ``fits``, within ``timeout`` s.

        One question for each answer type is under way at a time, others wait for their turn.
        An answer that comes too late goes to ``on_action``. Raises CloudError when offline,
        when the connection is lost, and when no answer comes.
        """
        async with self._questions.turn(answer):
            return await self._exchange(message, answer, timeout, fits)

    async def send_surely(self, message: messages.PrinterMessage, timeout: float) -> None:
        """Send, and return once the cloud has read it; raises CloudError when that is unsure.

        The cloud acknowledges nothing, and a connection that has just died takes a message
        without a word. But it reads in order and answers ``capabilities``: asked after the
        message and on the same connection, the answer says that the message was read.
        """
        answer = messages.CapabilitiesResponse
        async with self._questions.turn(answer):
            connection = self._connection
            await self.send(message)
            question = messages.Capabilities(serial_number=self._session.serial_number or "")
            await self._exchange(question, answer, timeout, self._questions.next_echo())
            if self._connection is not connection:
                raise CloudError("The connection was lost before the Polar Cloud answered.")

    async def _exchange(
        self,
        message: messages.PrinterMessage,
        answer: type[T],
        timeout: float,
        fits: Callable[[T], bool],
    ) -> T:
        async with self._questions.waiting(answer, fits) as given:
            await self.send(message)
            try:
                async with asyncio.timeout(timeout):
                    return await given
            except TimeoutError:
                raise CloudError(
                    f"The Polar Cloud did not answer {messages.event_name(type(message))} within"
                    f" {timeout:.0f} s.",
                    short="No answer",
                ) from None

    async def register(
        self, email: str, pin: str, use_cloud_key: bool = False
    ) -> Registered | RegistrationFailed:
        """Register this printer and return the cloud's decision, connecting first if need be.

        Waits as long as there is no connection; set a limit with asyncio.timeout.
        """
        async with self._registering:
            self._registration = asyncio.get_running_loop().create_future()
            try:
                with suppress(CloudError):  # the session says so: RegistrationFailed
                    await self._perform(self._session.register(email, pin, use_cloud_key))
                self.reconnect_now()
                return await self._registration
            finally:
                self._registration = None
                self._session.forget_wish()  # who gave up must not be registered later

    async def unregister(self) -> Unregistered | UnregisterFailed:
        """Take this printer out of the cloud; raises CloudError when no answer comes."""
        async with self._unregistering:
            self._unregistration = asyncio.get_running_loop().create_future()
            try:
                with suppress(CloudError):  # the session says so: UnregisterFailed
                    await self._perform(self._session.unregister())
                async with asyncio.timeout(ANSWER_TIMEOUT):
                    return await self._unregistration
            except TimeoutError:
                raise CloudError(
                    f"The Polar Cloud did not answer unregister within {ANSWER_TIMEOUT:.0f} s.",
                    short="No answer",
                ) from None
            finally:
                self._unregistration = None

    def reconnect_now(self) -> None:
        """Do not wait for the next try: the network is back, or somebody asked."""
        self._wake.set()

    # The loop.

    async def run(self) -> None:
        """Keep the session up, for ever; cancel it to close the connection."""
        while True:
            with self._heart.resting():
                await self._until_wanted()
            self._wake.clear()
            self._outage.next_try = None
            try:
                await self._live_once()
            except CloudError as error:
                self._note(error.long)
            if self._wanted:
                await self._pause()

    async def _until_wanted(self) -> None:
        """There is something to say, and certificates can be judged."""
        while not self._wanted:
            self._wake.clear()
            await self._wake.wait()
        if self._clock is not None:
            await self._clock.wait()

    @property
    def _wanted(self) -> bool:
        registration = self._registration
        return self._session.registered or not (registration is None or registration.done())

    async def _live_once(self) -> None:
        """One connection from its opening to its end; raises CloudError saying why it ended."""
        if self._facts is not None:
            self._session.facts = self._facts()
        connection = await self._open()
        began = self._timing.monotonic()
        self._connection = connection
        try:
            await self._converse(connection)
        finally:
            self._heart.beat()
            self._connection = None
            self._key_work.cancel()
            self._ended(self._timing.monotonic() - began)
            await connection.close()
            await self._key_work.ended()

    async def _converse(self, connection: Connection) -> None:
        patience = asyncio.timeout(self._timing.hello)
        try:
            async with patience:
                await self._perform(self._session.connected())
                self._heart.rest()
                async for event, payload in connection:
                    self._heart.beat()
                    actions = self._session.received(event, payload)
                    self._settle(patience)
                    await self._perform(actions)
                    if not self._wanted:
                        return
                    self._heart.rest()
        except TimeoutError:
            if not patience.expired():
                raise
            raise CloudError(
                f"The Polar Cloud took the connection but did not let us in within"
                f" {self._timing.hello:.0f} s.",
                short="Cloud silent",
            ) from None

    def _settle(self, patience: asyncio.Timeout) -> None:
        """Let patience run while the session is not online, and only then."""
        if self._session.online:
            patience.reschedule(None)
            if not self.online:
                self._online.set()
                self._offline.clear()
                self._wake.clear()
                self._outage.reason = ""
                _log.info("online in the Polar Cloud")
        elif patience.when() is None:
            self._online.clear()
            self._offline.set()
            self._capabilities = frozenset()
            patience.reschedule(asyncio.get_running_loop().time() + self._timing.hello)

    def _ended(self, lasted: float) -> None:
        if self.online and lasted >= self._timing.steady:
            self._backoff.reset()
        if self.online:
            self._outage = Outage(self._timing.monotonic(), self._outage.reason)
        self._online.clear()
        self._offline.set()
        self._capabilities = frozenset()
        for action in self._session.disconnected():
            self._hand_over(action)
        self._questions.lost()

    async def _pause(self) -> None:
        delay = 0.0 if self._at_once else self._backoff.next_delay()
        self._at_once = False
        self._outage.next_try = self._timing.monotonic() + delay
        self._heart.beat(delay)
        sleeping = asyncio.ensure_future(self._timing.sleep(delay))
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()

    def _note(self, reason: str) -> None:
        # A new reason is news; the same one at each try would fill the journal.
        level = logging.DEBUG if reason == self._outage.reason else logging.WARNING
        _log.log(level, "offline: %s", reason)
        self._outage.reason = reason

    # What the session asks.

    async def _perform(self, actions: list[Action]) -> None:
        """Carry out all of it; raises the CloudError of a failed Send after the rest is done."""
        failed: CloudError | None = None
        for action in actions:
            match action:
                case Send(message):
                    try:
                        await self._emit(message)
                    except CloudError as error:
                        failed = error
                case Sign() | CheckPair():
                    self._key_work.begin(action)
                case Close(reason):
                    await self._close(reason)
                case _:
                    self._hand_over(action)
        if failed is not None:
            raise failed

    async def _go_on(self, actions: list[Action]) -> None:
        """What follows from the key's work."""
        await self._perform(actions)
        if not self._wanted:
            await self._close("There is nothing to say.")

    async def _give_up(self, reason: str) -> None:
        """The key's work failed: what the next connection brings is seen then."""
        self._note(reason)
        await self._close(reason)

    async def _emit(self, message: messages.PrinterMessage) -> None:
        if self._connection is None:
            raise CloudError(f"Not sent, since there is no connection: {self.status_text}")
        self._questions.sent(message)
        try:
            await self._connection.emit(*messages.encode(message))
        except CloudError as error:
            await self._close(error.long)  # it would take nothing else either
            raise

    async def _close(self, reason: str) -> None:
        _log.info("closing the connection: %s", reason)
        if self._connection is not None:
            await self._connection.close()

    def _hand_over(self, action: Action) -> None:
        if isinstance(action, Deliver) and isinstance(
            action.message, messages.CapabilitiesResponse
        ):
            self._capabilities = frozenset(action.message.capabilities)
        match action:
            case Deliver(message) if self._questions.answered(message):
                return
            case Registered():
                self._backoff.reset()
                self._at_once = True
                _decide(self._registration, action)
            case RegistrationFailed():
                _decide(self._registration, action)
            case Unregistered() | UnregisterFailed():
                _decide(self._unregistration, action)
            case HelloFailed(text) | Deleted(text):
                self._note(text)
        try:
            self._on_action(action)
        except Exception:  # noqa: BLE001  # the boundary to the agent: the loop must go on
            _log.exception("%s could not be handled", type(action).__name__)


def _decide(waiting: asyncio.Future[Any] | None, decision: Action) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(decision)


def opener(url: str, ca_file: str = "") -> Opener:
    """Opens connections to this Status Server. Raises ConfigError over ``ca_file``."""
    # Without authorities of our own the HTTP library's context does: a second costs 3 MB.
    context = tls_context(ca_file) if ca_file else None

    async def open_connection() -> Connection:
        return await CloudConnection.open(url, ssl=context)

    return open_connection
