"""The whole appliance with no hardware (``scripts/demo``).

Runs a local Polar Cloud in this process, a virtual Marlin on a pseudo-terminal and the
product itself (``polar-appliance up``) as child processes, with a simulated front panel. With
``once`` it prints one file without a person, started and ended at the panel by keys alone, and
checks everything about it.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

from appliance.agent.client import look
from appliance.config import Settings, load
from appliance.printer.client import PrinterClient
from appliance.settings_panel import DisplayKind
from appliance.sim import vase
from appliance.sim.cloud import DEFAULT_EMAIL, DEFAULT_PIN, CloudOptions, LocalCloud
from appliance.sim.cloud_records import Account, FileKind
from appliance.sim.cloud_state import CloudState
from appliance.sim.network import PASSWORD as WIFI_PASSWORD
from appliance.sim.network_memory import plug_in
from appliance.sim.panel_client import PanelWatcher
from appliance.sim.panel_walk import PanelWalk, Say
from appliance.sim.verdict import Printed, Verdict, judge

MODEL = "vase.gcode"
JOB = "Vase"
SECOND_JOB = "Vase, once more"
SLICED = (("Vase, sliced here", "printer.ini"), ("Vase, old Cura settings", "legacy.cfg"))
"""STL jobs: their names, and the configurations in the models' folder."""
PANEL_SOCKET = "run/panel.sock"
START_LIMIT = 60.0  # seconds until the printer is registered and idle
PRINT_LIMIT = 300.0  # seconds for one print at demo speed
VIDEO_LIMIT = 120.0  # seconds for the time-lapse to arrive
STOP_LIMIT = 8.0

CONFIG = """\
[cloud]
url = "{url}"
mfg = "test"
{account}printing_image_interval = {image_interval}
idle_image_interval = 10.0
status_interval = 2.0
[printer]
port = "{port}"
baud = "auto"
[camera]
source = "synthetic"
[timelapse]
interval = {frame_interval}
[web]
port = {web_port}
[setup]
simulated_network = true
[paths]
state = "{folder}/state"
run = "{folder}/run"
[panel]
display = "{display}"
simulated = "{folder}/run/panel.sock"
[buttons]
up = 5
down = 6
left = 13
right = 19
ok = 26
[door]
pin = 17
while_printing = "pause"
[plate]
confirm = true
print_next = {print_next}
[[commands]]
label = "Build plate is clear"
action = "plate-clear"
[[commands]]
label = "Preheat for PLA"
gcode = ["M104 S210", "M140 S60"]
help = "Nozzle to 210 °C, bed to 60 °C"
[[commands]]
label = "Cool down"
gcode = ["M104 S0", "M140 S0"]
[[commands]]
label = "Restart the agent"
action = "restart-agent"
confirm = "The print goes on. Restart the agent?"
"""


@dataclass(frozen=True)
class DemoOptions:
    """How the demo runs; ``speed`` is how much faster than real the printer moves and heats."""

    folder: Path
    port: int = 8700
    speed: float = 20.0
    once: bool = False
    say: Callable[[str], None] = print
    display: DisplayKind = DisplayKind.HD44780_20X4
    setup: bool = False  # as from a flashed card: nothing is set up yet


async def run_demo(options: DemoOptions) -> bool:
    """Run until Ctrl-C, or with ``once`` until the print was judged; tells whether all is right."""
    folder = options.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cloud_options = CloudOptions(
        port=options.port,
        folder=folder / "cloud",
        accounts=(Account(DEFAULT_EMAIL, DEFAULT_PIN),),
        panel=folder / PANEL_SOCKET,
    )
    async with LocalCloud(cloud_options) as cloud:
        config = _write_config(folder, cloud.url, options)
        options.say(f"The local Polar Cloud is at {cloud.url}")
        async with (
            _child(_printer_command(folder, options.speed), folder / "printer.log"),
            _child(_up_command(config), folder / "appliance.log"),
        ):
            if options.setup:
                await _invite_to_set_up(config, options.say)
                await _interrupted()
                return True
            await _ready(cloud, options.say)
            if not options.once:
                _invite(cloud, folder, options.say)
                await _interrupted()
                return True
            printed = await _print_once(cloud, options.say, folder)
        # The virtual printer has ended and left its record.
        verdict = await asyncio.to_thread(judge, cloud, printed, folder, _model())
    _show(verdict, options.say)
    return verdict.right


async def _ready(cloud: LocalCloud, say: Say) -> None:
    say("Waiting for the printer to register …")
    await cloud.wait_for(_is_idle, START_LIMIT)
    say(f"Printer {cloud.printer.serial_number} is ready.")


def _invite(cloud: LocalCloud, folder: Path, say: Say) -> None:
    """Each job follows by itself once the plate was cleared; the last two are sliced first."""
    for name in (JOB, SECOND_JOB):
        cloud.queue(name, _model())
    for name, config in SLICED:
        cloud.queue(name, vase.stl(), kind=FileKind.STL, config=_model(config))
    say(f"Open {cloud.url} and press Print there, or walk to Queue at the front panel beside it.")
    say(f"The panel in a terminal: polar-appliance sim panel --socket {folder / PANEL_SOCKET}")
    say(f"Logs: {folder}. Ctrl-C ends it.")


async def _invite_to_set_up(config: Path, say: Say) -> None:
    """The wizard as a phone finds it, and what a person needs for it."""
    settings = load(config).settings
    port = await _page_port(settings)
    say(f"Open http://127.0.0.1:{port}/ : what a phone sees that joined the device's hotspot.")
    say(f'Every Wi-Fi there has the password "{WIFI_PASSWORD}"; "No internet" and others fail.')
    say(f"The Polar Cloud account is {DEFAULT_EMAIL} with the PIN {DEFAULT_PIN}.")
    say("Once a Wi-Fi is joined the page shows a code, and so does the front panel: press OK,")
    say(f"or: polar-appliance --config {config} allow CODE")
    say(f"The panel in a terminal: polar-appliance sim panel --socket {settings.panel.simulated}")
    say("Ctrl-C ends it.")


async def _page_port(settings: Settings) -> int:
    """Where the running agent serves its pages."""
    async with asyncio.timeout(START_LIMIT):
        while True:
            view, _ = await look(settings)
            if view is not None and view.page_port:
                return view.page_port
            await asyncio.sleep(0.2)


async def _print_once(cloud: LocalCloud, say: Say, folder: Path) -> Printed:
    """Print one job to its very end, with the front panel alone."""
    job_id = cloud.queue(JOB, _model())
    say(f"Job {job_id} waits in the queue.")
    async with (
        PanelWatcher(folder / PANEL_SOCKET) as watcher,
        PrinterClient(folder / "run/printer.sock") as client,
    ):
        follower = asyncio.create_task(_follow(cloud, say))
        try:
            walk = PanelWalk(watcher, say)
            await walk.open_menu()
            await walk.print_queued(JOB)
            await cloud.wait_for(_is_printing, START_LIMIT)
            shown = await walk.read(r"\b[1-9]\d?\s?%", PRINT_LIMIT)
            await cloud.wait_for(lambda state: bool(state.printer().past), PRINT_LIMIT)
            await cloud.wait_for(lambda state: job_id in state.printer().videos, VIDEO_LIMIT)
            await cloud.wait_for(_wants_clear_plate, START_LIMIT)
            asked = await walk.clear_plate()
            await cloud.wait_for(_is_idle, START_LIMIT)
            snapshot = await client.snapshot()
        finally:
            follower.cancel()
    statuses = cloud.state.lives[cloud.printer.serial_number].statuses
    return Printed(job_id, snapshot, walk.trail, shown, asked, [one.code for one in statuses])


async def _follow(cloud: LocalCloud, say: Say) -> None:
    """Say each new tenth of the print, and each new state."""
    told = ""
    while True:
        told = await cloud.wait_for(partial(_news, told=told), PRINT_LIMIT)
        say(f"  {told}")


def _news(state: CloudState, told: str) -> str:
    """The last status in words, to the tenth of a print, when it differs from ``told``."""
    status = state.lives[state.printer().serial_number].status
    if status is None:
        return ""
    words = str(status.fields.get("progress"))
    percent = str(status.fields.get("progressDetail", "")).rpartition(" ")[2].partition(".")[0]
    if percent.isdigit():
        words += f", {int(percent) // 10 * 10} %"
    return words if words != told else ""


def _code(state: CloudState) -> int | None:
    if not state.printers:
        return None
    status = state.lives[state.printer().serial_number].status
    return status.code if status else None


def _is_idle(state: CloudState) -> bool:
    return _code(state) == 0


def _is_printing(state: CloudState) -> bool:
    return _code(state) == 3


def _wants_clear_plate(state: CloudState) -> bool:
    return _code(state) == 15


def _show(verdict: Verdict, say: Say) -> None:
    say("")
    for point in verdict.points:
        say(f"{'ok ' if point.right else 'NOT'} {point.label:<16} {point.text}")
    say("")
    say(f"video: {verdict.video}")
    say("All of it is right." if verdict.right else "Something above is not right.")


def _model(name: str = MODEL) -> bytes:
    return files("appliance.sim").joinpath("models", name).read_bytes()


def _write_config(folder: Path, url: str, options: DemoOptions) -> Path:
    path = folder / "config.toml"
    account = f'email = "{DEFAULT_EMAIL}"\npin = "{DEFAULT_PIN}"\n'
    if not options.setup:
        plug_in(folder / "run")
    path.write_text(
        CONFIG.format(
            url=url,
            account="" if options.setup else account,
            web_port=options.port + 1 if options.port else 0,
            port=folder / "ttyPrinter",
            folder=folder,
            image_interval=5.0,
            frame_interval=0.5 if options.once else 1.0,
            display=options.display.value,
            print_next="false" if options.once else "true",
        )
    )
    return path


def _printer_command(folder: Path, speed: float) -> list[str]:
    return [
        *(sys.executable, "-m", "appliance", "sim", "printer"),
        *("--link", str(folder / "ttyPrinter"), "--speed", str(speed)),
        *("--status-file", str(folder / "printer.json")),
        *("--executed-file", str(folder / "executed.gcode")),
    ]


def _up_command(config: Path) -> list[str]:
    return [sys.executable, "-m", "appliance", "--config", str(config), "up"]


@asynccontextmanager
async def _child(command: list[str], log: Path) -> AsyncIterator[None]:
    """A child process that writes to ``log`` and is ended with the block."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL
        )
    watcher = asyncio.create_task(_complain(process, log))
    try:
        yield
    finally:
        watcher.cancel()
        await _end(process)


async def _complain(process: asyncio.subprocess.Process, log: Path) -> None:
    code = await process.wait()
    print(f"A part of the demo ended with code {code}; see {log}", file=sys.stderr)  # noqa: T201


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_LIMIT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
