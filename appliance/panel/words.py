"""Names, durations, temperatures and times as the small displays show them. Pure.

Whatever comes from outside (job names, sentences of the cloud, the printer's texts) goes
through :func:`plain` before it stands on a screen.
"""

from __future__ import annotations

import math
import time
import unicodedata
from typing import Final

from appliance.printer.api import Heater

UNNAMED: Final = "Unnamed job"
LONGEST_NAME: Final = 300  # characters; more would scroll for minutes
LONGEST_TEXT: Final = 1000
AT_TARGET: Final = 2.0  # °C; heaters swing about their target, the display need not

_MINUTE: Final = 60
_DAY_MINUTES: Final = 24 * 60
_SAME_DAY: Final = 20 * 3600.0  # s; an hour of the clock alone says no more than that
_HOTTEST: Final = 999.0  # °C; beyond it, it is noise on the line
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_SPACES: Final = frozenset({"Cc", "Zl", "Zp", "Zs"})  # controls, among them line ends and tabs
# Direction marks and zero-width characters would turn or break a line of a display around.
_SILENT: Final = frozenset({"Cf"})
_UNREADABLE: Final = frozenset({"Cs", "Co", "Cn"})  # halves of pairs, private, unassigned


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """``text`` on one line without anything that is not to be seen; "" when nothing is left."""
    visible = "".join(map(_visible, text[:longest]))
    return " ".join(unicodedata.normalize("NFC", visible).split())[:longest].strip()


def job_name(name: str) -> str:
    """The name of a job for a person, never empty."""
    return plain(name, LONGEST_NAME) or UNNAMED


def duration(seconds: float) -> str:
    """Such as "<1 min", "14 min", "2h 04m", "3d 07h"; 8 characters at most.

    Whole minutes: a display that changes each second is not calm. "?" for no number.
    """
    if not math.isfinite(seconds):
        return "?"
    minutes = int(max(0.0, seconds)) // _MINUTE
    if minutes < 1:
        return "<1 min"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < _DAY_MINUTES:
        return f"{minutes // 60}h {minutes % 60:02d}m"
    days = minutes // _DAY_MINUTES
    return f"{days}d {minutes % _DAY_MINUTES // 60:02d}h" if days < 100 else ">99 days"


def percent(fraction: float) -> str:
    """Such as "42%". It is 100% only at the end: 99.9% is not done."""
    return f"{math.floor(100 * _within(fraction) + 1e-6)}%"  # 0.29 is a little less than that


def temperature(heater: Heater) -> str:
    """Such as "24°", and while it heats up or cools down to a target "148→205°"."""
    actual, target = _degrees(heater.actual), _degrees(heater.target)
    wanted = math.isfinite(heater.target) and heater.target > 0
    if wanted and not is_at_target(heater):
        return f"{actual}→{target}°"
    return f"{actual}°"


def is_at_target(heater: Heater) -> bool:
    """The heater is as warm as it should be, or off."""
    return not heater.target > 0 or abs(heater.actual - heater.target) <= AT_TARGET


def clock(moment: float, now: float) -> str:
    """Local time of ``moment``, such as "09:45"; its date, "28 Sep", when it is not near.

    Both are Unix seconds.
    """
    try:
        local = time.localtime(moment)
    except (ValueError, OverflowError, OSError):  # a number that is no time
        return "?"
    if abs(now - moment) <= _SAME_DAY:
        return f"{local.tm_hour:02d}:{local.tm_min:02d}"
    return f"{local.tm_mday} {_MONTHS[3 * local.tm_mon - 3 : 3 * local.tm_mon]}"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in _SPACES:
        return " "
    if category in _SILENT:
        return ""
    return "?" if category in _UNREADABLE else character


def _within(fraction: float) -> float:
    return min(1.0, max(0.0, fraction)) if math.isfinite(fraction) else 0.0


def _degrees(value: float) -> str:
    return str(round(value)) if math.isfinite(value) and abs(value) <= _HOTTEST else "?"
