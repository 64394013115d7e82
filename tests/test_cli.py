"""The command line: every command, alone and with both daemons running."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance import __version__
from appliance.cli import cli, main
from appliance.printer.client import PrinterClient
from appliance.sim.cloud import DEFAULT_EMAIL, DEFAULT_PIN, LocalCloud
from appliance.sim.marlin import MarlinOptions, VirtualMarlin
from appliance.sim.printer import PtyPrinter

PATIENCE = 40.0  # seconds; processes start slowly on a loaded machine
PROMISE = 5.0  # seconds until `up` has ended

CONFIG = """\
[cloud]
url = "{url}"
mfg = "test"
{account}
status_interval = 0.2
[printer]
port = "{port}"
baud = 250000
[camera]
source = "none"
[paths]
state = "{folder}/state"
run = "{folder}/run"
"""
ACCOUNT = f'email = "{DEFAULT_EMAIL}"\npin = "{DEFAULT_PIN}"'


@dataclass(frozen=True)
class Said:
    """How a command ended, and all that it printed."""

    code: object
    text: str


def call(*arguments: str | Path) -> Said:
    """Run the command line as the installed program does."""
    output = io.StringIO()
    code: object = 0
    before = sys.argv
    sys.argv = ["polar-appliance", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = before
    return Said(code, output.getvalue())


@pytest.fixture(autouse=True)
def whole_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the printer daemon keeps out of its process, the tests in this one need."""
    monkeypatch.setattr("appliance.daemon._leave_out_openssl", lambda: None)


@pytest.fixture
def off(tmp_path: Path) -> Path:
    """Settings of an appliance of which nothing runs."""
    path = tmp_path / "config.toml"
    path.write_text(
        CONFIG.format(url="http://127.0.0.1:9", account=ACCOUNT, port="auto", folder=tmp_path)
    )
    return path


# --- alone -----------------------------------------------------------------------------------


def test_version_and_help() -> None:
    assert __version__ in call("--version").text
    commands = [[], ["config"], ["sim"]]
    commands += [[name] for name in cli.commands]
    for command in commands:
        said = call(*command, "--help")
        assert (said.code, "Usage:" in said.text) == (0, True), command


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("[printer]\nbuad = 9600", "buad", "baud"),
        ('[printer]\nbaud = "fast"', "printer.baud", "auto"),
        ("[cloud]\nstatus_interval = 0", "cloud.status_interval", ""),
        ('[cloud]\npin = "12"', "cloud.pin", "4 to 16"),
        ('[camera]\nsource = "film"', "camera.source", "synthetic"),
        ("[camera", "", "TOML"),
    ],
)
@pytest.mark.parametrize("command", ["printer", "agent", "up", "status", "config show"])
def test_wrong_settings_name_file_key_and_what_was_expected(
    tmp_path: Path, text: str, key: str, expected: str, command: str
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    said = call("--config", path, *command.split())
    assert said.code == 1
    assert said.text.startswith("Error: ")
    for part in (str(path), key, expected):
        assert part in said.text
    assert "Traceback" not in said.text


def test_a_settings_file_that_is_not_there(tmp_path: Path) -> None:
    said = call("--config", tmp_path / "none.toml", "status")
    assert (said.code, "--config" in said.text) == (1, True)


def test_config_show_tells_origins_and_hides_the_pin(off: Path) -> None:
    said = call("--config", off, "config", "show")
    assert said.code == 0
    assert DEFAULT_PIN not in said.text
    lines = {line.split(" ")[0]: line for line in said.text.splitlines()}
    assert '"(set)"' in lines["cloud.pin"]
    assert str(off) in lines["cloud.email"]
    assert "# default" in lines["printer.park_x"]


@pytest.mark.parametrize("command", [["resume"], ["print", "{file}"]])
def test_a_door_that_nobody_reads_is_said(off: Path, tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "a.gcode"
    file.write_text("G28\n")
    off.write_text(f"{off.read_text()}[door]\npin = 17\n")
    said = call("--config", off, *(part.format(file=file) for part in command))
    assert (said.code, "--without-agent" in said.text) == (1, True)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["pause"], "polar-printer"),
        (["pause", "--kind", "cold"], "polar-printer"),
        (["resume"], "polar-printer"),
        (["resume", "--without-agent"], "polar-printer"),
        (["plate-clear"], "polar-agent"),
        (["cancel"], "polar-printer"),
        (["print", "{file}"], "polar-printer"),
        (["print", "--without-agent", "{file}"], "polar-printer"),
        (["unregister", "--yes"], "polar-agent"),
    ],
)
def test_while_the_daemons_are_off(off: Path, command: list[str], words: str) -> None:
    said = call("--config", off, *(part.format(file=off) for part in command))
    assert said.code == 1
    assert said.text.startswith("Error: ")
    assert words in said.text


def test_status_while_the_daemons_are_off(off: Path) -> None:
    said = call("--config", off, "status")
    assert said.code == 1
    assert "polar-agent" in said.text
    assert "polar-printer" in said.text
    said = call("--config", off, "status", "--json")
    assert (said.code, json.loads(said.text)) == (1, {"agent": None, "printer": None})


@pytest.mark.parametrize(
    "command",
    [["print"], ["print", "/no/such/file"], ["pause", "--kind", "long"], ["lamp"], ["--lamp"]],
)
def test_what_is_no_command_is_said_so(off: Path, command: list[str]) -> None:
    said = call("--config", off, *command)
    assert said.code == 2
    assert "Error" in said.text


def test_the_doctor_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        CONFIG.format(url="http://127.0.0.1:9", account="", port="/dev/ttyMissing", folder=tmp_path)
    )
    said = call("--config", path, "doctor")
    assert said.code == 1
    assert "BAD  printer port   /dev/ttyMissing is not there" in said.text
    assert "→ Plug the printer in" in said.text
    path.write_text("[printer]\nlamp = 1")
    said = call("--config", path, "doctor")
    assert (said.code, "lamp" in said.text) == (1, True)


def test_the_doctor_listens_to_pins(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    said = call("--config", path, "doctor", "--gpio", "--seconds", "0.1")
    assert said.code == 1
    assert "No button and no door switch" in said.text
    if any(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine has GPIO chips")
    path.write_text("[buttons]\nok = 26\n")
    said = call("--config", path, "doctor", "--gpio", "--seconds", "0.1")
    assert said.code == 1
    assert "pins buttons.ok=26" in said.text
    assert "no GPIO chip" in said.text


def test_registering_asks_and_shows_no_pin(off: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.agent.membership.PATIENCE", 0.1)
    answers = f"{DEFAULT_EMAIL}\n90817263\n"
    result = CliRunner().invoke(cli, ["--config", str(off), "register"], input=answers)
    assert "PIN" in result.output
    assert "90817263" not in result.output
    assert result.exit_code == 1
    assert "90817263" not in str(result.exception)


def test_unregistering_asks_first(off: Path) -> None:
    result = CliRunner().invoke(cli, ["--config", str(off), "unregister"], input="n\n")
    assert (result.exit_code, "Aborted" in result.output) == (1, True)


# --- with both daemons -------------------------------------------------------------------------


class Home:
    """An appliance with `up` in a process of its own."""

    def __init__(self, folder: Path, cloud: LocalCloud, board: PtyPrinter) -> None:
        self.folder, self.cloud, self.board = folder, cloud, board
        self.config = folder / "config.toml"
        self._log = folder / "up.log"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, account: str = ACCOUNT) -> None:
        self.config.write_text(
            CONFIG.format(
                url=self.cloud.url, account=account, port=self.board.path, folder=self.folder
            )
        )
        with self._log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "appliance", "--config", str(self.config), "up",
                stdout=log, stderr=log,
            )  # fmt: skip

    async def call(self, *arguments: str | Path) -> Said:
        return await asyncio.to_thread(call, "--config", self.config, *arguments)

    async def ready(self) -> None:
        """The printer daemon has found its printer, and the cloud knows."""
        await self.cloud.wait_for(lambda state: self._code() == 0, PATIENCE)

    async def in_state(self, name: str) -> None:
        client = PrinterClient(self.folder / "run" / "printer.sock")
        async with client, asyncio.timeout(PATIENCE):
            async for snapshot in client.snapshots():
                if snapshot and snapshot.job and snapshot.job.state.value == name:
                    return

    def _code(self) -> int | None:
        if not self.cloud.state.printers:
            return None
        reading = self.cloud.state.lives[self.cloud.printer.serial_number].status
        return reading.code if reading else None

    async def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        assert self.process is not None
        began = time.monotonic()
        if self.process.returncode is None:
            self.process.send_signal(number)
        await asyncio.wait_for(self.process.wait(), PATIENCE)
        return time.monotonic() - began

    def children(self) -> dict[str, int]:
        """The daemons' process ids by name."""
        assert self.process is not None
        listing = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = {}
        for pid in map(int, listing.read_text().split()):
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            found[words[-2]] = pid
        return found

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def file(self, moves: int) -> Path:
        path = self.folder / "vase.gcode"
        lines = ["M104 S200", "G28", *(f"G1 X{n % 90} F6000" for n in range(moves)), "M104 S0"]
        path.write_text("\n".join(lines) + "\n")
        return path


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    board = PtyPrinter(MarlinOptions(speed=300.0, boot_time=0.1), link=tmp_path / "ttyPrinter")
    async with LocalCloud() as cloud, board:
        one = Home(tmp_path, cloud, board)
        try:
            yield one
        finally:
            await one.stop(signal.SIGTERM)


def far(lines: int) -> Callable[[VirtualMarlin], bool]:
    return lambda marlin: marlin.executed_count > lines


async def clear_plate(home: Home) -> None:
    """A print has ended: nothing begins until the plate is said to be clear."""
    assert "plate-clear" in (await home.call("status")).text
    full = await home.call("print", home.file(200))
    assert (full.code, "build plate is not clear" in full.text) == (1, True)
    clear = await home.call("plate-clear")
    assert (clear.code, clear.text) == (0, "The build plate is clear.\n")
    assert "plate-clear" not in (await home.call("status")).text


async def test_prints_from_the_command_line(home: Home, tmp_path: Path) -> None:
    await home.start()
    await home.ready()
    table = await home.call("status")
    assert table.code == 0
    for words in ("ready on", "Connected to the Polar Cloud", "Serial number"):
        assert words in table.text

    done = await home.call("print", home.file(200))
    assert done.code == 0, done.text
    assert "100.0 %" in done.text
    assert done.text.rstrip().endswith("vase.gcode: completed.")
    await home.cloud.wait_for(lambda state: state.printer().past, PATIENCE)
    assert home.cloud.printer.past[0].job_id == "123"

    await clear_plate(home)

    wrong = tmp_path / "model.stl"
    wrong.write_text("solid x\nfacet normal 0 0 1\nendsolid\n")
    refused = await home.call("print", wrong)
    assert (refused.code, "STL" in refused.text) == (1, True)

    began = await home.call("print", "--no-wait", home.file(60_000))
    assert (began.code, began.text) == (0, "Printing vase.gcode.\n")
    second = await home.call("print", home.file(60_000))
    assert (second.code, "is printing" in second.text) == (1, True)
    assert (await home.call("pause", "--kind", "cold")).text == "Pausing.\n"
    await home.in_state("paused")
    assert "paused (cold)" in (await home.call("status")).text
    both = json.loads((await home.call("status", "--json")).text)
    assert both["printer"]["job"]["pause"] == "cold"
    assert both["agent"]["status"] == 9
    assert (await home.call("resume")).text == "Resuming.\n"
    await home.in_state("printing")
    again = await home.call("resume")
    assert (again.code, "not paused" in again.text) == (1, True)
    assert (await home.call("cancel")).text == "Canceling.\n"
    await home.in_state("canceled")
    nothing = await home.call("cancel")
    assert (nothing.code, "Nothing is being printed" in nothing.text) == (1, True)
    assert await home.stop() < PROMISE
    assert home.process is not None
    assert home.process.returncode == 0
    assert "Traceback" not in home.log()


async def test_a_killed_agent_is_started_again_and_the_print_goes_on(home: Home) -> None:
    await home.start()
    await home.ready()
    await home.call("print", "--no-wait", home.file(60_000))
    await home.board.wait_for(far(100))
    before = home.children()
    serial = home.cloud.printer.serial_number
    hellos = home.cloud.state.lives[serial].hellos
    os.kill(before["agent"], signal.SIGKILL)
    await home.cloud.wait_for(lambda state: state.lives[serial].hellos > hellos, PATIENCE)
    after = home.children()
    assert after["agent"] != before["agent"]
    assert after["printer"] == before["printer"]
    executed = home.board.marlin.executed_count
    await home.board.wait_for(far(executed + 50))
    assert home.board.marlin.resets == 0
    assert await home.stop() < PROMISE
    assert await home.board.ask(
        lambda marlin, now: all(heater.target == 0 for _, heater in marlin.machine.heaters())
    )
    assert "agent ended with code -9" in home.log()
    assert "Traceback" not in home.log()
    assert DEFAULT_PIN not in home.log()


async def test_register_and_unregister(home: Home) -> None:
    await home.start(account="")
    account = ("--email", DEFAULT_EMAIL, "--pin")
    async with asyncio.timeout(PATIENCE):
        while "Cloud " not in (await home.call("status")).text:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    wrong = await home.call("register", *account, "90817263")
    assert (wrong.code, "PIN" in wrong.text) == (1, True)
    assert "90817263" not in wrong.text
    right = await home.call("register", *account, DEFAULT_PIN)
    assert right.code == 0
    assert home.cloud.printer.serial_number in right.text
    await home.ready()
    gone = await home.call("unregister", "--yes")
    assert (gone.code, "no longer registered" in gone.text) == (0, True)
    assert "not registered" in (await home.call("status")).text
    assert await home.stop(signal.SIGTERM) < PROMISE


# --- with no hardware --------------------------------------------------------------------------


async def started(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """A command that runs until it is stopped, and the first line that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-m", "appliance", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    return process, line.decode()


async def test_the_virtual_printer_and_the_local_cloud(tmp_path: Path) -> None:
    link, status, executed = (tmp_path / name for name in ("tty", "status.json", "executed"))
    printer, first = await started(
        "sim", "printer", "--link", str(link), "--status-file", str(status),
        "--executed-file", str(executed), "--speed", "100", "--fault-every", "50",
    )  # fmt: skip
    assert first == f"The virtual printer is at {link}\n"
    assert link.is_symlink()
    cloud, first = await started("sim", "cloud", "--port", "0")
    assert first.startswith("Open http://127.0.0.1:")
    taken = first.strip().rpartition(":")[2]
    second, complaint = await started("sim", "cloud", "--port", taken)
    assert await asyncio.wait_for(second.wait(), PATIENCE) == 1
    assert "--port" in complaint
    for process in (printer, cloud):
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    assert json.loads(status.read_text())["executed"] == 0
    assert executed.read_text() == ""
