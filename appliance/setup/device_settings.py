"""The device's own settings: what the wizard and the local page change."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance import config
from appliance.config import Settings
from appliance.errors import ConfigError, StorageError
from appliance.setup.toml_text import toml_text
from appliance.store import sync_folder, write_atomic

log = logging.getLogger(__name__)

Value = str | int | float | bool

HEAD = "# Written by the set-up. It stands above the files in /etc and on the boot partition.\n\n"
ELSEWHERE = frozenset(
    {"cloud.pin", "wifi.ssid", "wifi.password", "web.password", "paths.state", "paths.run"}
)
"""Never kept here: the PIN is used once, NetworkManager keeps the Wi-Fi, a hash the password."""


class DeviceSettings:
    """Changes the file that is the uppermost layer of the settings.

    ``lower`` are the settings in force when the process began: with them a change is checked
    as a whole. Every method blocks for some milliseconds; call it from one thread at a time.
    """

    def __init__(self, path: Path, lower: Settings | None = None) -> None:
        self._path = path
        self._lower = lower

    def change(self, values: Mapping[str, Value | None]) -> None:
        """Set each dotted key, such as ``camera.transform``; None takes it out of the file.

        They are in force after the next start. Raises ConfigError in words when one of them
        cannot be, and StorageError when the disk cannot take them; nothing is changed then.
        """
        tree = self._present()
        for key, value in values.items():
            if key in ELSEWHERE:
                raise ConfigError(f"{key}: This setting is not kept on the device.")
            _set(tree, key, value)
        origin = "The new settings"
        config.check(tree, origin, self._lower)
        try:
            text = toml_text(tree)
        except ValueError as error:
            raise ConfigError(f"{origin}: {error}") from None
        # The printer daemon, another user of the group, reads it too; nobody else may: it holds
        # the key of the page.
        write_atomic(self._path, (HEAD + text).encode(), 0o640)

    def _present(self) -> dict[str, Any]:
        """What the file holds; a file that cannot be used is set aside, not built upon."""
        if not self._path.exists():
            return {}
        try:
            return config.read_file(self._path, device=True)
        except ConfigError as error:
            log.error("%s It is kept as %s.bad.", error.long, self._path.name)
            self._set_aside()
            return {}

    def _set_aside(self) -> None:
        try:
            self._path.replace(self._path.with_name(f"{self._path.name}.bad"))
            sync_folder(self._path.parent)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror}.") from error


def _set(tree: dict[str, Any], key: str, value: Value | None) -> None:
    *sections, name = key.split(".")
    for section in sections:
        inner = tree.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{key}: There is no setting of this name.")
        tree = inner
    if value is None:
        tree.pop(name, None)
    elif isinstance(value, str):
        tree[name] = str(value)  # a StrEnum, too
    else:
        tree[name] = value
