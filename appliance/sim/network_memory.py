"""The simulated network over several lives of the agent, as NetworkManager lives beside it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from appliance.host.network_api import Hotspot, NetworkState
from appliance.sim.network import Air, SimulatedNetwork
from appliance.store import Record

IP = "127.0.0.1"  # where a browser on this machine finds the device, whatever the link is
SCAN_TIME, JOIN_TIME = 2.0, 4.0  # seconds, as on a real device
FILE = "simulated-network.json"


class Remembered(msgspec.Struct, frozen=True):
    """What is kept in the run folder."""

    ssid: bytes = b""  # of the Wi-Fi that is joined
    cable: bool = False


def plug_in(run: Path) -> None:
    """The device that will run there has an Ethernet cable."""
    Record(run / FILE, Remembered).save(Remembered(cable=True))


class RememberingNetwork(SimulatedNetwork):
    """Keeps in the run folder which Wi-Fi is joined; a reboot forgets it."""

    def __init__(self, run: Path) -> None:
        self._record = Record(run / FILE, Remembered)
        self._last = self._record.load() or Remembered()
        super().__init__(
            Air(cable=self._last.cable), ip=IP, scan_time=SCAN_TIME, join_time=JOIN_TIME
        )
        if self._last.ssid:
            self.resume(self._last.ssid)

    async def join(self, ssid: bytes, password: str, *, hidden: bool = False) -> NetworkState:
        """See Network."""
        state = await super().join(ssid, password, hidden=hidden)
        self._keep(ssid)
        return state

    async def start_hotspot(self, hotspot: Hotspot) -> NetworkState:
        """See Network."""
        self._keep(b"")
        return await super().start_hotspot(hotspot)

    def _keep(self, ssid: bytes) -> None:
        self._last = msgspec.structs.replace(self._last, ssid=ssid)
        self._record.save(self._last)
