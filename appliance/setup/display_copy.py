"""Which display is connected, kept once more on the boot partition.

The wizard's choice lies on the data partition, so a device whose data is damaged would not know
on which display to say so. The copy holds the display and its wires: nothing secret.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from appliance import config
from appliance.errors import ConfigError
from appliance.settings_panel import DisplayKind, PanelSettings
from appliance.setup import fat
from appliance.setup.toml_text import toml_text

log = logging.getLogger(__name__)

NAME = "polar-appliance-display.toml"
HEAD = (
    "# Written by the appliance, and read when its data partition is damaged.\n"
    "# Settings belong into polar-appliance.toml.\n\n"
)


def keep(panel: PanelSettings, path: Path) -> None:
    """Let ``path`` say what ``panel`` does; written only when it says anything else.

    Without a display there is no file. A boot partition that takes nothing is logged.
    Blocks for some small files on the card.
    """
    try:
        if panel.display is DisplayKind.NONE:
            path.unlink(missing_ok=True)
        else:
            _write_if_new(path, _text(panel).encode())
    except OSError as error:
        log.warning("%s is not kept: %s", path, error.strerror)


def kept(path: Path) -> PanelSettings | None:
    """What the file says; None when there is none, or none that can be used."""
    if not path.exists():
        return None
    try:
        return config.check(config.read_file(path), str(path)).panel
    except ConfigError as error:
        log.warning("%s", error.long)
        return None


def _text(panel: PanelSettings) -> str:
    usual = msgspec.to_builtins(PanelSettings())
    values = {key: v for key, v in msgspec.to_builtins(panel).items() if v != usual[key]}
    return HEAD + toml_text({"panel": values})


def _write_if_new(path: Path, data: bytes) -> None:
    if path.is_file() and path.read_bytes() == data:
        return
    fat.replace(path, data)
