"""The printer daemon's composition root."""

from __future__ import annotations

import asyncio
import logging

from appliance import ipc
from appliance.config import Settings
from appliance.host.health import Health
from appliance.host.journal import Fields
from appliance.host.memory import keep_small
from appliance.host.systemd import STOPPING, Notifier, keep_status, notifier
from appliance.printer import api
from appliance.printer.detect import Detector, Remembered
from appliance.printer.engine import Engine
from appliance.printer.hearts import Hearts
from appliance.printer.heat import HeatMemory
from appliance.printer.printing import Printing
from appliance.printer.service import PrinterService
from appliance.printer.summary import summary
from appliance.store import BackgroundRecord, Lock, Record

log = logging.getLogger(__name__)


async def run(
    settings: Settings, fields: Fields | None = None, notify: Notifier | None = None
) -> None:
    """Run the printer daemon until SIGINT or SIGTERM, and leave the printer safe.

    ``fields`` are those of its log, ``notify`` is told how it does; None: as it was started.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stop.set)
    with Lock(settings.run_folder / "printer.lock", "The printer service"):
        await _serve(settings, fields or Fields(), notify or notifier(), stop)


async def _serve(settings: Settings, fields: Fields, notify: Notifier, stop: asyncio.Event) -> None:
    health = Health()
    hearts = Hearts.of(health)
    folder = settings.state_folder
    with (
        BackgroundRecord(folder / "print.json", api.Job) as prints,
        BackgroundRecord(folder / "hot.json", bool) as hot,
    ):
        printing = Printing(settings.printer, prints)
        fields.job = lambda: printing.job_id
        engine = Engine(
            settings.printer,
            Detector(settings.printer, heart=hearts.loop),
            Record(folder / "port.json", Remembered),
            printing,
            HeatMemory(hot),
            hearts,
        )
        await _run_engine(engine, settings, notify, health, stop)


async def _run_engine(
    engine: Engine, settings: Settings, notify: Notifier, health: Health, stop: asyncio.Event
) -> None:
    runner = await ipc.serve(PrinterService(engine).app(), settings.printer_socket)
    try:
        notify.ready("The printer service is running.")
        async with asyncio.TaskGroup() as group:
            parts = (
                engine.run(),
                notify.watchdog(health),
                keep_status(notify, lambda: summary(engine.snapshot())),
                keep_small(),
                _retire(engine, stop),
            )
            tasks = [group.create_task(part) for part in parts]
            await stop.wait()
            notify.stopping()
            await engine.stop()
            for task in tasks:
                task.cancel()
    finally:
        await runner.cleanup()


async def _retire(engine: Engine, stop: asyncio.Event) -> None:
    """End the daemon when it was asked to begin anew; systemd, or ``up``, starts it again."""
    await engine.retired()
    log.info("ending, to read the settings anew")
    stop.set()
