"""The screens of a job, from its download to its end. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from appliance.panel import parts, words
from appliance.panel.actions import Resume
from appliance.panel.face import Face, Soft, face
from appliance.panel.parts import MENU
from appliance.panel.screen import Bar, Icon, Line, Screen, Tone
from appliance.panel.state import PanelState
from appliance.polar.codes import StatusCode
from appliance.polar.job import Outcome, Phase
from appliance.printer.api import Job, JobState, PauseKind

GO_ON: Final = Line("Go on: press OK")

_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?) ?%")
_AMOUNT: Final = re.compile(r"\d+(?:\.\d+)? [kMG]?B\b")
_WAITING: Final = re.compile(r"Waiting (for [^:]+)(?:: *(.*))?")
_PREPARING_TITLE: Final[Mapping[Phase, str]] = {
    Phase.DOWNLOADING: "Downloading",
    Phase.CONFIGURING: "Downloading",
    Phase.SLICING: "Slicing",
    Phase.STARTING: "Starting print",
}
_PAUSE_TITLE: Final[Mapping[PauseKind, str]] = {
    PauseKind.PAUSE: "Paused",
    PauseKind.COLD: "Cold pause",
    PauseKind.FILAMENT: "New filament",
}
_PAUSE_TEXT: Final[Mapping[PauseKind, str]] = {
    PauseKind.PAUSE: "The printer stays warm.",
    PauseKind.COLD: "The nozzle is off and heats up again first.",
    PauseKind.FILAMENT: "Pull the old filament out and put the new one in; the printer loads it.",
}
_PAUSE_OF_STATUS: Final[Mapping[StatusCode, PauseKind]] = {
    StatusCode.COLD_PAUSE: PauseKind.COLD,
    StatusCode.CHANGING_FILAMENT: PauseKind.FILAMENT,
}


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the job that a screen speaks of. Durations in seconds."""

    name: str
    fraction: float = 0.0
    printed: float = 0.0
    estimated: float | None = None
    layer: int | None = None
    layers: int | None = None
    reason: str = ""

    @property
    def percent(self) -> str:
        """For the right of the title."""
        return words.percent(self.fraction)


def progress(state: PanelState) -> Progress:
    """From the printer's job, or from the cloud job's record where that is all there is."""
    job, record = _printed(state), state.job
    if job is not None:
        return Progress(
            name=words.job_name(job.name),
            fraction=_fraction(job.bytes_read, job.file_size),
            printed=job.print_seconds,
            estimated=job.estimated_seconds,
            layer=job.layer,
            layers=job.layers,
            reason=words.plain(job.reason or (record.reason if record is not None else "")),
        )
    if record is None:
        model = state.model
        return Progress(name=words.job_name(model.name) if model is not None else words.UNNAMED)
    return Progress(
        name=words.job_name(record.name),
        fraction=_fraction(record.bytes_read, record.file_size),
        printed=record.print_seconds,
        estimated=record.estimated_seconds,
        reason=words.plain(record.reason),
    )


def preparing(state: PanelState) -> Face:
    """Status 2: how far download or slicing are, or what the job waits for."""
    record = state.job
    title = _PREPARING_TITLE.get(record.phase, "Preparing") if record is not None else "Preparing"
    return _prepared(title, progress(state).name, record.detail if record is not None else "")


def from_network(state: PanelState) -> Face:
    """Status 11: a model of the local page is sliced, then printed."""
    model = state.model
    if model is None or state.printed is not None:
        return printing(state)
    return _prepared(_PREPARING_TITLE[Phase.SLICING], words.job_name(model.name), model.detail)


def _prepared(title: str, job_name: str, said: str) -> Face:
    detail, name = words.plain(said), Line(job_name)
    if waiting := _WAITING.fullmatch(detail):
        reason = waiting[2] or "The print begins by itself as soon as it can."
        lines = (Line(waiting[1]), name)
        return _working(Screen(title="Waiting", icon=Icon.CLOCK, lines=lines, text=reason))
    found = _PERCENT.search(detail)
    fraction = min(1.0, float(found[1]) / 100) if found else None
    amount = _AMOUNT.search(detail)
    return _working(
        Screen(
            title=title,
            value=words.percent(fraction) if fraction is not None else "",
            icon=Icon.CLOUD if title == "Downloading" else Icon.CLOCK,
            lines=(name, *((Line("So far", amount[0]),) if amount else ())),
            bar=Bar(fraction),
        )
    )


def printing(state: PanelState) -> Face:
    """Statuses 1, 3 and 11, once it is printed."""
    job = progress(state)
    return _working(
        Screen(
            title=job.name,
            value=job.percent,
            icon=Icon.PLAY,
            lines=tuple(_printing_lines(state, job)),
            text=words.plain(state.notice),
            bar=Bar(job.fraction),
        )
    )


def paused(state: PanelState) -> Face:
    """Statuses 4, 9 and 10: on the way into the pause, in it, or on the way back."""
    job = _printed(state)
    if job is not None and job.state is JobState.PAUSING:
        return _pausing(state)
    if job is not None and job.state is JobState.RESUMING:
        return _resuming(state)
    kind = _pause_kind(state)
    shown = progress(state)
    closed = not parts.door_open(state)
    way = "Press OK to go on." if closed else "Close the door, then press OK to go on."
    screen = Screen(
        title=_PAUSE_TITLE[kind],
        value=shown.percent,
        icon=Icon.PAUSE,
        tone=Tone.ASKING,
        lines=(
            GO_ON if closed else Line("Close the door", icon=Icon.DOOR),
            Line(shown.name),
            *parts.temperature_lines(state),
            *parts.offline_lines(state),
        ),
        text=_sentences(shown.reason, _PAUSE_TEXT[kind], way),
    )
    return face(screen, ok=Soft("Resume", Resume()) if closed else None, right=MENU)


def finishing(state: PanelState) -> Face:
    """Status 5: the print is done, its video is being made."""
    job = progress(state)
    return _working(
        Screen(
            title="Print is done",
            icon=Icon.DONE,
            lines=(Line("Making the video"), Line(job.name), *took(job)),
            bar=Bar(None),
        )
    )


def complete(state: PanelState) -> Face:
    """Status 7."""
    job = progress(state)
    note = words.plain(state.job.video_note) if state.job is not None else ""
    screen = Screen(
        title="Print complete",
        icon=Icon.DONE,
        lines=(Line(job.name), *took(job), *parts.temperature_lines(state)),
        text=note,
    )
    return face(screen, ok=MENU)


def canceling(state: PanelState) -> Face:
    """Status 6: the printer is made safe, or all of it is over."""
    job = progress(state)
    record = state.job
    ended = record is not None and record.outcome is Outcome.CANCELED and state.printed is None
    lines = (Line(job.name), *parts.temperature_lines(state))
    if ended:
        screen = Screen(title="Print canceled", icon=Icon.DONE, lines=lines, text=job.reason)
        return face(screen, ok=MENU)
    wait = Line("Please wait")
    return _working(Screen(title="Canceling", icon=Icon.CLOCK, lines=(wait, *lines), bar=Bar(None)))


def _pausing(state: PanelState) -> Face:
    job = progress(state)
    return _working(
        Screen(
            title="Pausing",
            value=job.percent,
            icon=Icon.PAUSE,
            lines=(Line("Please wait"), Line(job.name), *parts.temperature_lines(state)),
            text="The printer ends its moves and goes to its parking place.",
        )
    )


def _resuming(state: PanelState) -> Face:
    job = progress(state)
    step = "Heating: wait" if parts.heating(state) else "Please wait"
    return _working(
        Screen(
            title="Resuming",
            value=job.percent,
            icon=Icon.PLAY,
            lines=(Line(step), *parts.temperature_lines(state), Line(job.name)),
            text="The printer goes back to where it stopped and goes on by itself.",
        )
    )


def _printing_lines(state: PanelState, job: Progress) -> Iterator[Line]:
    if job.estimated is not None:
        yield Line("Left", _left(job.estimated, job.printed), Icon.CLOCK)
    if parts.door_open(state):
        yield Line("Door is open", icon=Icon.DOOR)
    yield from parts.temperature_lines(state)
    if job.layer is not None:
        layers = f"/{job.layers}" if job.layers else ""
        yield Line("Layer", f"{job.layer}{layers}", Icon.LAYERS)
    yield Line("So far", words.duration(job.printed), Icon.CLOCK)
    yield from parts.offline_lines(state)


def _left(estimated: float, printed: float) -> str:
    """The slicer's estimate is often short: past it nobody knows, but it cannot be long."""
    left = estimated - printed
    return words.duration(left) if left > 0 else "soon"


def took(job: Progress) -> tuple[Line, ...]:
    """How long it was printed, where that is known."""
    return (Line("Took", words.duration(job.printed), Icon.CLOCK),) if job.printed > 0 else ()


def _working(screen: Screen) -> Face:
    return face(msgspec.structs.replace(screen, tone=Tone.WORKING), ok=MENU)


def _printed(state: PanelState) -> Job | None:
    """The printer's job, unless it is another one than the status speaks of."""
    job = state.snapshot.job if state.snapshot is not None else None
    if job is None or state.job is None or job.key == state.job.key:
        return job
    return None


def _pause_kind(state: PanelState) -> PauseKind:
    by_status = _PAUSE_OF_STATUS.get(state.status, PauseKind.PAUSE)
    job = _printed(state)
    return job.pause or by_status if job is not None else by_status


def _fraction(part: int, whole: int) -> float:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0


def _sentences(*texts: str) -> str:
    return " ".join(text for text in texts if text)
