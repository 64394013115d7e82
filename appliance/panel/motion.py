"""What moves on a display, as functions of the time since its screen is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

FRAME: Final = 0.1  # seconds between two steps; OLEDs smear and buses fill beyond that
REST: Final = 1.5  # seconds that a long name rests at each end
TURN: Final = 5.0  # seconds for each part of what is shown in turn
_SOON: Final = 0.02  # never drawn again sooner, whatever rounding says


def scrolled(excess: int, step: int, elapsed: float) -> tuple[int, float]:
    """(offset, seconds until it changes) of a text that is ``excess`` pixels too long.

    It rests, runs ``step`` pixels a frame to its end, rests, and begins again.
    """
    run = run_time(excess, step) - 2 * REST
    now = elapsed % (2 * REST + run)
    if now < REST:
        return 0, max(REST - now, _SOON)
    if now < REST + run:
        frame = int((now - REST) / FRAME)
        until = REST + (frame + 1) * FRAME - now
        return min((frame + 1) * step, excess), max(until, _SOON)
    return excess, max(2 * REST + run - now, _SOON)


def run_time(excess: int, step: int) -> float:
    """Seconds for which such a text is under way, with its rests."""
    return 2 * REST + -(-excess // step) * FRAME


def turned(times: Sequence[float], elapsed: float) -> tuple[int, float, float | None]:
    """Which of several parts is shown in turn, for how long it has been, and for how long yet.

    ``times`` are seconds for each part; a single part is shown for ever (None).
    """
    if len(times) < 2:
        return 0, elapsed, None
    now = elapsed % sum(times)
    for index, time in enumerate(times):
        if now < time:
            return index, now, max(time - now, _SOON)
        now -= time
    return 0, 0.0, times[0]  # the remainder was rounded up to the sum


def swinging(room: int, elapsed: float) -> tuple[int, float]:
    """(place, seconds until it changes) of a block that swings over ``room`` pixels and back.

    It takes 3 s each way.
    """
    frame = int(elapsed / FRAME)
    phase = frame * FRAME / 3.0 % 2.0
    place = round(room * (phase if phase <= 1.0 else 2.0 - phase))
    return place, max((frame + 1) * FRAME - elapsed, _SOON)


def sooner(first: float | None, second: float | None) -> float | None:
    """The earlier of two times, None being never."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
