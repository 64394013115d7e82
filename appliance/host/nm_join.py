"""Activates profiles through NetworkManager: our hotspot, and Wi-Fis to be joined.

A Wi-Fi is tried with a profile that NetworkManager forgets by itself (``persist`` =
``volatile``), and written to the disk once it was joined: a wrong password leaves nothing
behind, not even when the power goes while it is tried.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from appliance.host.bus import Bus
from appliance.host.joining import failure
from appliance.host.network import readable
from appliance.host.network_api import JoinFailed, JoinProblem, NetworkError
from appliance.host.nm_connection import Profile
from appliance.host.nm_reader import NM, NOTHING, PROFILE, ROOT, NmReader
from appliance.host.nm_states import Attempt, Connectivity, DeviceState, join_problem
from appliance.host.nm_watch import NmWatch

log = logging.getLogger(__name__)

TO_DISK = 0x1  # NMSettingsUpdate2Flags
_LOOKED = (Connectivity.FULL, Connectivity.UNKNOWN, Connectivity.PORTAL)


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """The longest that is waited, in seconds."""

    scan: float = 10.0
    radio: float = 8.0  # from rfkill's end until the supplicant has the radio
    activation: float = 30.0  # NetworkManager itself gives a handshake 25
    internet: float = 9.0
    ask_again: float = 2.0  # between two checks of the internet


class Activator:
    """Starts profiles on a device, and follows them until they are up or failed."""

    def __init__(self, bus: Bus, reader: NmReader, watch: NmWatch, times: Times) -> None:
        self._bus = bus
        self._read = reader
        self._watch = watch
        self._times = times
        self.trial = NOTHING  # the profile that is being tried

    async def open(self, device: str, profile: Profile) -> Attempt:
        """Activate what is to be forgotten again, our hotspot."""
        try:
            return await self._activate(device, profile, NOTHING)
        finally:
            self.trial = NOTHING  # NetworkManager itself forgets a failed one

    async def join(
        self, device: str, ssid: bytes, profile: Profile, point: str, before: list[str]
    ) -> None:
        """Activate a Wi-Fi and keep it in place of the profiles ``before``, or leave no trace.

        ``point`` is the access point's path. Raises JoinFailed.
        """
        joined = False
        try:
            attempt = await self._activate(device, profile, point)
            if not attempt.done:
                raise _too_slow(attempt, ssid)
            if attempt.failed is not None:
                raise failure(join_problem(attempt.failed, attempt.reached), ssid)
            # The secrets are kept where none are given.
            keep: tuple[Any, ...] = ({}, TO_DISK, {})
            await self._bus.call(NM, self.trial, PROFILE, "Update2", "a{sa{sv}}ua{sv}", *keep)
            joined = True
        finally:
            unwanted = before if joined else [self.trial]
            self.trial = NOTHING
            for path in unwanted:
                await self._delete(path)

    async def look_for_internet(self, device: str, ssid: bytes) -> None:
        """Raises JoinFailed where the Wi-Fi leads nowhere; the first answers may come too soon."""
        try:
            async with asyncio.timeout(self._times.internet), self._watch.news() as news:
                while (found := await self._check_internet(device)) not in _LOOKED:
                    await self._rest(news)
        except TimeoutError:
            raise failure(JoinProblem.NO_INTERNET, ssid) from None
        if found is Connectivity.PORTAL:
            raise failure(JoinProblem.CAPTIVE, ssid)

    async def _activate(self, device: str, profile: Profile, point: str) -> Attempt:
        """Its path stands in ``trial`` from then on."""
        attempt = Attempt()
        with self._watch.follow(device, attempt) as over:
            self.trial = (await self._add_and_activate(device, profile, point))[0]
            try:
                async with asyncio.timeout(self._times.activation):
                    await over.wait()
            except TimeoutError:
                log.info("the Wi-Fi did not come up in time; it got to state %d", attempt.reached)
        return attempt

    async def _add_and_activate(self, device: str, profile: Profile, point: str) -> list[Any]:
        from dbus_fast import Variant  # noqa: PLC0415  # see bus.py

        def variant(signature: str, value: Any) -> Variant:
            if signature == "aa{sv}":
                value = [{k: variant(*v) for k, v in entry.items()} for entry in value]
            return Variant(signature, value)

        settings = {
            name: {key: variant(*value) for key, value in setting.items()}
            for name, setting in profile.items()
        }
        return await self._bus.call(
            NM,
            ROOT,
            NM,
            "AddAndActivateConnection2",
            "a{sa{sv}}ooa{sv}",
            settings,
            device,
            point,
            {"persist": Variant("s", "volatile")},
        )

    async def _check_internet(self, device: str) -> Connectivity:
        """The Wi-Fi's own: beside a cable NetworkManager's answer speaks of the cable."""
        await self._bus.call(NM, ROOT, NM, "CheckConnectivity")
        facts = [d for d in await self._read.devices() if d.path == device]
        return facts[0].connectivity if facts else Connectivity.NONE

    async def _rest(self, news: asyncio.Event) -> None:
        """Until there is news, or it is time to ask again: a failed check tells nobody."""
        news.clear()
        try:
            async with asyncio.timeout(self._times.ask_again):
                await news.wait()
        except TimeoutError:
            log.debug("no internet yet; looking again")

    async def _delete(self, profile: str) -> None:
        if profile == NOTHING:
            return
        try:
            await self._bus.call(NM, profile, PROFILE, "Delete")
        except NetworkError as error:
            log.debug("a profile was not deleted: %s", error)  # it went by itself before


def _too_slow(attempt: Attempt, ssid: bytes) -> JoinFailed:
    if attempt.reached >= DeviceState.IP_CONFIG:
        return failure(JoinProblem.NO_ADDRESS, ssid)
    name = readable(ssid) or "The Wi-Fi"
    return failure(JoinProblem.OTHER, ssid, f"“{name}” did not answer in time. Go nearer to it.")
