"""Every command of the protocol as a typed message: parse what arrives, encode what goes out.

The classes stand in :mod:`from_cloud` (section 2) and :mod:`to_cloud` (section 3) and are
all to be had from here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar, get_args

import msgspec

from appliance.errors import MessageError
from appliance.polar.from_cloud import (
    Cancel,
    CapabilitiesResponse,
    CloudMessage,
    Command,
    ConnectPrinter,
    CustomCommand,
    Delete,
    GetQueueResponse,
    GetUrlResponse,
    HelloResponse,
    Jog,
    JogPrinter,
    KeyPair,
    Pause,
    Print,
    QueuedJob,
    RegisterResponse,
    Resume,
    SendNextPrintResponse,
    Temperature,
    UnregisterResponse,
    Update,
    Welcome,
)
from appliance.polar.to_cloud import (
    PROTOCOL,
    Capabilities,
    CommandResponse,
    CustomCommandEntry,
    CustomCommandList,
    GetQueue,
    GetUrl,
    Hello,
    Job,
    MakeKeyPair,
    MyInfo,
    PrinterMessage,
    Register,
    SendNextPrint,
    SetVersion,
    Status,
    Unregister,
)
from appliance.polar.values import FinalState, JogKind, Result, UploadType
from appliance.polar.wire import Message, checked_object, convert, convert_number, without_nulls
from appliance.printer.api import PauseKind

__all__ = [
    "FROM_CLOUD",
    "PROTOCOL",
    "TO_CLOUD",
    "Cancel",
    "Capabilities",
    "CapabilitiesResponse",
    "CloudMessage",
    "Command",
    "CommandResponse",
    "ConnectPrinter",
    "CustomCommand",
    "CustomCommandEntry",
    "CustomCommandList",
    "Delete",
    "FinalState",
    "GetQueue",
    "GetQueueResponse",
    "GetUrl",
    "GetUrlResponse",
    "Hello",
    "HelloResponse",
    "Job",
    "Jog",
    "JogKind",
    "JogPrinter",
    "KeyPair",
    "MakeKeyPair",
    "MessageError",
    "MyInfo",
    "Pause",
    "PauseKind",
    "Print",
    "PrinterMessage",
    "QueuedJob",
    "Register",
    "RegisterResponse",
    "Result",
    "Resume",
    "SendNextPrint",
    "SendNextPrintResponse",
    "SetVersion",
    "Status",
    "Temperature",
    "UnknownEvent",
    "Unregister",
    "UnregisterResponse",
    "Update",
    "UploadType",
    "Welcome",
    "encode",
    "event_name",
    "parse",
    "parse_from_printer",
    "unknown_fields",
]

# The second spelling of a field, from what the reference client and the examples use.
_OTHER_SPELLING: Final[Mapping[type, Mapping[str, str]]] = {
    CustomCommand: {"customCommand": "command"},
    CustomCommandList: {"customCommandList": "commandList"},
    Status: {"file": "stlFile", "config": "configFile"},
}
# Of these, both spellings are sent.
_SENT_TWICE: Final = (CustomCommandList, Status)
_HEATER: Final = re.compile(r"tool[0-9]{1,2}|bed|chamber", re.ASCII)


class UnknownEvent(MessageError):
    """An event that the protocol does not have; ``event`` is its name, cut to 40 characters."""

    def __init__(self, event: str) -> None:
        self.event = event[:40]
        super().__init__(f"The event {self.event!a} is not part of the protocol; it was ignored.")


def event_name(kind: type[Message]) -> str:
    """The event's name on the wire: the class's name with a small first letter."""
    return kind.__name__[0].lower() + kind.__name__[1:]


FROM_CLOUD: Final[Mapping[str, type[CloudMessage]]] = {
    event_name(kind): kind for kind in get_args(CloudMessage)
}
"""The messages from the cloud by event."""
TO_CLOUD: Final[Mapping[str, type[PrinterMessage]]] = {
    event_name(kind): kind for kind in get_args(PrinterMessage)
}
"""The messages to the cloud by event."""

M = TypeVar("M", bound=Message)


def parse(event: str, payload: object) -> CloudMessage:
    """A message from the cloud. Raises MessageError, and UnknownEvent for an unknown event."""
    kind = FROM_CLOUD.get(event)
    if kind is None:
        raise UnknownEvent(event)
    return _decode(event, payload, kind)


def parse_from_printer(event: str, payload: object) -> PrinterMessage:
    """A message to the cloud, for the local cloud. Raises as :func:`parse` does."""
    kind = TO_CLOUD.get(event)
    if kind is None:
        raise UnknownEvent(event)
    return _decode(event, payload, kind)


def encode(message: CloudMessage | PrinterMessage) -> tuple[str, dict[str, object]]:
    """Event and JSON payload of a message; absent optionals are left out."""
    kind = type(message)
    payload: dict[str, object] = without_nulls(msgspec.to_builtins(message))
    if isinstance(message, Temperature):
        del payload["targets"]
        payload.update(message.targets)
    if kind in _SENT_TWICE:
        for name, other in _OTHER_SPELLING[kind].items():
            if name in payload:
                payload[other] = payload[name]
    return event_name(kind), payload


def unknown_fields(event: str, payload: object) -> list[str]:
    """Fields of a message from the cloud that the protocol does not have, in their order."""
    kind = FROM_CLOUD.get(event)
    if kind is None or not isinstance(payload, dict):
        return []
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    known.update(_OTHER_SPELLING.get(kind, {}).values())
    heaters = kind is Temperature
    return [name for name in payload if name not in known and not (heaters and _is_heater(name))]


def _decode(event: str, payload: object, kind: type[M]) -> M:
    fields = checked_object(event, payload)
    for name, other in _OTHER_SPELLING.get(kind, {}).items():
        if fields.get(name) is None and other in fields:
            fields = {**fields, name: fields[other]}
    if kind is Temperature:
        fields = {"serialNumber": fields.get("serialNumber"), "targets": _targets(event, fields)}
    return convert(event, fields, kind)


def _targets(event: str, fields: Mapping[str, Any]) -> dict[str, float]:
    """The heaters of ``temperature``, each checked by itself so that an error can name it."""
    return {
        name: convert_number(event, name, value)
        for name, value in fields.items()
        if _is_heater(name) and value is not None
    }


def _is_heater(name: str) -> bool:
    return _HEATER.fullmatch(name) is not None
