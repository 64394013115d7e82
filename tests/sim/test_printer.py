"""The virtual Marlin in real time: what a host sees on a pseudo-terminal and on TCP."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import termios
import time
from functools import partial
from pathlib import Path

import msgspec
import pytest
import serial

from appliance.sim.faults import FaultKind
from appliance.sim.marlin import MarlinOptions, Mode, VirtualMarlin
from appliance.sim.printer import PrinterStatus, PtyPrinter, TcpPrinter
from appliance.sim.receiver import numbered


def talk(path: str, *lines: bytes, answers: int) -> list[bytes]:
    """Open the port as any program would, send ``lines`` at once, read ``answers`` lines."""
    with serial.serial_for_url(path, 250_000, timeout=20) as port:
        port.write(b"".join(lines))
        return [port.readline() for _ in range(answers)]


async def test_a_host_is_answered_over_a_pseudo_terminal() -> None:
    async with PtyPrinter() as printer:
        heard = await asyncio.to_thread(talk, printer.path, b"M105\n", b"M27\n", answers=3)
        assert heard == [
            b"ok T:22.00 /0.00 B:22.00 /0.00 @:0 B@:0\n",
            b'echo:Unknown command: "M27"\n',
            b"ok\n",
        ]


async def test_a_host_is_answered_over_tcp() -> None:
    async with TcpPrinter() as printer:
        assert printer.path.startswith("socket://127.0.0.1:")
        for _ in range(2):
            heard = await asyncio.to_thread(talk, printer.path, b"M105\n", answers=1)
            assert heard[0].startswith(b"ok T:")


def has_booted(marlin: VirtualMarlin, resets: int) -> bool:
    return marlin.resets == resets and marlin.mode is Mode.RUNNING


async def test_opening_the_port_resets_the_board_where_that_is_asked() -> None:
    async with PtyPrinter(MarlinOptions(boot_time=0.05), reset_on_open=True) as printer:
        for resets in (1, 2):
            # What the board says first may be lost: opening a port empties its buffer.
            with await asyncio.to_thread(serial.Serial, printer.path, 250_000, timeout=20) as port:
                await printer.wait_for(partial(has_booted, resets=resets))
                port.write(b"M105\n")
                heard = await asyncio.to_thread(port.read_until, b"ok T:")
                assert heard.endswith(b"ok T:")
            for _ in range(2):  # the second answer is of a turn that saw the port closed
                await printer.status()


async def test_nothing_arrives_sooner_than_the_wire_allows() -> None:
    lines = [numbered(n, f"G92 X{n:06d} Y{n:06d}") for n in range(1, 201)]
    options = MarlinOptions(baud=115_200, queue=400)  # takes all that comes
    wire = (sum(map(len, lines)) + 3) * 10 / 115_200
    async with PtyPrinter(options) as printer:
        started = time.monotonic()
        heard = await asyncio.to_thread(talk, printer.path, *lines, answers=200)
        seconds = time.monotonic() - started
        assert heard == [b"ok\n"] * 200
        assert seconds >= wire
        assert printer.marlin.dropped_bytes == 0
        # On the board's own clock no late wake-up slows the wire: all came in one go.
        assert await printer.ask(lambda marlin, now: marlin.rx.free_at <= now)


async def test_what_a_host_wrote_while_the_board_was_busy_counts_from_then() -> None:
    async with PtyPrinter(MarlinOptions(turnaround=0.0)) as printer:
        port = os.open(printer.path, os.O_RDWR | os.O_NOCTTY)

        def hold_up(_marlin: object, now: float) -> float:
            os.write(port, b"G92 X1\n")  # while the loop is busy elsewhere
            time.sleep(0.2)
            return now

        try:
            os.write(port, b"G92 X0\n")
            await printer.wait_for(lambda marlin: marlin.executed_count == 1)
            asked = await printer.ask(hold_up)
            await printer.wait_for(lambda marlin: marlin.executed_count == 2)
            arrived = await printer.ask(lambda marlin, now: marlin.rx.free_at)
        finally:
            os.close(port)
        assert arrived - asked == pytest.approx(7 * 10 / 250_000, abs=0.02)


async def test_the_link_survives_a_replug(tmp_path: Path) -> None:
    link = tmp_path / "printer"
    async with PtyPrinter(link=link) as printer:
        assert printer.path == str(link)
        held = os.open(link, os.O_RDWR | os.O_NOCTTY)
        await printer.unplug()
        assert not link.is_symlink()
        assert os.read(held, 1) == b""  # the end: the device is gone
        with pytest.raises(termios.error):
            termios.tcgetattr(held)
        await printer.plug()
        os.close(held)
        heard = await asyncio.to_thread(talk, printer.path, b"M105\n", answers=1)
        assert heard[0].startswith(b"ok T:")
    assert not link.is_symlink()


async def test_a_host_that_leaves_does_not_stop_the_board() -> None:
    async with PtyPrinter() as printer:
        await asyncio.to_thread(talk, printer.path, b"G4 P50\nG92 X1\n", answers=0)
        await printer.wait_for(lambda marlin: marlin.executed_count == 2)
        heard = await asyncio.to_thread(talk, printer.path, b"M114\n", answers=1)
        assert heard[0].startswith(b"X:1.00")  # and nothing that was said to nobody


async def test_faults_and_resets_on_demand() -> None:
    async with PtyPrinter(MarlinOptions(boot_time=0.01)) as printer:
        await printer.fault(FaultKind.HALT)
        heard = await asyncio.to_thread(talk, printer.path, b"M105\n", answers=1)
        assert heard == [b"Error:Printer halted. kill() called!\n"]
        assert (await printer.status()).mode == Mode.HALTED
        await printer.reset()
        await printer.wait_for(lambda marlin: marlin.mode is Mode.RUNNING)


async def test_an_order_that_fails_tells_who_gave_it() -> None:
    async with PtyPrinter() as printer:
        with pytest.raises(ZeroDivisionError):
            await printer.ask(lambda marlin, now: 1 / 0)
        assert not (await printer.status()).connected


SCRIPT = """
import sys
from pathlib import Path
from appliance.sim.marlin import MarlinOptions
from appliance.sim.ports import PtyPort
from appliance.sim.printer import run_printer

folder = Path(sys.argv[1])
run_printer(MarlinOptions(boot_time=0.01), PtyPort(folder / "port"),
            status_file=folder / "status.json", executed_file=folder / "executed",
            on_status=lambda status: print(status.mode, flush=True))
"""


def test_as_a_process_of_its_own(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "running\n"
        heard = talk(str(tmp_path / "port"), answers=3)
        assert heard[0] == b"start\n"
        assert talk(str(tmp_path / "port"), answers=3)[0] == b"start\n"
        with serial.Serial(str(tmp_path / "port"), timeout=20) as port:
            while (
                port.readline()
                != b"echo: Last Updated: 2026-11-15 | Author: (none, default config)\n"
            ):
                pass
            port.write(b"M104 S200\nM106 S99\n")
            assert [port.readline(), port.readline()] == [b"ok\n", b"ok\n"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    status = msgspec.json.decode((tmp_path / "status.json").read_bytes(), type=PrinterStatus)
    assert status.executed == 2
    assert status.fan == 99
    assert status.heaters["T0"][1] == 200.0
    assert (tmp_path / "executed").read_text() == "M104 S200\nM106 S99\n"
    assert not (tmp_path / "port").is_symlink()


async def test_a_condition_that_nobody_waits_for_any_longer_is_forgotten() -> None:
    async with PtyPrinter() as printer:
        with pytest.raises(TimeoutError):
            await printer.wait_for(lambda marlin: marlin.executed_count > 0, timeout=0.01)
        heard = await asyncio.to_thread(talk, printer.path, b"M105\n", answers=1)
        assert heard[0].startswith(b"ok T:")
