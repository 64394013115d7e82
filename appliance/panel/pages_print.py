"""The pages of the running print: pause, change of filament, resume, cancel."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from appliance.panel.actions import Action, Cancel, Pause, Resume
from appliance.panel.page import (
    BACK,
    BACK_ITEM,
    Do,
    Item,
    Page,
    Patience,
    Place,
    Then,
    View,
    asking,
    entry,
    opens,
    saying,
    waiting,
)
from appliance.panel.rules import changing_filament, preparing
from appliance.panel.screen import Icon, Keys, Line, Tone
from appliance.panel.state import PanelState
from appliance.panel.words import job_name, percent
from appliance.printer.api import Job, JobState, PauseKind

FILAMENT = Place(page=Page.FILAMENT)


def print_page(_place: Place, state: PanelState) -> View:
    """What can be done with the print now."""
    job = state.printed
    if job is not None and job.state is JobState.CANCELING:
        return saying("Print", "Canceling", icon=Icon.PLAY)
    if job is None and not _can_cancel(state):
        return saying("Print", "Nothing printing", icon=Icon.PLAY)
    items = (*(_held(job) if job is not None else ()), *_end(state), BACK_ITEM)
    value = percent(job.percent / 100) if job is not None else ""
    return View(title="Print", value=value, icon=Icon.PLAY, items=items)


def _held(job: Job) -> Iterator[Item]:
    """Pause and resume, as far as they fit the job's state."""
    if job.state in (JobState.PAUSED, JobState.PAUSING):
        if changing_filament(job):
            yield Item("filament", Line("New filament"), opens(FILAMENT))
        yield _closing("resume", "Resume", Resume())
    else:
        yield _closing("pause", "Pause", Pause())
    if job.state is JobState.PAUSING:
        return
    held = job.state is JobState.PAUSED
    if not (held and job.pause is PauseKind.COLD):
        yield _closing("cold", "Cold pause", Pause(PauseKind.COLD))
    if not changing_filament(job):
        change = opens(FILAMENT, Pause(PauseKind.FILAMENT))
        yield Item("filament", Line("New filament"), change)


def _closing(key: str, text: str, action: Action) -> Item:
    """The home screen tells what comes of it."""
    return Item(key, Line(text), Do(action=action, then=Then.CLOSE))


def _can_cancel(state: PanelState) -> bool:
    job = state.printed
    if job is not None:
        return job.state is not JobState.CANCELING
    coming = preparing(state)
    return coming is not None and not coming.cancel_requested


def _end(state: PanelState) -> Iterator[Item]:
    if _can_cancel(state):
        yield entry(Page.CANCEL, "Cancel print")


def cancel_page(_place: Place, state: PanelState) -> View | None:
    """Sure?"""
    if not _can_cancel(state):
        return None
    job = state.printed or preparing(state)
    name = job_name(job.name) if job is not None else ""
    return asking("Cancel print?", name, yes="Yes, cancel", action=Cancel())


def filament_page(place: Place, state: PanelState) -> View | None:
    """Step by step, at the person's own pace; the print waits."""
    job = state.printed
    if job is None:
        # The daemon may be away for a moment, and the hands are at the filament.
        return _parking(Patience.USUAL) if state.snapshot is None else None
    if job.state in (JobState.CANCELING, JobState.RESUMING):
        return None
    if not changing_filament(job):
        return None if place.step else _parking(Patience.USUAL)
    if job.state is JobState.PAUSING:
        return _parking(Patience.ENDLESS)
    return _step(place)


def _parking(patience: Patience) -> View:
    text = "The head is being parked and the old filament drawn back."
    view = waiting("New filament", "Please wait", text)
    return replace(view, patience=patience, waits=patience is Patience.USUAL)


def _step(place: Place) -> View:
    step = min(place.step, len(_STEPS) - 1)
    lines, ok = _STEPS[step]
    last = step == len(_STEPS) - 1
    return View(
        title="New filament",
        value=f"{step + 1}/{len(_STEPS)}",
        lines=tuple(map(Line, lines)),
        tone=Tone.ASKING,
        keys=Keys(left="Back", ok=ok),
        ok=Do(action=Resume(), then=Then.CLOSE) if last else _to(place, step + 1),
        left=_to(place, step - 1) if step else BACK,
        patience=Patience.ENDLESS,
    )


def _to(place: Place, step: int) -> Do:
    return Do(then=Then.REPLACE, place=replace(place, step=step))


_STEPS = (
    (("Pull the old out", "Then press OK"), "Done"),
    (("Push the new in", "Then press OK"), "Done"),
    (("OK loads it", "and goes on"), "Go on"),
)
