"""Starts a daemon with nothing beside it in memory: the command line's library stays out.

``python -m appliance [--config FILE] [--verbose] printer|agent`` is how ``up`` and systemd
start the daemons; on a board with 512 MB the difference of some megabytes counts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from appliance import config
from appliance.errors import ApplianceError
from appliance.settings_panel import PanelSettings

DAEMONS = ("printer", "agent")
ERRANDS = ("first-boot", "boot-message")  # of a start of the device, over in a moment


@dataclass(frozen=True)
class Asked:
    """A daemon, or an errand, that was asked for on the command line."""

    name: str
    file: Path | None = None
    verbose: bool = False


def asked(arguments: Sequence[str]) -> Asked | None:
    """The daemon that ``arguments`` ask for; None for everything else."""
    rest, file, verbose = list(arguments), None, False
    while rest and rest[0].startswith("--"):
        option = rest.pop(0)
        if option == "--verbose":
            verbose = True
        elif option == "--config" and rest:
            file = Path(rest.pop(0))
        else:
            return None
    known = len(rest) == 1 and rest[0] in (*DAEMONS, *ERRANDS)
    return Asked(rest[0], file, verbose) if known else None


def start(daemon: Asked) -> None:
    """Run it until it is told to end. Raises ApplianceError before it has begun."""
    if daemon.name in ERRANDS:
        _run_errand(daemon)
        return
    if daemon.name == "printer":
        _leave_out_openssl()  # it speaks to the port and to a Unix socket alone
        from appliance.printer.main import run  # noqa: PLC0415 - one of two
    else:
        from appliance.agent.main import run  # noqa: PLC0415
    # asyncio would load OpenSSL, had it come first.
    import asyncio  # noqa: PLC0415
    import logging  # noqa: PLC0415

    from appliance.host.journal import Fields, log_uncaught  # noqa: PLC0415
    from appliance.host.systemd import set_up_logging  # noqa: PLC0415
    from appliance.web.redact import redact  # noqa: PLC0415

    fields = Fields(unit=f"polar-{daemon.name}.service", clean=redact)
    set_up_logging(logging.DEBUG if daemon.verbose else logging.INFO, fields=fields)
    log_uncaught()
    loaded = config.load(daemon.file, forgiving=True)
    for problem in loaded.problems:
        logging.getLogger(__name__).error("left out: %s", problem)
    asyncio.run(run(loaded.settings, fields=fields))


def _run_errand(errand: Asked) -> None:
    import logging  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    if errand.name == "first-boot":
        from appliance.host.first_boot import run  # noqa: PLC0415

        run()
    else:
        from appliance.panel.boot_message import show  # noqa: PLC0415

        show(_panel(errand))


def _panel(errand: Asked) -> PanelSettings:
    """The display's settings; where the data partition failed, their copy."""
    from appliance.panel.boot_message import PROBLEM_FILE  # noqa: PLC0415

    if PROBLEM_FILE.exists():
        from appliance.setup import display_copy  # noqa: PLC0415

        copy = display_copy.kept(config.BOOT_FILE.with_name(display_copy.NAME))
        if copy is not None:
            return copy
    return config.load(errand.file, forgiving=True).settings.panel


def main(daemon: Asked) -> None:
    """Run it as this process; an error of ours ends it with its long text and code 1."""
    try:
        start(daemon)
    except ApplianceError as error:
        _end_with(error)


def _end_with(error: ApplianceError) -> NoReturn:
    """In the journal like every other line, with its fields and without secrets."""
    import logging  # noqa: PLC0415

    from appliance.host.journal import is_journal  # noqa: PLC0415

    if not is_journal():
        sys.exit(f"Error: {error.long}")
    logging.getLogger(__name__).critical("%s", error.long)
    sys.exit(1)


def _leave_out_openssl() -> None:
    """Keep this process from loading OpenSSL and the list of authorities: some 8 MB.

    The standard library and aiohttp do without; hashes come from Python's own modules.
    """
    for name in ("ssl", "_hashlib"):
        sys.modules[name] = None  # type: ignore[assignment]  # the documented way to block it
