"""The panel worker: ``python -m appliance.panel.worker HARDWARE`` (``wire.Hardware`` as JSON).

Screens come on stdin, key strokes, door and health go out on stdout, logs on stderr. Three
threads, so that a bus that hangs delays no key: stdin, the display, and the event loop with
the pins. It ends when stdin closes, whatever hangs, so that it never outlives the agent; the
display says so first, because its last screen would no longer be true.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import NoReturn

import msgspec

from appliance.panel.display import Display, Wires
from appliance.panel.painter import Painter
from appliance.panel.pins import Factory, Pins
from appliance.panel.screen import Line, Screen, Tone
from appliance.panel.wire import Alive, Hardware, Health, Show, Up
from appliance.settings_panel import DisplayKind, PanelSettings

log = logging.getLogger("appliance.panel.worker")

FAREWELL = Screen(title="Starting", tone=Tone.WORKING, lines=(Line("One moment"),))
FAREWELL_TIME = 1.0  # seconds for it; the agent kills what takes longer than 2 s
WATCH = 2.0  # seconds between two signs of life, and two looks whether the display's bus hangs
_READ_SIZE = 65536
Send = Callable[[Up], None]


def make_display(settings: PanelSettings, wires: Wires) -> Display:
    """The driver of ``settings.display``, which is not NONE. Raises DisplayError."""
    if settings.display.cells:
        from appliance.panel.hd44780 import CharacterDisplay  # noqa: PLC0415 - one of two

        return CharacterDisplay(settings, wires)
    from appliance.panel.graphic import GraphicDisplay  # noqa: PLC0415

    return GraphicDisplay(settings, wires)


class PanelWorker:
    """Display and pins of ``hardware``; what they do is sent up."""

    def __init__(
        self,
        hardware: Hardware,
        wires: Wires,
        factory: Factory,
        send: Send,
        *,
        drawn: Callable[[], None] = lambda: None,
    ) -> None:
        panel = hardware.panel
        self._send = send
        self.painter: Painter | None = None
        if panel.display is not DisplayKind.NONE:
            self.painter = Painter(
                lambda: make_display(panel, wires),
                lambda problem: send(Health("display", problem)),
                refresh=panel.refresh,
                drawn=drawn,
            )
        self.pins = Pins(hardware, send, factory)

    def show(self, screen: Screen) -> None:
        """Show ``screen`` from now on; from any thread."""
        if self.painter:
            self.painter.show(screen)

    def end(self) -> NoReturn:
        """Say farewell on the display and end the process, whatever hangs; from any thread."""
        try:
            if self.painter:
                self.painter.finish(FAREWELL, FAREWELL_TIME)
        finally:
            os._exit(0)

    async def run(self) -> None:
        """Work for ever; an error ends it, and the agent starts another worker."""
        async with asyncio.TaskGroup() as group:
            if self.painter:
                self.painter.start()
            group.create_task(self.pins.run())
            group.create_task(self._watch())

    async def _watch(self) -> None:
        """Signs of life, which end when the display is stuck: the agent replaces the worker."""
        while True:
            if self.painter:
                self.painter.watch()
            if not (self.painter and self.painter.stuck):
                self._send(Alive())
            await asyncio.sleep(WATCH)


def listen(worker: PanelWorker) -> None:
    """Hand the screens on stdin to ``worker``, in a thread of its own."""

    def read() -> None:
        decoder = msgspec.json.Decoder(Show)
        rest = b""
        try:
            while data := os.read(sys.stdin.fileno(), _READ_SIZE):
                *lines, rest = (rest + data).split(b"\n")
                if lines:  # only the newest counts
                    worker.show(decoder.decode(lines[-1]).screen)
        except Exception:
            log.exception("The agent's words cannot be read.")
        worker.end()

    threading.Thread(target=read, name="stdin", daemon=True).start()


def private_stdout() -> Send:
    """Sends to the agent; whatever a library prints goes to stderr instead."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    lock = threading.Lock()
    encoder = msgspec.json.Encoder()

    def send(message: Up) -> None:
        with lock, contextlib.suppress(BrokenPipeError):  # stdin closes, too, and ends us
            pipe.write(encoder.encode(message) + b"\n")
            pipe.flush()

    return send


async def serve(worker: PanelWorker, *others: Awaitable[None]) -> None:
    """Run ``worker`` as this process until it is told to end."""
    threading.excepthook = _die
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, worker.end)
    listen(worker)
    await asyncio.gather(worker.run(), *others)


def _die(failed: threading.ExceptHookArgs) -> None:
    """A thread that ends by mistake would leave a worker that only seems to work."""
    error = failed.exc_value
    log.critical("The panel worker's thread failed: %r", error, exc_info=error)
    os._exit(1)


def hardware_of(arguments: list[str]) -> Hardware:
    """What the command line says is connected; sets up the log, too."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s", level=logging.INFO)
    return msgspec.json.decode(arguments[1], type=Hardware)


def main(arguments: list[str]) -> None:
    """Run on the real hardware until stdin closes."""
    from appliance.panel.gpio import pin_factory  # noqa: PLC0415 - not for the simulated panel
    from appliance.panel.wires import SystemWires  # noqa: PLC0415

    hardware = hardware_of(arguments)
    worker = PanelWorker(hardware, SystemWires(), pin_factory, private_stdout())
    asyncio.run(serve(worker))


if __name__ == "__main__":
    main(sys.argv)
