"""A D-Bus service for tests: objects with properties, methods that are checked, signals.

Works on messages instead of dbus-fast's ServiceInterface, because NetworkManager's objects
come and go by the dozen and take many interfaces each.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dbus_fast import DBusError, Message, MessageType, Variant, unpack_variants
from dbus_fast.aio import MessageBus

PROPERTIES = "org.freedesktop.DBus.Properties"
ERROR = "org.freedesktop.DBus.Error"

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

Answer = tuple[Any, ...]
Method = Callable[..., Answer]


@contextlib.contextmanager
def private_bus(folder: Path) -> Iterator[str]:
    """A real dbus-daemon of our own; gives its address. The socket lies in ``folder``."""
    socket, config = folder / "bus", folder / "bus.conf"
    config.write_text(_CONFIG.format(socket=socket))
    reading, writing = os.pipe()
    with subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", f"--print-address={writing}"],
        pass_fds=[writing],
    ) as daemon:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            address = pipe.readline().strip()
        try:
            yield address
        finally:
            daemon.terminate()


class BusService:
    """Objects on a bus of their own connection; subclasses name the methods."""

    name = ""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Variant]]] = {}
        self.methods: dict[tuple[str, str], tuple[str, str, Method]] = {}
        self.denied: set[str] = set()  # members that polkit does not allow
        self.calls: list[str] = []  # members, in their order
        self.settable: dict[tuple[str, str], Callable[[str, Any], None]] = {}
        self.heard = asyncio.Event()  # set by every call
        self._bus: MessageBus | None = None

    async def start(self, address: str) -> None:
        """Connect, and take the name."""
        self._bus = await MessageBus(address).connect()
        self._bus.add_message_handler(self._handle)
        await self._bus.request_name(self.name)

    async def stop(self) -> None:
        """Leave the bus, as a daemon that is stopped does."""
        if self._bus is not None:
            bus, self._bus = self._bus, None
            bus.disconnect()
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    def method(self, interface: str, member: str, taken: str, given: str, call: Method) -> None:
        """Serve a method; ``call`` gets the path and the arguments without variants."""
        self.methods[interface, member] = (taken, given, call)

    def add(self, path: str, interface: str, **properties: Variant) -> None:
        """An object, or one more interface of it."""
        self.objects.setdefault(path, {})[interface] = properties

    def remove(self, path: str) -> None:
        """Calls to it fail from now on."""
        self.objects.pop(path, None)

    def value(self, path: str, interface: str, name: str) -> Any:
        """A property's value."""
        return unpack_variants(self.objects[path][interface][name])

    def change(self, path: str, interface: str, **properties: Variant) -> None:
        """Change properties, and tell those that became different."""
        held = self.objects[path][interface]
        news = {n: v for n, v in properties.items() if n not in held or held[n] != v}
        held.update(news)
        if news:
            self.emit(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", interface, news, [])

    def emit(self, path: str, interface: str, member: str, signature: str, *body: Any) -> None:
        """A signal to everybody."""
        if self._bus is not None:
            self._bus.send(Message.new_signal(path, interface, member, signature, list(body)))

    def _handle(self, message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL or self._bus is None:
            return None
        member = message.member or ""
        if member in self.denied:
            raise DBusError(f"{ERROR}.AccessDenied", "Not authorized")
        if message.interface == PROPERTIES:
            return self._properties(message)
        known = self.methods.get((message.interface or "", member))
        self.calls.append(member)
        self.heard.set()
        if message.path not in self.objects or known is None:
            raise DBusError(f"{ERROR}.UnknownObject", f"No {member} at {message.path}")
        taken, given, call = known
        if message.signature != taken:
            raise DBusError(f"{ERROR}.InvalidArgs", f"{member} takes {taken}")
        answer = call(message.path, *unpack_variants(message.body))
        return Message.new_method_return(message, given, list(answer))

    def _properties(self, message: Message) -> Message:
        interfaces = self.objects.get(message.path or "", {})
        interface, *rest = message.body
        if interface not in interfaces:
            raise DBusError(f"{ERROR}.UnknownObject", f"No {interface} at {message.path}")
        held = interfaces[interface]
        if message.member == "GetAll":
            return Message.new_method_return(message, "a{sv}", [held])
        if rest[0] not in held:
            raise DBusError(f"{ERROR}.UnknownProperty", f"No {rest[0]}")
        if message.member == "Get":
            return Message.new_method_return(message, "v", [held[rest[0]]])
        return self._set(message, interface, rest[0], rest[1])

    def _set(self, message: Message, interface: str, name: str, value: Variant) -> Message:
        changed = self.settable.get((interface, name))
        self.calls.append(name)
        if changed is None or name in self.denied:
            raise DBusError(f"{ERROR}.AccessDenied", f"{name} may not be set")
        if value.signature != self.objects[message.path or ""][interface][name].signature:
            raise DBusError(f"{ERROR}.InvalidArgs", f"{name} is of another type")
        changed(message.path or "", value.value)
        return Message.new_method_return(message)


class Steps:
    """The tasks of a stand-in: one after the other, cancelled at its end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Any) -> asyncio.Task[None]:
        """Begin a coroutine."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """End all of them."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
