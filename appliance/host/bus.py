"""The system's D-Bus as the drivers beside this file need it: calls, properties, signals.

Nothing is introspected: what is called is known, and on a small Pi each answer of XML costs
more than the call itself. ``dbus_fast`` is loaded with the first connection alone, as it
takes two megabytes that a machine without a bus need not spend.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from appliance.host.network_api import NetworkError

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

log = logging.getLogger(__name__)

DBUS = "org.freedesktop.DBus"
PROPERTIES = "org.freedesktop.DBus.Properties"
PATIENCE = 10.0  # seconds for an answer; services answer in milliseconds, or are being started

_MISSING = frozenset({f"{DBUS}.Error.{n}" for n in ("ServiceUnknown", "NameHasNoOwner")})
_GONE = frozenset(
    {f"{DBUS}.Error.{n}" for n in ("UnknownObject", "UnknownMethod", "UnknownInterface")}
)
_SERVICES = {
    "org.freedesktop.NetworkManager": "NetworkManager",
    "fi.w1.wpa_supplicant1": "wpa_supplicant",
    "org.freedesktop.timedate1": "systemd-timedated",
    "org.freedesktop.Avahi": "Avahi",
}


class BusError(NetworkError):
    """A service on the bus refused a call; ``name`` is the error's name on the bus."""

    def __init__(self, name: str, long: str) -> None:
        super().__init__(long)
        self.name = name

    @property
    def missing(self) -> bool:
        """The service does not run, and could not be started."""
        return self.name in _MISSING or self.name.startswith(f"{DBUS}.Error.Spawn.")

    @property
    def gone(self) -> bool:
        """The object that was asked is no more: devices and Wi-Fis come and go."""
        return self.name in _GONE

    @property
    def denied(self) -> bool:
        """The bus or polkit does not allow it to this user."""
        last = self.name.rpartition(".")[2]
        return last in ("AccessDenied", "PermissionDenied", "InteractiveAuthorizationRequired")


class Signal(NamedTuple):
    """What a service told everybody; ``body`` without variants."""

    path: str
    interface: str
    member: str
    body: list[Any]


Handler = Callable[[Signal], None]


class Bus:
    """One connection, made when it is first needed and again when it broke.

    ``address`` None is the system's bus.
    """

    def __init__(self, address: str | None = None, *, patience: float = PATIENCE) -> None:
        self._address = address
        self._patience = patience
        self._bus: MessageBus | None = None
        self._connecting = asyncio.Lock()
        self._rules: list[str] = []
        self._handlers: list[Handler] = []

    def listen(self, rules: tuple[str, ...], handler: Handler) -> None:
        """Hear signals; ``rules`` are match rules, to be named before the first call.

        Every handler is called with each signal that any rule lets through.
        """
        self._rules.extend(rules)
        self._handlers.append(handler)

    async def call(  # the parts of a message on this bus
        self, service: str, path: str, interface: str, member: str, signature: str = "", *body: Any
    ) -> list[Any]:
        """Call a method; the answer's body, without variants.

        Raises BusError for what the service refuses, NetworkError where there is no bus.
        """
        from dbus_fast import Message  # noqa: PLC0415  # see above
        from dbus_fast.errors import DBusFastError  # noqa: PLC0415

        message = Message(
            destination=service,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        who = _SERVICES.get(service, service)
        try:
            async with asyncio.timeout(self._patience):
                bus = await self._connected()
                reply = await bus.call(message)
        except TimeoutError:
            raise NetworkError(
                f"{who} did not answer within {self._patience:.0f} s. Restart the device."
            ) from None
        except (OSError, EOFError, DBusFastError):
            # The error's own text could quote the message, and with it a Wi-Fi's password.
            raise NetworkError(f"The connection to {who} broke; try again.") from None
        return _answer(service, reply)

    async def get(self, service: str, path: str, interface: str, name: str) -> Any:
        """One property."""
        return (await self.call(service, path, PROPERTIES, "Get", "ss", interface, name))[0]

    async def get_all(self, service: str, path: str, interface: str) -> dict[str, Any]:
        """All properties of one interface; none where the object has gone meanwhile."""
        try:
            answer = await self.call(service, path, PROPERTIES, "GetAll", "s", interface)
        except BusError as error:
            if error.gone:
                return {}
            raise
        properties: dict[str, Any] = answer[0]
        return properties

    async def set(
        self, service: str, path: str, interface: str, name: str, signature: str, value: Any
    ) -> None:
        """Change one property."""
        from dbus_fast import Variant  # noqa: PLC0415  # see above

        variant = Variant(signature, value)
        await self.call(service, path, PROPERTIES, "Set", "ssv", interface, name, variant)

    def close(self) -> None:
        """Let go; a later call connects anew."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()

    async def _connected(self) -> MessageBus:
        async with self._connecting:
            if self._bus is None or not self._bus.connected:
                self._bus = await self._connect()
            return self._bus

    async def _connect(self) -> MessageBus:
        from dbus_fast import BusType, DBusFastError  # noqa: PLC0415  # see above
        from dbus_fast.aio import MessageBus  # noqa: PLC0415

        try:
            bus = await MessageBus(self._address, BusType.SYSTEM).connect()
        except (OSError, EOFError, DBusFastError) as error:
            raise NetworkError(
                f"This machine has no D-Bus ({error}): set up its network by hand."
            ) from None
        bus.add_message_handler(self._hear)
        for rule in self._rules:
            await bus.call(_match(rule))
        return bus

    def _hear(self, message: Message) -> None:
        from dbus_fast import MessageType, unpack_variants  # noqa: PLC0415  # see above

        if message.message_type is not MessageType.SIGNAL:
            return
        signal = Signal(
            message.path or "",
            message.interface or "",
            message.member or "",
            unpack_variants(message.body),
        )
        for handler in self._handlers:
            handler(signal)


def _match(rule: str) -> Message:
    from dbus_fast import Message  # noqa: PLC0415  # see above

    return Message(
        destination=DBUS,
        path="/org/freedesktop/DBus",
        interface=DBUS,
        member="AddMatch",
        signature="s",
        body=[f"type='signal',{rule}"],
    )


def _answer(service: str, reply: Message | None) -> list[Any]:
    from dbus_fast import MessageType, unpack_variants  # noqa: PLC0415  # see above

    who = _SERVICES.get(service, service)
    if reply is None:
        raise NetworkError(f"The connection to {who} broke; try again.")
    if reply.message_type is not MessageType.ERROR:
        body: list[Any] = unpack_variants(reply.body)
        return body
    detail = str(reply.body[0]) if reply.body else reply.error_name or "unknown"
    error = BusError(reply.error_name or "", f"{who} refused: {detail}")
    if error.missing:
        raise BusError(
            error.name,
            f"{who} does not run on this machine. Start it (systemctl start {who}), or set up "
            "by hand what it would do.",
        )
    if error.denied:
        raise BusError(
            error.name,
            f"{who} does not allow this to the appliance: its polkit rule is missing. Install "
            "the appliance again, or run it as the user that its service names.",
        )
    raise error
