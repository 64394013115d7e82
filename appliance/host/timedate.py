"""The time zone through systemd-timedated (org.freedesktop.timedate1)."""

from __future__ import annotations

import re

from appliance.host.bus import Bus, BusError
from appliance.host.network_api import NetworkError

SERVICE = "org.freedesktop.timedate1"
PATH = "/org/freedesktop/timedate1"
NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}")


class TimeDate:
    """Implements Clock (network_api.py); ``bus`` may be shared."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def time_zone(self) -> str:
        """See Clock."""
        return str(await self._bus.get(SERVICE, PATH, SERVICE, "Timezone"))

    async def set_time_zone(self, name: str) -> None:
        """See Clock."""
        if not NAME.fullmatch(name):
            raise _unknown(name)
        try:
            # False: nobody sits at this machine who could be asked for a password.
            await self._bus.call(SERVICE, PATH, SERVICE, "SetTimezone", "sb", name, False)
        except BusError as error:
            if error.name == "org.freedesktop.DBus.Error.InvalidArgs":
                raise _unknown(name) from None
            raise


def _unknown(name: str) -> NetworkError:
    return NetworkError(
        f"This machine does not know the time zone {name[:64]!r}: choose one from the list.",
        short="Unknown time zone",
    )
