"""Child processes that stay humble while they live and leave nothing behind when they end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

_READ_SIZE = 65536
_MAX_LINE = 2000  # characters of a log line


def limited(
    command: Sequence[str],
    *,
    nice: int,
    idle_io: bool = False,
    memory: int | None = None,
) -> list[str]:
    """``command`` behind the util-linux tools that limit it; each replaces itself by the next.

    ``nice`` 0 to 19; ``memory`` in bytes of address space (RLIMIT_AS). The child is killed when
    the thread that started it dies, so an agent that was killed leaves nothing running. A tool
    that this system lacks is left out.
    """
    wrappers = [
        ["setpriv", "--pdeathsig", "KILL"],
        ["nice", "-n", str(nice)],
        ["ionice", "-c", "3", "-t"] if idle_io else [],
        ["prlimit", f"--as={memory}"] if memory else [],
    ]
    prefix = [word for words in wrappers if words and shutil.which(words[0]) for word in words]
    return [*prefix, *command]


async def start(
    command: Sequence[str],
    *,
    stdin: int = asyncio.subprocess.DEVNULL,
    stdout: int = asyncio.subprocess.DEVNULL,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """Start ``command`` as the leader of its own process group, stderr being a pipe.

    Raises OSError. When cancelled half-way the child does not outlive the cancellation, nor
    do its children; asyncio itself would kill the child alone.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=stdin,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            await kill_group(await starting)
        raise


async def kill_group(process: asyncio.subprocess.Process, patience: float = 5.0) -> bool:
    """Kill a child of :func:`start` with its own children; whether it ended in time.

    Camera and codec drivers can leave a killed process stuck in the kernel, so the wait is
    bounded by ``patience`` seconds.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    try:
        async with asyncio.timeout(patience):
            await process.wait()
    except TimeoutError:
        return False
    return True


async def forward_log(process: asyncio.subprocess.Process, log: logging.Logger) -> None:
    """Hand a worker's lines on stderr ("LEVEL text") to ``log``, until the pipe ends.

    What libraries print by themselves comes at debug level.
    """
    stderr = process.stderr
    assert stderr is not None
    rest = b""
    while data := await stderr.read(_READ_SIZE):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            _forward(line.decode(errors="replace"), log)
        rest = rest[-_MAX_LINE:]


def _forward(line: str, log: logging.Logger) -> None:
    level, _, text = line.rstrip()[:_MAX_LINE].partition(" ")
    if text and level in ("INFO", "WARNING", "ERROR", "CRITICAL"):
        log.log(logging.getLevelNamesMapping()[level], "%s", text)
    elif line.strip():
        log.debug("%s", line.rstrip()[:_MAX_LINE])
