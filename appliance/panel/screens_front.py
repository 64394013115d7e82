"""The screens that need a person at once: door, plate, problem, error. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from appliance.panel import parts, words
from appliance.panel.actions import DismissProblem, PlateCleared, Resume
from appliance.panel.face import Face, Front, OpenMenu, ReadProblem, Soft, face
from appliance.panel.parts import MENU
from appliance.panel.screen import Icon, Keys, Line, Screen, Tone
from appliance.panel.screens_print import GO_ON, progress, took
from appliance.panel.state import PanelState
from appliance.polar.codes import StatusCode
from appliance.polar.job import Outcome
from appliance.printer.api import LinkState, Problem

_TITLE: Final = 16  # characters of a title that every display shows whole
_SHORT_KEYS: Final = Keys(ok="More")
_WHOLE_KEYS: Final = Keys(left="Back", ok="Got it")
_HALTED: Final = Problem(
    "Printer halted", "The printer halted. Look at it, then switch it off and on again."
)
_LOOK: Final = "Look at the printer before you print again."
_ENDED: Final[Mapping[StatusCode, str]] = {
    StatusCode.COMPLETE: "Print complete",
    StatusCode.CANCELING: "Print canceled",
    StatusCode.ERROR: "Print failed",
}


def error(state: PanelState) -> Face:
    """Status 12: short here, OK tells all of it."""
    problem = _cause(state)
    advice = Line("Turn off and on" if _halted(state) else "OK tells more")
    screen = Screen(
        title="Error",
        icon=Icon.WARNING,
        tone=Tone.TROUBLE,
        lines=(Line(words.plain(problem.short) or "Printer problem"), advice),
        text=words.plain(problem.long),
    )
    return face(screen, ok=Soft("More", ReadProblem(problem)), right=MENU)


def asks_for_plate(state: PanelState) -> bool:
    """A print lies on the plate: status 15, or its end is still what the status tells.

    The cloud is told of an end for half a minute, and offline for as long as that lasts.
    """
    if state.status is StatusCode.CLEAR_PLATE:
        return True
    over = state.printed is None and state.status in _ENDED
    if state.status is StatusCode.CANCELING:
        over = over and state.job is not None and state.job.outcome is Outcome.CANCELED
    return state.plate_full and over and not _halted(state)


def plate(state: PanelState) -> Face:
    """Status 15, or 7, 6 and 12 with how the print ended."""
    ended, job = _ENDED.get(state.status), progress(state)
    end = (Line(ended), Line(job.name), *took(job)) if ended else ()
    screen = Screen(
        title="Clear the plate",
        icon=Icon.WARNING,
        tone=Tone.ASKING,
        lines=(Line("Then press OK"), *end, *parts.temperature_lines(state)),
        text=" ".join(("Take the print off the build plate, then press OK.", *_end_told(state))),
    )
    return face(screen, ok=Soft("Done", PlateCleared()), right=_past(Front.PLATE))


def _end_told(state: PanelState) -> Iterator[str]:
    if state.status is StatusCode.ERROR:
        yield words.plain(_cause(state).long)
    elif state.status in _ENDED and state.job is not None:
        told = (words.plain(state.job.reason), words.plain(state.job.video_note))
        yield from (text for text in told if text)


def door(state: PanelState) -> Face:
    """Status 14, or a print that waits for the door, to begin or to go on."""
    if parts.door_asks(state):
        return _door_open_paused() if parts.door_open(state) else _door_closed_paused(state)
    if parts.waits_for_door(state):
        name = words.plain(state.waiting_for_door) or progress(state).name
        title, lines = "Close the door", [Line("Then it prints:"), Line(name)]
        text = "The print begins by itself as soon as the door is closed."
    else:
        title, lines = "Door is open", [Line("Close the door"), *parts.temperature_lines(state)]
        text = "Close the door to print."
    screen = Screen(title=title, icon=Icon.DOOR, tone=Tone.ASKING, lines=tuple(lines), text=text)
    return face(screen, ok=_past(Front.DOOR))


def problem(found: Problem) -> Face:
    """What stands in front until a person has dismissed it."""
    return face(
        problem_screen(found, whole=False),
        left=Soft("Close", DismissProblem()),
        ok=Soft("More", ReadProblem(found)),
        right=_past(Front.PROBLEM),
    )


def problem_screen(problem: Problem, *, whole: bool, trouble: bool = True) -> Screen:
    """A problem's short text, or with ``whole`` its long one; not ``trouble``: good news.

    With ``whole`` OK is "Got it" and left is "Back", without it OK is "More".
    """
    short, long = words.plain(problem.short), words.plain(problem.long)
    title = "Problem" if trouble else "Done"
    icon, tone = (Icon.WARNING, Tone.TROUBLE) if trouble else (Icon.DONE, Tone.CALM)
    return Screen(
        title=(short if 0 < len(short) <= _TITLE else title) if whole else title,
        icon=icon,
        tone=tone,
        lines=() if whole else (Line(short or title), Line("OK tells more")),
        text=(long or short or title) if whole else "",
        keys=_WHOLE_KEYS if whole else _SHORT_KEYS,
    )


def _door_open_paused() -> Face:
    screen = Screen(
        title="Close the door",
        icon=Icon.DOOR,
        tone=Tone.ASKING,
        lines=(Line("Then press OK"),),
        text="The print was paused because the door was opened. Close it, then press OK to go on.",
    )
    return face(screen, right=_past(Front.DOOR))


def _door_closed_paused(state: PanelState) -> Face:
    job = progress(state)
    screen = Screen(
        title="Door is closed",
        icon=Icon.DOOR,
        tone=Tone.ASKING,
        lines=(GO_ON, Line(job.name, job.percent), *parts.temperature_lines(state)),
        text="The print was paused because the door was opened. Press OK to go on.",
    )
    return face(screen, ok=Soft("Resume", Resume()), right=_past(Front.DOOR))


def _halted(state: PanelState) -> bool:
    return state.snapshot is not None and state.snapshot.link is LinkState.HALTED


def _cause(state: PanelState) -> Problem:
    """Why the status is 12, in words that say what to do."""
    if state.snapshot is not None and _halted(state):
        return state.snapshot.problem or _HALTED
    reason = progress(state).reason or "The print failed."
    return Problem("Print failed", f"{reason} {_LOOK}")


def _past(front: Front) -> Soft:
    return Soft("Menu", OpenMenu(front))
