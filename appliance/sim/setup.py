"""``polar-appliance setup``: the wizard on any machine, with the network's parts simulated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance import config
from appliance.setup.toml_text import toml_text
from appliance.store import write_atomic
from appliance.supervisor import run_both


async def run_setup(
    file: Path | None, folder: Path, port: int, say: Callable[[str], None], *, verbose: bool
) -> None:
    """Run both daemons with the settings of ``file``, all state in ``folder``, until Ctrl-C."""
    settings = folder.resolve() / "config.toml"
    write_atomic(settings, toml_text(_layer(file, settings.parent, port)).encode())
    config.load(settings)  # a wrong setting is said once, here
    say(f"Open http://127.0.0.1:{port}/ : what a phone sees that joined the device's hotspot.")
    say(f"Where a code is shown: polar-appliance --config {settings} allow CODE")
    await run_both(settings, verbose=verbose)


def _layer(file: Path | None, folder: Path, port: int) -> dict[str, Any]:
    layer = config.read_file(file) if file is not None else {}
    changes: dict[str, Any] = {
        "web": {"host": "127.0.0.1", "port": port},
        "setup": {"simulated_network": True},
        "paths": {"state": str(folder / "state"), "run": str(folder / "run")},
    }
    config.merge(layer, changes)
    return layer
