"""The state as a person reads it in a terminal."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.agent.api import AgentView
from appliance.polar.job import CloudJob, Outcome, Phase
from appliance.printer import api
from appliance.status_text import bar, duration, rows, table

VIEW = AgentView(
    version="1",
    status=0,
    progress="Idle",
    progress_detail="",
    serial_number="P3D1",
    email="owner@example.com",
    online=True,
    cloud="Connected to the Polar Cloud.",
    camera="ready",
    notice="",
    job=None,
    last_job=None,
    owed=0,
    owed_error="",
    snapshot=None,
)
READY = api.Snapshot(
    link=api.LinkState.READY,
    port="/dev/serial/by-id/usb-1",
    baud=250_000,
    firmware="Marlin 2.1",
    machine="Ender",
    heaters={"tool0": api.Heater(201.24, 200.0), "bed": api.Heater(22.0)},
)
JOB = api.Job(
    job_id="123",
    key="k",
    name="vase.gcode",
    source=api.Source.LOCAL,
    path="/a",
    state=api.JobState.PRINTING,
    started_at=1.0,
    print_seconds=60.0,
    file_size=200,
    bytes_read=50,
    estimated_seconds=240.0,
    layer=3,
    layers=12,
    lines_sent=99,
    resends=2,
)


def told(view: AgentView | None, snapshot: api.Snapshot | None) -> dict[str, str]:
    return dict(rows(view, snapshot))


def changed(of: msgspec.Struct, **changes: Any) -> Any:
    return msgspec.structs.replace(of, **changes)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 60))
def test_a_bar_is_as_wide_as_asked(percent: float, width: int) -> None:
    assert len(bar(percent, width)) == width


@given(st.floats(0, 100), st.floats(0, 100), st.integers(1, 60))
def test_a_bar_never_shrinks_as_the_print_grows(one: float, other: float, width: int) -> None:
    steps = "· ▏▎▍▌▋▊▉█"

    def length(text: str) -> int:
        return sum(steps.index(block) for block in text)

    low, high = sorted((one, other))
    assert length(bar(low, width)) <= length(bar(high, width))


def test_the_ends_of_a_bar() -> None:
    assert bar(0, 4) == bar(-5, 4) == "····"
    assert bar(100, 4) == bar(250, 4) == "████"
    assert bar(50, 4) == "██··"
    assert bar(3.125, 4) == "▏···"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00:00"), (59.6, "0:01:00"), (3725, "1:02:05"), (90_000, "1 day, 1:00:00")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_nobody_runs() -> None:
    lines = told(None, None)
    assert "polar-agent" in lines["Agent"]
    assert "polar-printer" in lines["Printer"]


def test_idle() -> None:
    lines = told(VIEW, READY)
    assert lines["State"] == "Idle"
    assert lines["Serial number"] == "P3D1"
    assert lines["Printer"] == "ready on /dev/serial/by-id/usb-1 at 250000 baud"
    assert lines["Firmware"] == "Marlin 2.1 Ender"
    assert lines["Temperatures"] == "bed 22.0 °C, tool0 201.2 of 200 °C"
    assert "Print" not in lines


@pytest.mark.parametrize("link", api.LinkState)
def test_every_link_has_words(link: api.LinkState) -> None:
    assert told(VIEW, api.Snapshot(link=link))["Printer"]


def test_a_running_print() -> None:
    lines = told(VIEW, changed(READY, job=JOB))
    assert lines["Print"] == "vase.gcode: printing"
    assert lines["Progress"].endswith("25.0 %")
    assert lines["Time"] == "0:01:00 printed, about 0:03:00 left"
    assert lines["Layer"] == "3 of 12"
    assert lines["Lines"] == "99 sent, 2 sent again"


@pytest.mark.parametrize("state", api.JobState)
def test_every_state_of_a_print_can_be_told(state: api.JobState) -> None:
    job = changed(JOB, state=state, pause=api.PauseKind.COLD, reason="The nozzle is off.")
    lines = told(None, changed(READY, job=job, problem=api.Problem("Short", "Long.")))
    assert lines["Print"] == f"vase.gcode: {state.value} (cold)"
    assert lines["Reason"] == "The nozzle is off."
    assert lines["Problem"] == "Long."
    assert ("left" in lines["Time"]) == (not state.ended)


def test_a_print_that_took_longer_than_estimated_has_nothing_left() -> None:
    late = changed(JOB, print_seconds=999.0)
    assert told(None, changed(READY, job=late))["Time"].endswith("about 0:00:00 left")


def test_what_the_agent_adds() -> None:
    job = CloudJob(
        job_id="P3D1-2", key="k", name="Vase", received_at=1.0, detail="Downloading 34 %"
    )
    last = changed(
        job, phase=Phase.ENDED, outcome=Outcome.FAILED, reason="It was cold.", video_note="Dark."
    )
    view = changed(
        VIEW, job=job, last_job=last, owed=2, owed_error="No room.", notice="Look.",
        progress_detail="Downloading file for job: P3D1-2", serial_number=None,
    )  # fmt: skip
    lines = told(view, READY)
    assert lines["State"] == "Downloading file for job: P3D1-2"
    assert lines["Serial number"] == "not registered"
    assert lines["Cloud job"] == "Vase (downloading) Downloading 34 %"
    assert lines["Last cloud job"] == "Vase: failed. It was cold. Dark."
    assert lines["Owed to the cloud"] == "2 waiting: No room."
    assert lines["Notice"].endswith(": Look.")
    assert "Cloud job" not in told(changed(view, job=last), READY)


@pytest.mark.parametrize(
    ("door", "paused", "text"),
    [
        (None, False, None),
        (0, False, "open: close it to print"),
        (1, False, "closed"),
        (2, True, "open, its lock is locked: close it, then: polar-appliance resume"),
        (3, True, "closed and locked"),
        (7, False, ""),
    ],
)
def test_the_door_says_what_to_do(door: int | None, paused: bool, text: str | None) -> None:
    pause = api.PauseKind.PAUSE if paused else None
    snapshot = changed(READY, job=changed(JOB, pause=pause))
    lines = told(changed(VIEW, door=door, snapshot=snapshot), snapshot)
    assert lines["Door"] == (text or "")


def test_a_full_plate_says_what_to_do() -> None:
    assert "Build plate" not in told(VIEW, READY)
    assert (
        "polar-appliance plate-clear" in told(changed(VIEW, plate_full=True), READY)["Build plate"]
    )


def test_the_front_panel_is_told_where_there_is_one() -> None:
    assert told(VIEW, READY)["Front panel"] == "", "and table() leaves it out"
    view = changed(VIEW, panel="buttons.ok: The button is down all the time.")
    assert told(view, READY)["Front panel"] == "buttons.ok: The button is down all the time."


def test_the_table_stands_in_two_columns_without_empty_lines() -> None:
    text = table(iter([("A", "one"), ("Long label", "two"), ("B", "")]))
    assert text == "A           one\nLong label  two"
