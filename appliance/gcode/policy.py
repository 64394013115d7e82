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
_CODE = re.compile(r"([GMT])\s*0*(\d+)(?!\d|\.)", re.IGNORECASE)
_ECHO = re.compile(r"M\s*0*118\s*(?:(?P<mark>[EA])1\s*|P\d+\s*)*(?P<text>.*)", re.IGNORECASE)
# What a host reads as the printer's own word where a line begins with it, or is no more.
_OWN_WORD = re.compile(
    r"""ok|\W*rs\b|Resend|Error|fatal|!!|wait\s*$|(?:echo:)?\s*busy:|(?:T\d*|B|C):
    |(?-i:[^a-z]{0,3})start\s*$|o.?\s*$|.?k\s*$|.*(?:\bresend\b|last\ line:|printer\ halted)""",
    re.IGNORECASE | re.VERBOSE,
)


def word(command: str) -> str:
    """The code of a command as it is usually written, ``M23`` for ``m 023``; "" for others."""
    match = _CODE.match(command)
    return f"{match[1].upper()}{match[2]}" if match else ""


def harm(command: str) -> str:
    """What ``command`` does to the stream of a print beside it, as a verb; "" for nothing."""
    code = word(command)
    if code == "M118" and _is_own_word(command):
        return "would say what only the printer itself says"
    return _REFUSED.get(code) or _LEFT_OUT.get(code, "")


def _is_own_word(command: str) -> bool:
    """The firmware's echo of this M118 would be taken for an answer of the firmware."""
    match = _ECHO.match(command)
    if match is None or match["mark"] in ("A", "a"):  # `//` stands in front, an action
        return False
    return _OWN_WORD.match(match["text"].strip()) is not None


def left_out(command: str, number: int) -> str:
    """Why ``command`` of a print file is not sent; "" when it is.

    Raises GcodeError naming line ``number`` when a print that holds it must not go on.
    """
    if command[:1] not in "Mm":
        return ""
    code = word(command)
    if code in _REFUSED:
        raise GcodeError(
            f"Line {number} of the print file holds {code}, which {_REFUSED[code]}. "
            "Take that line out and start the print again."
        )
    return harm(command)
