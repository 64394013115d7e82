"""The parts of the emulated machine's harness that need no emulated machine."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.gcode.reader import Reader
from image.vm.machine.adapter import SocketPort
from image.vm.machine.card import CHUNK, MIB, differences
from image.vm.machine.qmp import Qmp, QmpError
from image.vm.machine.shell import GuestError, Shell
from image.vm.machine.world import model

Answer = Callable[[bytes], bytes]


@asynccontextmanager
async def _server(path: Path, greeting: bytes, answer: Answer) -> AsyncIterator[None]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while line := await reader.readline():
            writer.write(answer(line))
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield


def _bash(line: bytes) -> bytes:
    """What the shell in the machine answers."""
    number, command = line.split()
    done = subprocess.run(
        ["bash", "-c", base64.b64decode(command).decode()], capture_output=True, check=False
    )
    return b"%s %d %s\n" % (number, done.returncode, base64.b64encode(done.stdout))


async def test_a_command_comes_back_with_its_output(tmp_path: Path) -> None:
    async with _server(tmp_path / "shell", b"hello\n", _bash):
        shell = await Shell.connect(tmp_path / "shell")
        await shell.hello()
        assert await shell.run("echo one; echo two") == "one\ntwo"
        assert await shell.run("true") == ""
        assert (await shell.ask("echo why; exit 3")).code == 3
        with pytest.raises(GuestError, match="ended with 1"):
            await shell.run("false")
        await shell.wait("true", 5)
        with pytest.raises(GuestError, match="not within 0 s"):
            await shell.wait("false", 0)
        shell.close()


async def test_a_machine_that_ends_is_told(tmp_path: Path) -> None:
    async with _server(tmp_path / "shell", b"", lambda _line: b""):
        shell = await Shell.connect(tmp_path / "shell")
        with pytest.raises(TimeoutError):
            await shell.ask("true", patience=0.05)
        shell.close()


async def test_the_monitor_tells_refusals_from_events(tmp_path: Path) -> None:
    def answer(line: bytes) -> bytes:
        order = json.loads(line)["execute"]
        if order == "bad":
            return b'{"error": {"class": "GenericError", "desc": "no such device"}}\n'
        return b'{"event": "RESUME"}\n{"return": {"of": "%s"}}\n' % order.encode()

    async with _server(tmp_path / "qmp", b'{"QMP": {}}\n', answer):
        qmp = await Qmp.connect(tmp_path / "qmp")
        assert await qmp.order("cont") == {"of": "cont"}
        with pytest.raises(QmpError, match="no such device"):
            await qmp.order("bad")
        qmp.close()


def test_plugging_in_is_connecting(tmp_path: Path) -> None:
    path = tmp_path / "adapter"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        port = SocketPort(path)
        assert not port.connected() and port.read() == b""
        port.plug()
        end, _ = listener.accept()
        with end:
            assert port.connected() and len(port.readers) == 1
            port.write(b"start\n")
            assert end.recv(100) == b"start\n"
            end.send(b"M115\n")
            assert port.read() == b"M115\n"
            assert port.read() == b"" and port.connected()
        assert port.read() == b"" and not port.connected()  # the machine was switched off


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    data = bytearray(3 * MIB)
    old.write_bytes(data)
    data[MIB + CHUNK + 5] = 1
    data[3 * MIB - 1] = 1
    new.write_bytes(data)
    assert list(differences(old, new)) == [MIB + CHUNK, 3 * MIB - CHUNK]


def test_the_small_print_is_whole() -> None:
    commands = [line.command for line in Reader(io.BytesIO(model(3))) if line.command]
    assert commands[0] == "M140 S40" and commands[-1] == "M84"
    assert sum(one.startswith("G1 Z") for one in commands) == 3
