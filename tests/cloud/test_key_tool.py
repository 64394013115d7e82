"""The key's worker: what it answers, what becomes of one that does not, and what nobody sees."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from pathlib import Path

import pytest

from appliance.cloud.key_tool import KeyTool, KeyToolFailed, worker_command
from appliance.polar.key_pair import KeyProblem
from appliance.polar.keys import PrinterKey, verify

KEY = PrinterKey.generate()
OTHER_KEY = PrinterKey.generate()


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


async def test_makes_a_key_that_signs() -> None:
    tool = KeyTool()
    pair = await tool.make()
    assert PrinterKey.from_pem(pair.private.encode()).pair() == pair
    assert pair != await tool.make()
    challenge = "1234 \N{SNOWMAN}"
    assert verify(pair.public, challenge, await tool.sign(pair, challenge))


async def test_finds_the_public_half() -> None:
    assert await KeyTool().read(KEY.private_pem().decode()) == KEY.pair()
    with pytest.raises(KeyProblem, match="cannot be read"):
        await KeyTool().read("5ecret")


async def test_checks_a_pair() -> None:
    private = KEY.private_pem().decode()
    assert await KeyTool().check(private, KEY.public_pem()) == KEY.pair()
    for public in (OTHER_KEY.public_pem(), "", private):
        with pytest.raises(KeyProblem):
            await KeyTool().check(private, public)


async def test_asked_together_they_answer_each_in_its_turn() -> None:
    tool = KeyTool()
    signatures = await asyncio.gather(*(tool.sign(KEY.pair(), text) for text in "abc"))
    assert [verify(KEY.public_pem(), *one) for one in zip("abc", signatures, strict=True)] == [
        True
    ] * 3


def test_the_command_holds_no_secret_and_is_limited() -> None:
    command = " ".join(worker_command())
    assert "KEY" not in command
    assert "--as=" in command


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/nonexistent/worker"], "cannot be started"),
        (script("import sys; sys.exit(3)"), "ended with code 3"),
        (script("raise MemoryError('none left')"), "none left"),
        (script(""), "cannot be read"),
        (script("print('{}')"), "cannot be read"),
        (script("""print('{"type": "signature", "text": ""}')"""), "not asked"),
        (script("import os; os.kill(os.getpid(), 9)"), "code -9"),
    ],
)
async def test_a_worker_that_fails(command: list[str], words: str) -> None:
    with pytest.raises(KeyToolFailed, match=words) as failure:
        await KeyTool(command).read(KEY.private_pem().decode())
    assert KEY.private_pem().decode().splitlines()[5] not in failure.value.long


def hanging(fifo: Path) -> tuple[list[str], int]:
    """A worker that answers never, with a child; and the fifo that tells when both are gone."""
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    return ["sh", "-c", f"sleep 1000 & exec 3> {fifo}; echo here >&3; wait"], reader


async def read_all(reader: int) -> bytes:
    """What comes until nobody holds the other end."""
    await asyncio.to_thread(select.select, [reader], [], [], 20)
    text = b""
    async with asyncio.timeout(20):
        while True:
            try:
                data = os.read(reader, 100)
            except BlockingIOError:
                await asyncio.to_thread(select.select, [reader], [], [], 20)
                continue
            if not data:
                return text
            text += data


async def test_a_worker_that_hangs_is_ended(tmp_path: Path) -> None:
    command, reader = hanging(tmp_path / "fifo")
    with pytest.raises(KeyToolFailed, match=r"within 0\.5 s"):
        await KeyTool(command, limit=0.5).make()
    await read_all(reader)
    os.close(reader)


async def test_cancelled_it_leaves_nothing_behind(tmp_path: Path) -> None:
    command, reader = hanging(tmp_path / "fifo")
    tool = KeyTool(command)
    task = asyncio.create_task(tool.make())
    await asyncio.to_thread(select.select, [reader], [], [], 20)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert await read_all(reader) == b"here\n"
    os.close(reader)
