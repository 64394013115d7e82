"""systemd-timedated and Avahi as they behave on D-Bus; for tests."""

from __future__ import annotations

from typing import Any

from dbus_fast import DBusError, Variant

from appliance.sim.bus_service import ERROR, BusService

TIMEDATE = "org.freedesktop.timedate1"
AVAHI = "org.freedesktop.Avahi"


class StandInTimeDate(BusService):
    """One time zone, of three that exist."""

    name = TIMEDATE
    zones = ("Etc/UTC", "Europe/Berlin", "America/Argentina/Ushuaia")

    def __init__(self) -> None:
        super().__init__()
        self.add("/org/freedesktop/timedate1", TIMEDATE, Timezone=Variant("s", "Etc/UTC"))
        self.method(TIMEDATE, "SetTimezone", "sb", "", self._set_zone)

    def _set_zone(self, path: str, zone: str, _interactive: bool) -> tuple[Any, ...]:
        if zone not in self.zones:
            raise DBusError(f"{ERROR}.InvalidArgs", f"Invalid or not installed time zone '{zone}'")
        self.change(path, TIMEDATE, Timezone=Variant("s", zone))
        return ()


class StandInAvahi(BusService):
    """Entry groups; ``taken`` are names that another device has."""

    name = AVAHI

    def __init__(self, taken: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.taken = set(taken)  # told at once
        self.host = "polar"
        self.elsewhere: set[str] = set()  # found out after the announcement
        self.groups: dict[str, list[tuple[str, str, int]]] = {}
        self.committed: dict[str, tuple[str, str, int]] = {}
        self.add("/", f"{AVAHI}.Server")
        self.method(f"{AVAHI}.Server", "EntryGroupNew", "", "o", self._new)
        self.method(f"{AVAHI}.Server", "GetHostName", "", "s", lambda _path: (self.host,))
        alternative = ("GetAlternativeServiceName", "s", "s", self._alternative)
        self.method(f"{AVAHI}.Server", *alternative)
        group = f"{AVAHI}.EntryGroup"
        self.method(group, "AddService", "iiussssqaay", "", self._add)
        self.method(group, "Commit", "", "", self._commit)
        self.method(group, "Free", "", "", self._free)

    def call_itself(self, host: str) -> None:
        """Take another host name, as when another device had that one before."""
        self.host = host
        self.emit("/", f"{AVAHI}.Server", "StateChanged", "is", 2, "")

    def collide(self) -> None:
        """Another device takes the name of everything that is announced."""
        for path, (name, *_) in tuple(self.committed.items()):
            self.elsewhere.add(name)
            self._collision(path)

    def _new(self, _path: str) -> tuple[Any, ...]:
        path = f"/Client1/EntryGroup{len(self.calls)}"
        self.groups[path] = []
        self.add(path, f"{AVAHI}.EntryGroup")
        return (path,)

    def _alternative(self, _path: str, name: str) -> tuple[Any, ...]:
        stem, mark, number = name.rpartition(" #")
        return (f"{stem} #{int(number) + 1}" if mark else f"{name} #2",)

    def _add(self, path: str, *service: Any) -> tuple[Any, ...]:
        name, kind, port = service[3], service[4], service[7]
        if name in self.taken:
            raise DBusError(f"{AVAHI}.CollisionError", "Local name collision")
        self.groups[path].append((name, kind, port))
        return ()

    def _commit(self, path: str) -> tuple[Any, ...]:
        if not self.groups[path]:
            raise DBusError(f"{AVAHI}.BadStateError", "Bad state")
        self.committed[path] = self.groups[path][0]
        if self.committed[path][0] in self.elsewhere:
            self._collision(path)
        else:
            self.emit(path, f"{AVAHI}.EntryGroup", "StateChanged", "is", 2, "")
        return ()

    def _collision(self, path: str) -> None:
        del self.committed[path]
        self.emit(path, f"{AVAHI}.EntryGroup", "StateChanged", "is", 3, "Name collision")

    def _free(self, path: str) -> tuple[Any, ...]:
        self.groups.pop(path)
        self.committed.pop(path, None)
        self.remove(path)
        return ()
