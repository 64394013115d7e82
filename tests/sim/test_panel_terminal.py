"""The front panel in a terminal: the keyboard's bytes, the drawing, and a real pty."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from appliance.cli import cli
from appliance.panel.keys import Key
from appliance.sim.panel_drawing import draw, picture
from appliance.sim.panel_terminal import Keyboard, Wish
from appliance.sim.panel_wire import DoorMoved, Finger, Seen

Peer = Any  # the fixture's class; conftest modules cannot be imported

STYLE = re.compile(r"\x1b\[[0-9;]*m")
PATIENCE = 30.0  # seconds; a process starts slowly on a loaded machine


def seen(**changes: Any) -> Seen:
    return msgspec.structs.replace(Seen(png=b"", width=1, height=1), **changes)


def png(rows: list[str], colours: dict[str, str] | None = None) -> bytes:
    """A picture of characters: '#' lit, '.' dark, or as ``colours`` say."""
    colours = colours or {"#": "white", ".": "black"}
    image = Image.new("RGB", (len(rows[0]), len(rows)))
    for y, row in enumerate(rows):
        for x, one in enumerate(row):
            image.putpixel((x, y), _rgb(colours[one]))
    data = BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def _rgb(name: str) -> tuple[int, int, int]:
    one = Image.new("RGB", (1, 1), name).tobytes()
    return one[0], one[1], one[2]


# The keyboard


@pytest.mark.parametrize(
    ("data", "wishes"),
    [
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", [Wish.UP, Wish.DOWN, Wish.RIGHT, Wish.LEFT]),
        (b"\x1bOA", [Wish.UP]),
        (b"\r\n\x7fhd", [Wish.OK, Wish.OK, Wish.LEFT, Wish.HOME, Wish.DOOR]),
        (b"q", [Wish.QUIT]),
        (b"\x03", [Wish.QUIT]),
        (b"\x1bq", [Wish.QUIT]),
        (b"\x1b[1;5A", [Wish.UP]),
        (b"\x1b[15~x\xc3\xbc", []),
    ],
)
def test_keys_become_wishes(data: bytes, wishes: list[Wish]) -> None:
    assert Keyboard().feed(data) == wishes
    keyboard = Keyboard()
    assert [wish for byte in data for wish in keyboard.feed(bytes([byte]))] == wishes


@given(st.lists(st.binary(max_size=6)))
def test_whatever_is_typed_the_next_key_counts(pieces: list[bytes]) -> None:
    keyboard = Keyboard()
    for piece in pieces:
        keyboard.feed(piece)
    assert Wish.QUIT in keyboard.feed(b"\x1b[A\x1b[Aq") + keyboard.feed(b"q")


# The drawing


def test_character_rows_stand_in_a_frame() -> None:
    rows = ("Ready        21°", "192.168.1.20  日")
    lines = [STYLE.sub("", line) for line in draw(seen(rows=rows, door_open=False), 80, 24)]
    assert lines[1:5] == [
        "  ╭────────────────╮",
        "  │Ready        21°│",
        "  │192.168.1.20  ? │",
        "  ╰────────────────╯",
    ]
    assert "Door closed" in lines[6]


def test_what_is_held_and_an_open_door_are_marked() -> None:
    lines = draw(seen(rows=("x",), keys=(Key.OK,), door_open=True), 80, 24)
    assert any("\x1b[7mOK" in line and "\x1b[7m▲" not in line for line in lines)
    assert any("Door open" in line for line in lines)
    assert not any("Door" in line for line in draw(seen(rows=("x",)), 80, 24))


def test_small_pictures_are_half_blocks_larger_ones_braille() -> None:
    one = png(["#.#", "##.", ".#."])
    assert picture(one, 10, 10) == [("█▄▀", 3), (" ▀ ", 3)]
    assert picture(one, 2, 10) == [("⠳⠁", 2)]


def test_a_picture_of_one_shade_is_lit_or_dark() -> None:
    assert picture(png(["##", "##"]), 9, 9) == [("██", 2)]
    assert picture(png(["..", ".."]), 9, 9) == [("  ", 2)]


def test_colours_are_kept_and_named_once() -> None:
    colours = {"r": "#ff0000", "g": "#00ff00", "b": "#0000ff"}
    [(text, width)] = picture(png(["rrg", "bbb"], colours), 9, 9)
    assert width == 3
    assert text == ("\x1b[38;2;255;0;0;48;2;0;0;255m▀▀\x1b[38;2;0;255;0;48;2;0;0;255m▀\x1b[0m")


def test_a_colour_display_is_readable_before_it_is_colourful() -> None:
    data = BytesIO()
    Image.linear_gradient("L").resize((160, 128)).save(data, "PNG")
    whole, braille, small = (
        picture(data.getvalue(), *size) for size in ((160, 64), (80, 32), (40, 16))
    )
    assert [lines[0][1] for lines in (whole, braille, small)] == [160, 80, 40]
    assert all("▀" in text for text, _ in (*whole, *small))
    assert not any("▀" in text for text, _ in braille)
    display = seen(png=data.getvalue(), width=160, height=128)
    assert "every pixel: 84 x 39" in draw(display, 83, 39)[-1]
    assert "every pixel" not in draw(display, 84, 39)[-1]


@given(
    st.lists(st.text(max_size=30), max_size=5),
    st.integers(0, 90),
    st.integers(0, 30),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_no_terminal_is_too_small(
    rows: list[str], columns: int, lines: int, width: int, height: int
) -> None:
    data = BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(data, "PNG")
    for one in (None, seen(png=data.getvalue(), rows=tuple(rows))):
        drawn = draw(one, columns, lines)
        assert len(drawn) <= lines
        assert all("\n" not in line for line in drawn)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 90), st.integers(1, 40))
def test_a_picture_never_outgrows_its_room(w: int, h: int, columns: int, lines: int) -> None:
    for mode in ("1", "RGB"):
        data = BytesIO()
        Image.linear_gradient("L").resize((w, h)).convert(mode).save(data, "PNG")
        drawn = picture(data.getvalue(), columns, lines)
        assert len(drawn) <= lines
        assert all(len(STYLE.sub("", text)) == cells <= columns for text, cells in drawn)


# A real terminal


class Screen:
    """``polar-appliance sim panel`` on a pty, and what its screen shows: its last frame."""

    def __init__(self, socket: Path, size: tuple[int, int] = (80, 24)) -> None:
        self._socket = socket
        self.master, self.slave = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.slave)
        self.text = ""
        self._change = asyncio.Event()

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "appliance", "sim", "panel", "--socket", str(self._socket)),
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""},
            preexec_fn=self._take_terminal,
        )
        asyncio.get_running_loop().add_reader(self.master, self._read)

    def _take_terminal(self) -> None:
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def _read(self) -> None:
        self.text += os.read(self.master, 65536).decode("utf-8", "replace")
        self._change.set()

    @property
    def frame(self) -> str:
        return STYLE.sub("", self.text.rpartition("\x1b[H")[2])

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._change.clear()
                await self._change.wait()

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
async def screen(panel_socket: Path) -> AsyncIterator[Screen]:
    one = Screen(panel_socket)
    await one.start()
    yield one
    await one.close()


async def test_a_person_sees_the_display_presses_its_keys_and_quits(
    panel: Peer, screen: Screen
) -> None:
    panel.show(rows=("Vase            42 %", "Nozzle 205°  Bed 60°"), door_open=False)
    await screen.until(lambda: "│Vase            42 %│" in screen.frame)
    assert not termios.tcgetattr(screen.slave)[3] & termios.ECHO
    for typed, key in ((b"\x1b[A", Key.UP), (b"\x1bOD", Key.LEFT), (b"\r", Key.OK)):
        panel.heard.clear()
        screen.type(typed)
        await panel.until(lambda: len(panel.heard) == 2)
        assert panel.heard == [Finger(key, True), Finger(key, False)]
    screen.type(b"d")
    await screen.until(lambda: "Door open" in screen.frame)
    assert panel.heard[-1] == DoorMoved(True)
    panel.heard.clear()
    screen.type(b"h")
    await screen.until(lambda: len(panel.heard) == 2 and "\x1b[7m◀" in screen.text)
    assert panel.heard == [Finger(Key.LEFT, True), Finger(Key.LEFT, False)]
    screen.type(b"q")
    assert await screen.ended() == 0
    await screen.until(lambda: "\x1b[?1049l" in screen.text)
    assert screen.text.endswith("\x1b[?25h\x1b[?1049l")
    assert termios.tcgetattr(screen.slave) == screen.before


async def test_it_waits_for_a_panel_that_is_not_there_and_sees_it_go(
    panel: Peer, screen: Screen
) -> None:
    await panel.stop()
    await screen.until(lambda: "is not there" in screen.frame)
    screen.type(b"\r")  # nobody to press; it is not kept for later
    await panel.start()
    await screen.until(lambda: "│Ready│" in screen.frame)
    await panel.stop()
    await screen.until(lambda: "is not there" in screen.frame)
    assert panel.heard == []
    screen.type(b"\x03")
    assert await screen.ended() == 0
    assert termios.tcgetattr(screen.slave) == screen.before


async def test_a_picture_follows_the_size_of_the_terminal(panel: Peer, screen: Screen) -> None:
    panel.show(png=png(["#." * 40] * 40), rows=())
    await screen.until(lambda: "⢕" in screen.frame or "⡇" in screen.frame)
    screen.resize(100, 40)
    await screen.until(lambda: "│█ █ █" in screen.frame)
    screen.resize(20, 5)
    await screen.until(lambda: screen.frame.count("\r\n") == 4)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_the_terminal_is_put_back_when_it_is_told_to_end(
    panel: Peer, screen: Screen, number: signal.Signals
) -> None:
    await screen.until(lambda: "│Ready│" in screen.frame)
    screen.process.send_signal(number)
    assert await screen.ended() == 0
    assert termios.tcgetattr(screen.slave) == screen.before


async def test_the_terminal_is_put_back_after_a_mistake(panel: Peer, screen: Screen) -> None:
    await screen.until(lambda: "│Ready│" in screen.frame)
    panel.show(png=b"this is no picture", rows=())
    assert await screen.ended() != 0
    assert termios.tcgetattr(screen.slave) == screen.before


async def test_without_a_terminal_it_says_so(panel_socket: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance", "sim", "panel", "--socket", str(panel_socket)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _out, err = await process.communicate()
    assert process.returncode == 1
    assert b"needs a terminal" in err


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["sim", "panel"], ".demo/run/panel.sock"),
        (["--config", "CONFIG", "sim", "panel"], "/run/here.sock"),
        (["--config", "CONFIG", "sim", "panel", "--socket", "/run/there.sock"], "/run/there.sock"),
    ],
)
def test_the_socket_is_named_set_or_the_demos(
    arguments: list[str], wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[panel]\nsimulated = "/run/here.sock"\n')
    asked: list[Path] = []

    async def run_panel(socket: Path) -> None:
        asked.append(socket)

    monkeypatch.setattr("appliance.sim.panel_terminal.run_panel", run_panel)
    named = [str(config) if one == "CONFIG" else one for one in arguments]
    result = CliRunner().invoke(cli, named)
    assert result.exit_code == 0, result.output
    assert asked == [Path(wanted)]
