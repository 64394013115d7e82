"""The slicer as a child: humble, watched, and gone with its children when it must go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.host import child
from appliance.slicing import memory
from appliance.slicing.errors import NotEnoughMemory, TooSlow

log = logging.getLogger(__name__)

NICE = 15
_POLL = 0.1  # s between two looks at its memory
_STARVED = 24 * memory.MB  # available to everybody: from here on the system suffers
# Private memory above the allowed one: stacks, arenas and mappings that it never touches
# (measured: 2.9.2 has 219 MB where it uses 18). It only stops a leap between two looks.
_HEADROOM = 256 * memory.MB
_READ_SIZE = 4096


@dataclass(frozen=True)
class Limits:
    """What the child may use."""

    seconds: float
    memory: int  # bytes of its own
    file: int  # bytes of one file


@dataclass(frozen=True)
class Ended:
    """How the child ended by itself."""

    status: int  # negative: by this signal
    peak: int  # bytes of its own that were seen


def command(words: Sequence[str], limits: Limits) -> list[str]:
    """``words`` behind what limits it; each of these programs replaces itself by the next.

    The kernel ends it before anything else when memory runs out. stdbuf makes 2.5.0 tell its
    progress at once and not in the end.
    """
    wrappers = [
        ["choom", "-n", "1000", "--"],
        ["prlimit", "--core=0", f"--fsize={limits.file}", f"--data={limits.memory + _HEADROOM}"],
        ["stdbuf", "-oL"],
    ]
    prefix = [word for wrapper in wrappers if shutil.which(wrapper[0]) for word in wrapper]
    return child.limited([*prefix, *words], nice=NICE, idle_io=True)


async def run(
    words: Sequence[str], folder: Path, limits: Limits, said: Callable[[str], None]
) -> Ended:
    """Run the slicer in ``folder``; ``said`` gets each line of both its outputs.

    Raises NotEnoughMemory, TooSlow and OSError. However this ends, cancellation included, the
    child and its group are dead afterwards.
    """
    process = await child.start(
        command(words, limits),
        stdout=asyncio.subprocess.PIPE,
        folder=folder,
        environment=_environment(folder),
    )
    watch = _Watch(process.pid, limits.memory)
    ending = asyncio.create_task(_follow(process, said))
    starving = asyncio.create_task(watch.starved())
    try:
        async with asyncio.timeout(limits.seconds):
            await asyncio.wait((ending, starving), return_when=asyncio.FIRST_COMPLETED)
        if starving.done():
            raise not_enough(limits.memory)
        return Ended(ending.result(), watch.peak)
    except TimeoutError:
        raise TooSlow(
            f"Slicing took longer than {limits.seconds / 60:.0f} min. Slice the model on a "
            "computer and send the G-code file, or set time_limit under [slicing]."
        ) from None
    finally:
        for task in (ending, starving):
            task.cancel()
        if not await child.kill_group(process):
            log.error("Slicer %d is stuck in the kernel and cannot be ended.", process.pid)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(ending, starving, return_exceptions=True)


def not_enough(allowed: int) -> NotEnoughMemory:
    """The error for a model that needs more than ``allowed`` bytes."""
    return NotEnoughMemory(
        f"Not enough memory: the model needs more than the {allowed // memory.MB} MB that this "
        "device has to spare. Slice it on a computer and send the G-code file."
    )


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the person who runs us, and no display."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LD_LIBRARY_PATH")
            if name in os.environ}  # fmt: skip
    home = str(folder)
    return {**kept, "LC_ALL": "C.UTF-8", "HOME": home, "XDG_CONFIG_HOME": home, "TMPDIR": home}


async def _follow(process: asyncio.subprocess.Process, said: Callable[[str], None]) -> int:
    assert process.stdout is not None
    assert process.stderr is not None
    await asyncio.gather(_lines(process.stdout, said), _lines(process.stderr, said))
    return await process.wait()


async def _lines(stream: asyncio.StreamReader, said: Callable[[str], None]) -> None:
    rest = b""
    while data := await stream.read(_READ_SIZE):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            said(line.decode(errors="replace"))
        rest = rest[-_READ_SIZE:]
    if rest:
        said(rest.decode(errors="replace"))


class _Watch:
    """Looks at the child's memory; a limit of the kernel alone makes it end in odd ways."""

    def __init__(self, pid: int, limit: int) -> None:
        self.peak = 0
        self._pid = pid
        self._limit = limit

    async def starved(self) -> None:
        """Returns when it has more than it may have, or when the whole system has none left."""
        while True:
            used = memory.taken(self._pid)
            self.peak = max(self.peak, used)
            free = memory.available()
            if used > self._limit or (used and free is not None and free < _STARVED):
                log.warning("The slicer has %d MB of %d MB; %s bytes are free.",
                            used // memory.MB, self._limit // memory.MB, free)  # fmt: skip
                return
            await asyncio.sleep(_POLL)
