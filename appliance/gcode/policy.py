"""Which commands of a print file are not sent, because they would break the stream itself."""

from __future__ import annotations

import re

from appliance.gcode.reader import GcodeError

_LEFT_OUT = {
    "M20": "lists the printer's own card",
    "M29": "ends a file on the printer's own card",
    "M30": "deletes a file on the printer's own card",
    "M108": "would break off a wait",
    "M110": "would change the line numbers",
    "M113": "would change how the printer shows that it is alive",
    "M154": "would change the position reports",
    "M155": "would change the temperature reports",
    "M575": "would change the speed of the serial line",
    "M876": "would answer a question that a person was asked",
    "M999": "would restart the printer",
}
_REFUSED = {
    "M23": "starts a print from the printer's own card",
    "M24": "starts a print from the printer's own card",
    "M28": "writes the print to the printer's own card",
    "M32": "starts a print from the printer's own card",
    "M112": "is an emergency stop",
    "M928": "writes the print to the printer's own card",
    "M997": "replaces the printer's firmware",
}
_CODE = re.compile(r"M\s*0*(\d+)(?!\d|\.)", re.IGNORECASE)


def left_out(command: str, number: int) -> str:
    """Why ``command`` of a print file is not sent; "" when it is.

    Raises GcodeError naming line ``number`` when a print that holds it must not go on.
    """
    if command[:1] not in "Mm":
        return ""
    match = _CODE.match(command)
    if match is None:
        return ""
    code = f"M{match[1]}"
    if code in _REFUSED:
        raise GcodeError(
            f"Line {number} of the print file holds {code}, which {_REFUSED[code]}. "
            "Take that line out and start the print again."
        )
    return _LEFT_OUT.get(code, "")
