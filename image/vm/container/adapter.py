"""A printer on a serial port: our virtual Marlin at the other end of a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from appliance.sim.marlin import VirtualMarlin
from appliance.sim.options import MarlinOptions
from appliance.sim.printer import PtyPrinter
from image.vm.container.loop import LIMIT, Loop
from image.vm.container.machine import INSIDE_PORTS, Container

T = TypeVar("T")
PORT = "/dev/ttyUSB0"


class Adapter:
    """A printer, and the adapter by which it hangs on a container as /dev/ttyUSB0.

    Faster than a real one: a print of some thousand moves takes some ten seconds. Opening the
    port resets the board, as with most.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._printer = PtyPrinter(MarlinOptions(speed=20.0), reset_on_open=True)
        loop.run(self._printer.__aenter__())

    def close(self) -> None:
        """Switch the printer off."""
        self._loop.run(self._printer.__aexit__(None, None, None))

    def attach(self, container: Container) -> None:
        """Put the adapter into the container's socket."""
        name = self._printer.path.removeprefix("/dev/pts/")
        port = container.path(PORT)
        port.unlink(missing_ok=True)
        port.symlink_to(f"{INSIDE_PORTS}/{name}")

    def unplug(self, container: Container) -> None:
        """Pull the adapter out."""
        container.path(PORT).unlink()
        self._loop.run(self._printer.unplug())

    def plug(self, container: Container) -> None:
        """Put it in again: the port is a new one, the board keeps what it did."""
        self._loop.run(self._printer.plug())
        self.attach(container)

    def ask(self, order: Callable[[VirtualMarlin], T]) -> T:
        """What the board says of itself."""
        return self._loop.run(self._printer.ask(lambda marlin, _: order(marlin)))

    def wait(self, condition: Callable[[VirtualMarlin], bool], limit: float = LIMIT) -> None:
        """Until the board is so."""
        self._loop.run(self._printer.wait_for(condition, limit), limit + 5)

    def wait_for_moves(self) -> None:
        """Until the first moves of a print were made."""
        self.wait(lambda marlin: marlin.last_command.startswith("G1 "))

    def targets(self) -> dict[str, float]:
        """What the board heats to, °C by Marlin's names."""
        return self.ask(
            lambda marlin: {name: heater.target for name, heater in marlin.machine.heaters()}
        )

    def executed(self, gcode: str) -> list[str]:
        """Those of the board's commands that are moves of the file, as often as it got them."""
        lines = set(moves_of(gcode))
        return self.ask(lambda marlin: [one for one in marlin.executed if one in lines])


def moves(count: int) -> str:
    """G-code of ``count`` moves, each of which stands there once."""
    lines = ["G90", "M83", "G28"]
    lines += [f"G1 X{n % 2 * 10 + n / 1000:.3f} Y{n / 100:.2f} E0.01 F3600" for n in range(count)]
    return "\n".join(lines) + "\n"


def moves_of(gcode: str) -> list[str]:
    """The moves in a file."""
    return [line for line in gcode.splitlines() if line.startswith("G1 ")]
