"""What the cloud does to a ``command`` before it sends it (section 2.3)."""

from __future__ import annotations

import re

_SETTING = re.compile(r"\s*M(?P<code>104|140)(?![0-9])(?P<rest>[^;]*)(;.*)?", re.IGNORECASE)
_TARGET = re.compile(r"S\s*([0-9]+(?:\.[0-9]*)?)", re.IGNORECASE)
_TOOL = re.compile(r"T\s*([0-9]{1,2})", re.IGNORECASE)


def split_temperatures(command: str) -> tuple[dict[str, float], str]:
    """Targets of the M104 and M140 lines by heater (°C), and the lines that are left."""
    targets: dict[str, float] = {}
    rest: list[str] = []
    for line in command.split("\n"):
        setting = _SETTING.fullmatch(line)
        value = _TARGET.search(setting["rest"]) if setting else None
        if setting is None or value is None:
            rest.append(line)
            continue
        tool = _TOOL.search(setting["rest"])
        heater = "bed" if setting["code"] == "140" else f"tool{int(tool[1]) if tool else 0}"
        targets[heater] = float(value[1])
    text = "\n".join(rest)
    return targets, text if text.strip() else ""
