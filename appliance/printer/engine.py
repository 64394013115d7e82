"""The heart of the printer daemon: one port, one protocol core, at most one print.

Whatever arrives (bytes, time, requests) is given to the cores; then :meth:`Engine._flow`
hands lines of people and of the print to the protocol while it has room, writes what there
is to write, and sets the next alarm.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time

from appliance.config import PrinterSettings
from appliance.errors import ApplianceError, PrinterError, StorageError
from appliance.printer import api, events
from appliance.printer.console import (
    SAFE,
    Console,
    Sender,
    checked,
    further_off,
    heater_commands,
    refuse_beside_a_print,
)
from appliance.printer.detect import Finder, Found, Remembered
from appliance.printer.hearts import Hearts
from appliance.printer.heat import HeatMemory
from appliance.printer.printing import Printing
from appliance.printer.protocol import Marlin
from appliance.revision import Revision
from appliance.store import Record

log = logging.getLogger(__name__)

RETRY_PAUSE = 2.0  # seconds before a lost printer is looked for again
GCODE_LIMIT = 300.0  # seconds for lines of a person: enough to home, level or heat
STOP_LIMIT = 3.0  # seconds at the end of the daemon to make the printer safe
RESET_HINT = "Switch the printer off and on, or press Connect, once the cause is found."


class Engine:
    """Owns the port and the print. All times are monotonic seconds unless said otherwise."""

    def __init__(
        self,
        settings: PrinterSettings,
        finder: Finder,
        port: Record[Remembered],
        printing: Printing,
        heat: HeatMemory,
        hearts: Hearts | None = None,
    ) -> None:
        self.revision = Revision()
        self._settings = settings
        self._finder = finder
        self._port = port
        self._printing = printing
        self._heat = heat
        self._hearts = hearts or Hearts()
        self._console = Console()
        self._life = secrets.token_hex(4)
        self._connection: Found | None = None
        self._marlin: Marlin | None = None
        self._owners: dict[int, Sender] = {}
        self._heaters: dict[str, api.Heater] = {}
        self._problem: api.Problem | None = None
        self._message = ""
        self._lost = asyncio.Event()
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._cooling = False  # after a print that left the printer hot: on this connection
        self._stopping = False  # the daemon is on its way out
        self._starting = 0  # requests for a print whose file is being looked at
        self._retiring = False  # it ends as soon as nothing is lost by that

    async def run(self) -> None:
        """Find the printer, talk to it until it is lost, for ever."""
        while True:
            try:
                connection = await self._finder.find(
                    self._remembered(), self._received, self._disconnected
                )
            except PrinterError as error:
                self._see_problem(self._heat.gone(api.Problem(error.short, error.long)))
                self._hearts.loop.beat()  # without a port there was nothing to be tried
                await self._pause()
                continue
            self._begin(connection)
            try:
                with self._hearts.loop.resting():
                    await self._lost.wait()
            finally:
                self._hearts.line.rest()
                connection.link.close()
                self._connection = self._marlin = None
            await self._pause()

    def retire(self) -> None:
        """End by itself once no print is there: whoever keeps the daemon running starts it
        again, and it reads its settings anew. See :meth:`retired`.
        """
        self._retiring = True
        self.revision.bump()

    async def retired(self) -> None:
        """Return when the daemon shall end; from then on no print is accepted."""
        while not self._may_go():
            await self.revision.wait_beyond(self.revision.number)
        self._stopping = True

    def _may_go(self) -> bool:
        """Asked to, and neither a print nor the news of one would be lost."""
        busy = self._starting or self._printing.busy or self._console.busy
        return self._retiring and not busy and not self._printing.unseen

    async def stop(self) -> None:
        """End the running print and leave the printer safe, within a few seconds."""
        if self._marlin is not None:
            await self._make_safe()
        self._printing.close()

    async def _make_safe(self) -> None:
        self._stopping = True
        self._drop_console("The printer service is stopping.")
        if self._printing.running:
            reason = "The printer service was stopped during the print."
            self._printing.fail(reason, time.monotonic())
        elif any(heater.target for heater in self._heaters.values()):
            self._console.post([*further_off(self._heaters), *SAFE])
        if not self._at_rest():
            self._send_now("M108")  # whatever waits for heat, a print's line or a person's
        self._flow()
        try:
            async with asyncio.timeout(STOP_LIMIT):
                while not self._at_rest():
                    await self.revision.wait_beyond(self.revision.number)
        except TimeoutError:
            log.warning("the printer did not confirm that its heaters are off")
            self._shout_safe()

    def _drop_console(self, reason: str) -> None:
        self._console.abandon(reason)
        self._owners = {n: one for n, one in self._owners.items() if one is not self._console}

    def _shout_safe(self) -> None:
        """Past window and numbering: these lines wait in the printer until it listens again."""
        if self._connection is not None:
            lines = "\n".join(("", *further_off(self._heaters), *SAFE, ""))
            self._connection.link.write(lines.encode())

    def snapshot(self) -> api.Snapshot:
        """The whole state now."""
        marlin, connection = self._marlin, self._connection
        return api.Snapshot(
            life=self._life,
            revision=self.revision.number,
            link=marlin.state if marlin else api.LinkState.DISCONNECTED,
            port=connection.port if connection else "",
            baud=connection.baud if connection else 0,
            firmware=marlin.firmware.name if marlin else "",
            machine=marlin.firmware.machine if marlin else "",
            problem=self._problem,
            message=self._message,
            heaters=self._heaters,
            job=self._printing.view(time.monotonic()),
            unseen=self._printing.unseen,
            lines_sent=marlin.lines_sent if marlin else 0,
            lines_received=marlin.lines_received if marlin else 0,
            resends=marlin.resends if marlin else 0,
        )

    # --- what people and the agent ask -------------------------------------------------

    async def start(self, request: api.StartJob) -> None:
        """Begin a print. Raises JobRefused, PrinterError, and what is wrong with the file."""
        if self._printing.is_known(request.key):
            return
        self._starting += 1
        try:
            await self._printing.prepare(request)
            marlin = self._ready()
            self._printing.begin(request.key, marlin, time.monotonic())
        finally:
            self._starting -= 1
        self._flow()

    def pause(self, kind: api.PauseKind) -> None:
        """Stop feeding at once, then park. Raises JobRefused."""
        self._printing.pause(kind, time.monotonic())
        self._flow()

    def resume(self) -> None:
        """Go on where the print stopped. Raises JobRefused."""
        self._ready()
        self._printing.resume(time.monotonic())
        if self._printing.waits_for_person:  # M600, M0: the firmware goes on, not we
            asks = self._ready().firmware.can("PROMPT_SUPPORT")
            self._send_now("M876 S1" if asks else "M108")
        self._flow()

    def cancel(self) -> None:
        """End the print at once. Raises JobRefused."""
        self._printing.cancel(time.monotonic())
        self._send_now("M108")  # whatever waits for heat, a print's line or a person's
        self._flow()

    def forget(self, key: str) -> None:
        """The end of the print with this key was seen."""
        self._printing.forget(key)
        self.revision.bump()

    async def set_temperature(
        self, targets: dict[str, float], when: api.Moment = api.Moment.ANY
    ) -> None:
        """Targets in °C by cloud name. Raises BadGcode for heaters and values not allowed.

        Raises JobRefused outside of its moment.
        """
        limits = {
            "tool": self._settings.max_tool_temperature,
            "bed": self._settings.max_bed_temperature,
            "chamber": self._settings.max_chamber_temperature,
        }
        self._ready()
        self._printing.refuse_unless(when)
        self._console.post(heater_commands(targets, self._heaters, limits))
        self._flow()

    async def run_gcode(self, lines: list[str], when: api.Moment = api.Moment.ANY) -> list[str]:
        """Send lines of a person and collect the answers.

        Raises BadGcode, PrinterError, and JobRefused outside of their moment.
        """
        marlin = self._ready()
        self._printing.refuse_unless(when)
        if self._printing.running:
            refuse_beside_a_print(lines)
        queued = []
        for line in checked(lines):
            if line.split()[0] in api.EMERGENCY and marlin.firmware.can("EMERGENCY_PARSER"):
                self._send_now(line)
            else:
                queued.append(line)
        answer = self._console.submit(queued)
        self._flow()
        try:
            async with asyncio.timeout(GCODE_LIMIT):
                return await answer
        except TimeoutError:
            raise PrinterError(
                f"The printer did not answer within {GCODE_LIMIT:.0f} s; it may still do it.",
                short="No answer yet",
            ) from None

    def connect(self) -> None:
        """Look for the printer now; a halted one is opened anew, which resets most boards."""
        if self._marlin is not None and self._marlin.state is api.LinkState.HALTED:
            self._disconnected("The connection was closed to reset the printer.")
        self._wake.set()

    def _ready(self) -> Marlin:
        marlin = self._marlin
        if self._stopping:
            raise PrinterError("The printer service is stopping.", short="Stopping")
        if marlin is not None and marlin.state is api.LinkState.READY:
            return marlin
        problem = self._problem
        raise PrinterError(
            problem.long if problem else "The printer is not connected yet; wait a moment.",
            short=problem.short if problem else "Not connected",
        )

    # --- the connection -----------------------------------------------------------------

    def _begin(self, connection: Found) -> None:
        now = time.monotonic()
        log.info("port %s at %d baud", connection.port, connection.baud)
        self._lost.clear()
        self._wake.clear()
        self._connection = connection
        self._marlin = Marlin(baud=connection.baud or 115_200)
        self._owners.clear()
        self._marlin.opened(now)
        self._problem = None
        self._remember(Remembered(connection.port, connection.baud))
        if connection.heard:  # of a printer that halted: it says its reason only once
            self._received(connection.heard)
        self._flow()

    def _remembered(self) -> Remembered | None:
        try:
            return self._port.load()
        except StorageError as error:
            log.warning("the remembered port: %s", error.long)
            return None

    def _remember(self, place: Remembered) -> None:
        try:
            if self._remembered() != place:
                self._port.save(place)
        except StorageError as error:
            log.warning("the port is not remembered: %s", error.long)

    def _disconnected(self, reason: str) -> None:
        if self._lost.is_set() or self._connection is None:
            return
        log.warning("printer lost: %s", reason)
        self._give_up(reason)
        self._see_problem(self._heat.gone(api.Problem("Printer unplugged", reason)))
        self._connection = self._marlin = None  # nothing is accepted for it from here on
        self._lost.set()

    def _give_up(self, reason: str) -> None:
        """Nothing that was under way can be finished on this connection."""
        self._printing.lost(reason, time.monotonic())
        self._console.abandon(reason)
        self._owners.clear()
        self._heaters = {}
        self._cooling = False

    async def _pause(self) -> None:
        """Wait before the next try; a request to connect cuts it short."""
        try:
            async with asyncio.timeout(RETRY_PAUSE):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    # --- bytes, time, lines ---------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        marlin = self._marlin
        if marlin is None:
            return
        self._hearts.line.beat()
        for event in marlin.received(data, time.monotonic()):
            self._on_event(event)
        self._flow()

    def _ring(self) -> None:
        self._alarm = None
        marlin = self._marlin
        if marlin is not None:
            self._hearts.line.beat()
            for event in marlin.tick(time.monotonic()):
                self._on_event(event)
            self._flow()

    def _flow(self) -> None:
        """Let lines out while there is room, write them, set the alarm."""
        marlin, connection = self._marlin, self._connection
        if marlin is None or connection is None:
            self.revision.bump()
            return
        if marlin.state is api.LinkState.READY:
            self._feed(marlin)
        data = marlin.output()
        if data:
            connection.link.write(data)
        self._set_alarm(marlin)
        self._printing.keep_record(time.monotonic())
        self.revision.bump()

    def _feed(self, marlin: Marlin) -> None:
        now = time.monotonic()
        sender: Sender
        for sender in (self._console, self._printing):
            while (line := sender.peek(now)) is not None:
                if not marlin.room_for(line):
                    return
                number = marlin.send(line, now)
                self._owners[number] = sender
                sender.sent(number, now)
                if sender is self._console:
                    self._printing.note_command(line)

    def _send_now(self, *commands: str) -> None:
        """Past the queue, where the firmware can; elsewhere it would only stand in line."""
        marlin = self._marlin
        if marlin is not None and marlin.firmware.can("EMERGENCY_PARSER"):
            for command in commands:
                marlin.send_now(command)

    def _set_alarm(self, marlin: Marlin) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = marlin.next_tick()
        self._hearts.alarm(due)
        if due is not None:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(max(0.0, due - time.monotonic()), self._ring)

    def _at_rest(self) -> bool:
        marlin = self._marlin
        if marlin is None or marlin.state is not api.LinkState.READY:
            return True  # nothing more can be done
        return marlin.quiet and not self._console.busy and not self._printing.busy

    # --- what the printer says --------------------------------------------------------------

    def _on_event(self, event: events.Event) -> None:
        match event:
            case events.Acknowledged(number, answer):
                owner = self._owners.pop(number, None)
                if owner is not None:
                    owner.acknowledged(number, answer, time.monotonic())
                if self._printing.stopping and self._printing.waits:
                    self._send_now("M108")  # one wait may follow another
            case events.Temperatures(heaters):
                self._heaters = heaters
                self._printing.note_printer(heaters, self._marlin.resends if self._marlin else 0)
                self._heat.see(heaters)
                self._cool_further()
            case events.Busy(text):
                self._on_busy(text)
            case events.Text(line):
                self._on_text(line)
            case events.HostAction(name, argument):
                self._on_action(name, argument)
            case events.Ready(firmware):
                self._on_ready(firmware)
            case events.Restarted():
                self._give_up("The printer restarted by itself: check its power supply.")
            case events.Halted(reason):
                self._on_halted(reason)
            case events.Failed(problem):
                self._on_failed(problem)

    def _on_ready(self, firmware: events.Firmware) -> None:
        log.info("printer ready: %s %s", firmware.name, firmware.machine)
        self._problem = None
        self._cooling = self._printing.left_hot or self._heat.left_hot
        if self._cooling:
            # A print ended without a chance to switch off: this is the first one.
            self._console.post(SAFE)

    def _cool_further(self) -> None:
        """After SAFE, once it is known which heaters there are.

        Not before: a board that was not reset reports by itself while it is being met.
        """
        if self._cooling:
            self._cooling = self._printing.left_hot = self._heat.left_hot = False
            if not self._printing.running:
                self._console.post(further_off(self._heaters))

    def _on_busy(self, text: str) -> None:
        """It works on something long, or waits; the print's end must not wait for that."""
        if "paused for user" in text:
            self._printing.note_waiting()
        if self._printing.stopping:
            self._send_now("M108")

    def _on_text(self, line: str) -> None:
        log.debug("printer: %s", line)
        if line.startswith("Error:"):
            log.warning("printer: %s", line)

    def _on_action(self, name: str, argument: str) -> None:
        """//action: of the firmware or of its own screen."""
        now = time.monotonic()
        try:
            match name:
                case "pause":
                    self._printing.pause(api.PauseKind.PAUSE, now)
                case "paused":
                    self._printing.note_firmware_pause(now)
                case "resumed":
                    self._printing.note_firmware_resume(now)
                case "resume":
                    self._printing.resume(now)
                case "cancel" | "abort":
                    self._printing.cancel(now)
                case "notification" | "prompt_begin":
                    self._message = argument
                case _:
                    log.debug("action %s %s", name, argument)
        except ApplianceError as error:
            log.info("action %s: %s", name, error.long)

    def _on_halted(self, reason: str) -> None:
        log.error("printer halted: %s", reason)
        self._give_up(reason)
        self._see_problem(api.Problem("Printer halted", f"{reason} {RESET_HINT}"))

    def _on_failed(self, problem: api.Problem) -> None:
        log.error("connection given up: %s", problem.long)
        self._disconnected(problem.long)
        self._see_problem(self._heat.gone(problem))

    def _see_problem(self, problem: api.Problem) -> None:
        if problem != self._problem:
            self._problem = problem
            self.revision.bump()
