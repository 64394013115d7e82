from __future__ import annotations

import asyncio
import errno
import os
import pty
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from appliance.printer import link as link_module
from appliance.printer.link import FileLink, PortError, open_link
from appliance.sim.marlin import MarlinOptions
from appliance.sim.printer import PtyPrinter, TcpPrinter

PATIENCE = 20.0  # seconds; a loaded machine is slow


class Ear:
    """What a link told."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.lost: list[str] = []
        self._news = asyncio.Event()

    def on_data(self, data: bytes) -> None:
        self.data += data
        self._news.set()

    def on_lost(self, why: str) -> None:
        self.lost.append(why)
        self._news.set()

    async def until(self, marker: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            while marker not in self.data:
                self._news.clear()
                await self._news.wait()

    async def until_lost(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self.lost:
                self._news.clear()
                await self._news.wait()


@pytest.fixture
def bare_pty() -> Iterator[tuple[int, str]]:
    """The master's descriptor, and the path of a port behind which nobody reads."""
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    os.close(slave)
    yield master, path
    os.close(master)


async def test_talks_over_a_terminal() -> None:
    async with PtyPrinter(MarlinOptions()) as printer:
        ear = Ear()
        link = await open_link(printer.path, 250_000, ear.on_data, ear.on_lost)
        link.write(b"M115\n")
        await ear.until(b"ok\n")
        assert b"FIRMWARE_NAME:" in ear.data
        link.close()
        link.close()  # a second time does no harm
        link.write(b"M105\n")
        assert ear.lost == []


async def test_talks_over_the_network() -> None:
    async with TcpPrinter(MarlinOptions()) as printer:
        ear = Ear()
        link = await open_link(printer.path, 250_000, ear.on_data, ear.on_lost)
        link.write(b"M115\n")
        await ear.until(b"ok\n")
        await printer.unplug()
        await ear.until_lost()
        link.close()
        assert len(ear.lost) == 1


async def test_an_unplugged_printer_is_told_once(tmp_path: Path) -> None:
    async with PtyPrinter(MarlinOptions(), link=tmp_path / "ttyPrinter") as printer:
        ear = Ear()
        link = await open_link(printer.path, 115_200, ear.on_data, ear.on_lost)
        await printer.unplug()
        await ear.until_lost()
        link.write(b"M105\n")
        link.close()
        assert len(ear.lost) == 1
        assert "cable" in ear.lost[0]


async def test_the_loop_is_not_held_by_a_kernel_that_takes_nothing(
    bare_pty: tuple[int, str],
) -> None:
    master, path = bare_pty
    ear = Ear()
    link = await open_link(path, 115_200, ear.on_data, ear.on_lost)
    sent = b"N1 M105*38\n" * 2500  # more than a terminal keeps
    link.write(sent)
    received = b""

    def take() -> None:
        nonlocal received
        received += os.read(master, 4096)
        if len(received) >= len(sent):
            done.set_result(None)

    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    loop.add_reader(master, take)
    async with asyncio.timeout(PATIENCE):
        await done
    loop.remove_reader(master)
    assert received == sent  # in order, nothing lost
    link.close()


async def test_two_programs_cannot_have_one_port(bare_pty: tuple[int, str]) -> None:
    _, path = bare_pty
    ear = Ear()
    link = await open_link(path, 115_200, ear.on_data, ear.on_lost)
    with pytest.raises(PortError, match="in use by another program") as caught:
        await open_link(path, 115_200, ear.on_data, ear.on_lost)
    assert caught.value.short == "Port in use"
    link.close()
    (await open_link(path, 115_200, ear.on_data, ear.on_lost)).close()


async def test_a_byte_that_somebody_else_took_is_no_hang_up(bare_pty: tuple[int, str]) -> None:
    master, path = bare_pty
    ear = Ear()
    link = await open_link(path, 115_200, ear.on_data, ear.on_lost)
    assert isinstance(link, FileLink)
    link._readable()  # called for a byte that is gone by now
    assert ear.lost == []
    os.write(master, b"ok\n")
    await ear.until(b"ok\n")
    link.close()


async def test_a_device_that_vanishes_while_it_is_opened(
    bare_pty: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = bare_pty

    def vanish(_: serial.Serial) -> None:
        raise termios.error(errno.EIO, "Input/output error")

    ear = Ear()
    with monkeypatch.context() as moment:
        moment.setattr(serial.Serial, "reset_input_buffer", vanish)
        with pytest.raises(PortError, match="cannot be opened") as caught:
            await open_link(path, 115_200, ear.on_data, ear.on_lost)
    (await open_link(path, 115_200, ear.on_data, ear.on_lost)).close()  # the lock was given back
    assert isinstance(caught.value.__cause__, termios.error)  # and keeps all its frames till here


async def test_a_port_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "candidates", lambda: ["/dev/ttyACM0", "/dev/ttyUSB3"])
    ear = Ear()
    with pytest.raises(PortError, match="is not there") as caught:
        await open_link("/dev/ttyUSB-none", 115_200, ear.on_data, ear.on_lost)
    assert "Plug" in caught.value.long
    assert caught.value.long.endswith("Ports found: /dev/ttyACM0, /dev/ttyUSB3.")
    monkeypatch.setattr(link_module, "candidates", list)
    with pytest.raises(PortError, match="Ports found: none"):
        await open_link("/dev/ttyUSB-none", 115_200, ear.on_data, ear.on_lost)


async def test_a_file_is_no_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    ear = Ear()
    with pytest.raises(PortError, match="cannot be opened"):
        await open_link(str(path), 115_200, ear.on_data, ear.on_lost)


async def test_no_permission_names_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may open anything, so the kernel's refusal is played.
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(errno.EACCES, "could not open port")

    monkeypatch.setattr(serial, "Serial", refuse)
    ear = Ear()
    with pytest.raises(PortError, match="group dialout"):
        await open_link("/dev/null", 115_200, ear.on_data, ear.on_lost)


@pytest.mark.parametrize("address", ["socket://", "socket://host", "socket://host:x"])
async def test_an_address_that_is_none(address: str) -> None:
    ear = Ear()
    with pytest.raises(PortError, match="socket://host:port"):
        await open_link(address, 115_200, ear.on_data, ear.on_lost)


async def test_a_network_port_where_nobody_listens(unused_tcp_port: int) -> None:
    ear = Ear()
    with pytest.raises(PortError, match="cannot be reached"):
        await open_link(f"socket://127.0.0.1:{unused_tcp_port}", 0, ear.on_data, ear.on_lost)
