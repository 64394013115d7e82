"""What a person is told when the conversation with the printer fails."""

from __future__ import annotations

from appliance.printer.api import Problem

HEATERS_UNKNOWN = "Its heaters may still be on: whether they are off is not known."
"""Said of a printer that is gone and was told to heat."""

NO_ANSWER = Problem(
    "No printer answers",
    "The port is open, but no printer answers on it. Is the printer switched on, is this its "
    "port, and is the baud rate right?",
)
SILENT = Problem(
    "Printer is silent",
    "The printer stopped answering. Check the USB cable and that the printer still has power, "
    "then switch the printer off and on again.",
)
ENDLESS_RESENDS = Problem(
    "Endless resends",
    "The printer asks for the same line again and again. Use a shorter or better USB cable, keep "
    "it away from the motors' wires, and check the baud rate.",
)
LOST_COUNT = Problem(
    "Line numbers lost",
    "The printer asks for lines that it took long ago, so where it stands cannot be known. "
    "Another program may be sending to it; stop that, then restart the printer.",
)
