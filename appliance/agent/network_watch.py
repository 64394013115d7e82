"""Follows the machine's network, opens and closes our hotspot, and joins for a person."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from appliance.agent.state import AgentState
from appliance.errors import ApplianceError
from appliance.host.network_api import (
    AccessPoint,
    Hotspot,
    JoinFailed,
    JoinProblem,
    Link,
    Network,
    NetworkError,
    NetworkState,
)
from appliance.setup.radio import UNUSED, Radio, Situation, Wish

log = logging.getLogger(__name__)

LOOK_AWAY = 2.0  # seconds between two looks while there is no network
LOOK_JOINED = 60.0  # seconds while there is one; what changes is told anyway
NOWHERE = frozenset({JoinProblem.NO_INTERNET, JoinProblem.CAPTIVE})  # joined all the same


class NetworkWatch:
    """Keeps ``state.network`` right and carries out what :class:`Radio` decides.

    ``returned`` is called when the network came back or became another one. Everything that
    changes the radio goes through here, one thing at a time.
    """

    def __init__(
        self,
        network: Network,
        state: AgentState,
        hotspot: Hotspot,
        radio: Radio,
        returned: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.hotspot = hotspot
        self.networks: tuple[AccessPoint, ...] = ()  # as last seen, the strongest first
        self._network = network
        self._state = state
        self._radio = radio
        self._returned = returned
        self._clock = clock
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._setup_mode = False
        self._used_at: float | None = None
        self._country = ""
        self._said: set[str] = set()

    def touch(self) -> None:
        """Somebody asked for a page: the hotspot is not closed under their hands."""
        self._used_at = self._clock()

    def want_setup(self, wanted: bool) -> None:
        """Setup mode begins or ends."""
        if wanted != self._setup_mode:
            self._setup_mode = wanted
            self._wake.set()

    @property
    def in_use(self) -> bool:
        """Somebody asked for a page a short while ago."""
        return self._used_at is not None and self._clock() - self._used_at < UNUSED

    def hold(self) -> None:
        """A Wi-Fi will be joined first thing: no hotspot before that was tried."""
        self._radio.join_began()

    def release(self) -> None:
        """It will not be joined after all."""
        self._radio.join_ended(self._clock(), failed=False)
        self._wake.set()

    @property
    def linked(self) -> bool:
        """There is a network that is not our own."""
        return self._state.network.link in (Link.ETHERNET, Link.WIFI)

    def explain(self) -> None:
        """What was joined in the last life leads nowhere: the hotspot, where a person reads it."""
        self._radio.join_ended(self._clock(), failed=True, leads_nowhere=True)
        self._wake.set()

    def look(self) -> None:
        """Look at the network now."""
        self._wake.set()

    async def run(self, country: str = "") -> None:
        """Follow the network for ever; what it raises is logged, and tried again."""
        self._country = country
        self._network.listen(self._wake.set)
        while True:
            self._wake.clear()
            await self._turn_once()
            joined = self.linked
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_JOINED if joined else LOOK_AWAY):
                    await self._wake.wait()

    async def scan(self) -> tuple[AccessPoint, ...]:
        """Look for Wi-Fis. Raises NetworkError."""
        async with self._turn:
            self.networks = await self._network.scan()
        self._state.revision.bump()
        return self.networks

    async def set_country(self, code: str) -> None:
        """The country that the radio obeys. Raises NetworkError."""
        async with self._turn:
            await self._network.set_country(code)
            self._country = ""  # the one from the start is out of date

    async def join(self, ssid: bytes, password: str, *, hidden: bool = False) -> NetworkState:
        """Join for a person who waits. Raises JoinFailed; the hotspot is back soon then."""
        async with self._turn:
            self._radio.join_began()
            failed, leads_nowhere = True, False
            try:
                network = await self._network.join(ssid, password, hidden=hidden)
                failed = False
            except JoinFailed as error:
                leads_nowhere = error.problem in NOWHERE
                raise
            except NetworkError as error:
                raise JoinFailed(JoinProblem.OTHER, error.long, short=error.short) from error
            finally:
                self._radio.join_ended(self._clock(), failed=failed, leads_nowhere=leads_nowhere)
                self._wake.set()
            self._see(network)
            return network

    async def _turn_once(self) -> None:
        try:
            self._see(await self._network.state())
            if not self._turn.locked():  # else somebody joins or scans, and wakes us
                async with self._turn:
                    await self._act()
        except ApplianceError as error:
            self._complain(error.long)
        except Exception:  # boundary of one look: no driver's mistake ends the agent
            log.exception("the network")

    async def _act(self) -> None:
        await self._tell_country()
        now = self._clock()
        wish = self._radio.decide(
            Situation(
                network=self._state.network, setup_mode=self._setup_mode, used_at=self._used_at
            ),
            now,
        )
        try:
            if wish is Wish.OPEN:
                await self._look_around()
                log.info("opening the hotspot %s", self.hotspot.name)
                self._see(await self._network.start_hotspot(self.hotspot))
                self._radio.opened(self._clock())
            elif wish is Wish.CLOSE:
                log.info("closing the hotspot")
                await self._network.stop_hotspot()
                self._radio.closed()
                self._see(await self._network.state())
        except NetworkError:
            self._radio.refused(self._clock())
            raise

    async def _tell_country(self) -> None:
        """Until the radio took it: early in a start its service may not run yet."""
        if not self._country:
            return
        try:
            await self._network.set_country(self._country)
            self._country = ""
        except ApplianceError as error:
            self._complain(error.long)
        except Exception as error:  # noqa: BLE001 - boundary of a driver: the hotspot goes on
            self._complain(f"the country: {error!r}", trace=True)

    async def _look_around(self) -> None:
        """What there is to be joined, before the radio is busy with our own Wi-Fi."""
        if self.networks:
            return
        try:
            self.networks = await self._network.scan()
        except NetworkError as error:
            log.info("no Wi-Fis were looked for: %s", error.long)

    def _see(self, network: NetworkState) -> None:
        before = self._state.network
        if network == before:
            return
        self._said.clear()  # whatever failed before is over
        self._state.see_network(network)
        joined = network.link in (Link.ETHERNET, Link.WIFI) and bool(network.ip)
        another = (before.link, before.ip, before.ssid) != (network.link, network.ip, network.ssid)
        if joined and (another or (network.internet and not before.internet)):
            self._returned()

    def _complain(self, text: str, *, trace: bool = False) -> None:
        """Once for each fault: it is tried every few seconds."""
        if text not in self._said:
            self._said.add(text)
            log.warning("network: %s", text, exc_info=trace)
