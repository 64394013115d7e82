"""What the answers of each of the wizard's steps do.

Each is checked as a whole before anything is taken. What is done can be done twice: after a
power cut the person is asked the same again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from appliance import config
from appliance.agent.api import RegisterAs
from appliance.agent.errand import FieldError, Work
from appliance.agent.membership import NotRegistered
from appliance.agent.network_watch import NetworkWatch
from appliance.config import CameraSettings, Settings
from appliance.errors import ConfigError, PrinterError
from appliance.host.network_api import Clock, JoinProblem, NetworkError
from appliance.printer.api import Snapshot
from appliance.setup.device_settings import DeviceSettings, Value

log = logging.getLogger(__name__)

Errors = dict[str, str]

ANSWER_TIME = 1.5  # seconds in which a page is answered before its Wi-Fi goes
FIELD_OF_PROBLEM = {JoinProblem.WRONG_PASSWORD: "password"}  # every other: "ssid"
FIELD_OF_REASON = {
    "BAD_EMAIL": "email",
    "FORBIDDEN": "email",
    "BAD_PIN": "pin",
    "EMAIL_PIN_ERROR": "pin",
}


class Account(Protocol):
    """Registering with the Polar Cloud (:class:`Acts`, Membership)."""

    @property
    def serial_number(self) -> str | None:
        """The present one."""

    async def register(self, account: RegisterAs) -> None:
        """Register. Raises CloudError with the reason."""


class Daemon(Protocol):
    """What is asked of the printer daemon (PrinterClient)."""

    async def restart(self) -> Snapshot:
        """Let it read its settings anew, as soon as no print is there."""


class OwnSettings:
    """The settings as they will be after the next start, and what changes them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._file = DeviceSettings(settings.device_file, settings)

    def change(self, values: Mapping[str, Value]) -> None:
        """Keep the values of these dotted keys. Raises ConfigError in words, StorageError."""
        self._file.change(values)
        tree: dict[str, dict[str, Value]] = {}
        for key, value in values.items():
            section, _, name = key.partition(".")
            tree.setdefault(section, {})[name] = value
        self.settings = config.check(tree, "The new settings", self.settings)


@dataclass(frozen=True)
class Devices:
    """What the answers act on."""

    watch: NetworkWatch
    clock: Clock
    account: Account
    own: OwnSettings
    printer: Daemon
    test_printer: Callable[[], Awaitable[str]]
    change_camera: Callable[[CameraSettings], Awaitable[None]]
    restart: Callable[[], None]  # of the agent
    makes: Callable[[], tuple[str, ...]]
    has_camera: Callable[[], bool]
    ports: Callable[[], tuple[str, ...]]
    has_header: bool = False  # pins to which a panel can be connected
    answer_time: float = ANSWER_TIME


def kept(own: OwnSettings, values: Mapping[str, Value], field: str) -> Errors:
    """Keep the settings; what is wrong with them is said at ``field``."""
    try:
        own.change(values)
    except ConfigError as error:
        return {field: error.long}
    return {}


async def set_time_zone(clock: Clock, zone: str) -> Errors:
    """The machine's time zone."""
    try:
        await clock.set_time_zone(zone)
    except NetworkError as error:
        return {"time_zone": error.long}
    return {}


async def renew_printer(printer: Daemon) -> None:
    """The printer daemon reads its settings anew once no print is there."""
    try:
        await printer.restart()
    except PrinterError as error:
        # It does not run: it will read them when it starts.
        log.info("the printer service is not asked to begin anew: %s", error.long)


def registering(account: Account, email: str, pin: str) -> Work:
    """The registration, as an errand."""

    async def work() -> str:
        try:
            await account.register(RegisterAs(email, pin))
        except NotRegistered as error:
            raise FieldError(FIELD_OF_REASON.get(error.reason, ""), error.long) from error
        return f"Registered with the serial number {account.serial_number}."

    return work


async def before_radio_changes(seconds: float) -> None:
    """The phone that asked must have its answer before its Wi-Fi goes."""
    await asyncio.sleep(seconds)


async def keep_password(own: OwnSettings, password: str) -> None:
    """Keep the hash of the page's password. Raises ConfigError and StorageError."""
    own.change({"web.password_hash": await asyncio.to_thread(hashed, password)})


def hashed(password: str) -> str:
    """What is kept of the page's password; takes some 50 ms and 16 MiB for a moment."""
    from appliance.web.passwords import hash_password  # noqa: PLC0415 - for a page alone

    return hash_password(password)
