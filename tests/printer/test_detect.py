from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import PrinterSettings
from appliance.printer import detect, events, handshake
from appliance.printer.detect import (
    BAUDS,
    Detector,
    NoPrinter,
    Remembered,
    ends_with_text,
    is_garbage,
    pairs,
)
from appliance.printer.link import Link, OnData, OnLost, PortError, open_link
from appliance.printer.protocol import Marlin
from appliance.sim.marlin import MarlinOptions
from appliance.sim.printer import PtyPrinter

AUTO = PrinterSettings()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "GREETING_WAIT", 0.02)


def _nothing(_: object) -> None:
    pass


# Pure


def test_every_port_at_every_rate() -> None:
    found = list(pairs(AUTO, None, ["/dev/a", "/dev/b"]))
    assert found == [(port, baud) for port in ("/dev/a", "/dev/b") for baud in BAUDS]
    assert BAUDS[:2] == (250_000, 115_200)


def test_what_worked_last_is_first_and_only_once() -> None:
    found = list(pairs(AUTO, Remembered("/dev/b", 57_600), ["/dev/a", "/dev/b"]))
    assert found[0] == ("/dev/b", 57_600)
    assert len(found) == len(set(found)) == 2 * len(BAUDS)


def test_what_the_settings_say_holds() -> None:
    given_port = PrinterSettings(port="/dev/c", baud=38_400)
    assert list(pairs(given_port, Remembered("/dev/b", 250_000), ["/dev/a"])) == [
        ("/dev/c", 38_400)
    ]
    given_baud = PrinterSettings(baud=38_400)
    assert list(pairs(given_baud, None, ["/dev/a"])) == [("/dev/a", 38_400)]


def test_a_network_port_is_tried_once() -> None:
    assert len(list(pairs(PrinterSettings(port="socket://host:23"), None, []))) == 1


def test_names_that_survive_a_replug_are_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class _Port:
        def __init__(self, device: str) -> None:
            self.device = device

    ports = ["/dev/ttyUSB1", "/dev/ttyUSB0", "/dev/ttyACM0", "/dev/ttyS0", "/dev/rfcomm0"]
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [_Port(name) for name in ports])
    (tmp_path / "usb-Printer-if00").symlink_to("/dev/ttyUSB0")
    assert detect.candidates(tmp_path) == [
        str(tmp_path / "usb-Printer-if00"),
        "/dev/ttyACM0",
        "/dev/ttyUSB1",
    ]
    assert detect.candidates(tmp_path / "none")[0] == "/dev/ttyACM0"


def test_tells_a_wrong_rate_from_text() -> None:
    assert not is_garbage(b"")
    assert not is_garbage(b"\x00\xf8start\r\necho:Marlin 2.1.2\n T:20.0 /0.0\n")
    assert is_garbage(bytes(range(128, 200)))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_text_is_never_garbage(text: str) -> None:
    assert not is_garbage(text.encode())


@pytest.mark.parametrize(
    ("heard", "text"),
    [
        (b"", False),
        (b"echo:Marlin", False),
        (b"echo:Marlin 2.1\r\n", True),
        (b"\x80\xfe\necho:Marlin 2.1\nhal", True),
        (b"echo:Marlin 2.1\n\x80\xf0~~ab\n", False),
        (b"echo:Marlin 2.1\nx\n", False),
        (b"echo:Marlin 2.1\nok\r\n", True),
    ],
)
def test_tells_whether_somebody_speaks(heard: bytes, text: bool) -> None:
    assert ends_with_text(heard) is text


# On ports


async def test_finds_a_printer_on_the_second_port(tmp_path: Path) -> None:
    async with PtyPrinter(MarlinOptions(), link=tmp_path / "ttyPrinter") as printer:
        ports = [str(tmp_path / "gone"), printer.path]
        heard = bytearray()
        answered = asyncio.Event()

        def listen(data: bytes) -> None:
            heard.extend(data)
            if b"ok" in heard:
                answered.set()

        found = await Detector(AUTO, ports=lambda: ports).find(None, listen, _nothing)
        assert (found.port, found.baud) == (printer.path, BAUDS[0])
        found.link.write(b"M114\n")  # the link goes on, with the owner's own ears
        async with asyncio.timeout(20):
            await answered.wait()
        assert b"Count" in heard
        found.link.close()


async def test_a_board_that_boots_on_opening_is_found() -> None:
    async with PtyPrinter(MarlinOptions(boot_time=0.4), reset_on_open=True) as printer:
        settings = PrinterSettings(port=printer.path, baud=115_200)
        found = await Detector(settings).find(None, _nothing, _nothing)
        assert found.baud == 115_200
        found.link.close()


class _Board:
    """A port on which text is heard at one rate only."""

    def __init__(self, path: str, baud: int) -> None:
        self.path = path
        self.baud = baud
        self.tried: list[int] = []

    async def open(self, port: str, baud: int, on_data: OnData, on_lost: OnLost) -> Link:
        self.tried.append(baud)
        if baud == self.baud:
            return await open_link(port, baud, on_data, on_lost)
        link = await open_link(port, baud, _nothing, on_lost)
        asyncio.get_running_loop().call_soon(on_data, bytes(range(150, 220)))
        return link


async def test_a_wrong_rate_is_left_quickly() -> None:
    async with PtyPrinter(MarlinOptions()) as printer:
        board = _Board(printer.path, 230_400)
        detector = Detector(AUTO, open_port=board.open, ports=lambda: [printer.path])
        async with asyncio.timeout(20):  # four wrong rates would take 32 s to be silent
            found = await detector.find(None, _nothing, _nothing)
        assert found.baud == 230_400
        assert board.tried == list(BAUDS[: BAUDS.index(230_400) + 1])
        found.link.close()


async def test_comes_back_under_its_name(tmp_path: Path) -> None:
    async with PtyPrinter(MarlinOptions(), link=tmp_path / "ttyPrinter") as printer:
        detector = Detector(AUTO, ports=lambda: [printer.path])
        lost = asyncio.Event()
        found = await detector.find(None, _nothing, lambda _: lost.set())
        await printer.unplug()
        async with asyncio.timeout(20):
            await lost.wait()
        with pytest.raises(PortError, match="is not there"):
            await detector.find(None, _nothing, _nothing)
        await printer.plug()
        again = await detector.find(Remembered(found.port, found.baud), _nothing, _nothing)
        assert (again.port, again.baud) == (found.port, found.baud)
        again.link.close()


class _Speaker:
    """A port that plays what a board says, and takes what is written to it."""

    def __init__(self, *said: tuple[float, bytes], answer: bool = True) -> None:
        self._said = said
        self._answer = answer
        self._on_data: OnData = _nothing
        self._speaking = True

    async def open(self, port: str, baud: int, on_data: OnData, on_lost: OnLost) -> Link:
        self._on_data = on_data
        loop = asyncio.get_running_loop()
        for delay, data in self._said:
            loop.call_later(delay, on_data, data)
        loop.call_later(max(delay for delay, _ in self._said), self._listen)
        return self

    def _listen(self) -> None:
        self._speaking = False

    def write(self, data: bytes) -> None:
        if self._speaking or not self._answer:
            return
        for line in data.split(b"\n"):
            if b"M115" in line:
                self._on_data(b"FIRMWARE_NAME:Slow 1.0\nok\n")
            elif line:
                self._on_data(b"ok\n")

    def close(self) -> None:
        self._answer = False


@pytest.mark.parametrize("said", [b"echo:still starting\n", b"echo:busy: processing\n"])
async def test_who_speaks_is_listened_to_past_the_limit(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detect, "TRY_LIMIT", 1.0)
    monkeypatch.setattr(handshake, "RETRY", 0.1)
    monkeypatch.setattr(handshake, "SETTLE", 0.02)
    board = _Speaker(*((0.3 * step, said) for step in range(8)))
    settings = PrinterSettings(port="/dev/slow", baud=115_200)
    async with asyncio.timeout(20):
        found = await Detector(settings, open_port=board.open).find(None, _nothing, _nothing)
    assert found.port == "/dev/slow"
    assert found.heard == b""


async def test_who_speaks_of_other_things_is_left_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handshake, "PATIENCE", 0.5)
    board = _Speaker(*((0.05 * step, b"$GPGGA,no printer\n") for step in range(400)))
    settings = PrinterSettings(port="/dev/gps", baud=115_200)
    with pytest.raises(NoPrinter):
        async with asyncio.timeout(15):
            await Detector(settings, open_port=board.open).find(None, _nothing, _nothing)


async def test_what_a_halted_printer_said_is_handed_over() -> None:
    said = b"start\nError:MAXTEMP triggered, system stopped! Heater_ID: E0\n"
    board = _Speaker((0.05, said + b"Error:Printer halted. kill() called!\n"), answer=False)
    settings = PrinterSettings(port="/dev/hot", baud=115_200)
    found = await Detector(settings, open_port=board.open).find(None, _nothing, _nothing)
    core = Marlin()
    core.opened(0.0)
    (halted,) = core.received(found.heard, 0.0)
    assert isinstance(halted, events.Halted)
    assert "MAXTEMP" in halted.reason


async def test_a_port_in_use_is_told_though_a_later_one_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detect, "TRY_LIMIT", 0.05)
    opened: list[str] = []

    async def open_port(port: str, baud: int, on_data: OnData, on_lost: OnLost) -> Link:
        opened.append(port)
        if port == "/dev/a":
            raise PortError("/dev/a is in use by another program.", short="Port in use")
        return await _Speaker((0.0, b""), answer=False).open(port, baud, on_data, on_lost)

    detector = Detector(AUTO, open_port=open_port, ports=lambda: ["/dev/a", "/dev/b"])
    with pytest.raises(PortError, match="in use"):
        await detector.find(Remembered("/dev/b", 57_600), _nothing, _nothing)
    assert opened.count("/dev/a") == 1
    assert opened.count("/dev/b") == len(BAUDS)


async def test_nothing_plugged_in_says_so() -> None:
    with pytest.raises(NoPrinter, match="no USB serial port"):
        await Detector(AUTO, ports=lambda: []).find(None, _nothing, _nothing)


async def test_a_port_without_a_printer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "TRY_LIMIT", 0.2)
    async with PtyPrinter(MarlinOptions()) as printer:
        settings = PrinterSettings(port=printer.path, baud=115_200)
        detector = Detector(settings, open_port=_deaf)
        with pytest.raises(NoPrinter, match=printer.path):
            await detector.find(None, _nothing, _nothing)


async def _deaf(port: str, baud: int, on_data: OnData, on_lost: OnLost) -> Link:
    return await open_link(port, baud, _nothing, on_lost)
