from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.polar import messages
from appliance.polar.messages import FinalState
from appliance.polar.status import StatusCode
from appliance.sim.cloud_records import Account, Direction, PrinterRecord
from appliance.sim.cloud_state import CloudState
from appliance.sim.cloud_view import LOG_SHOWN, STATES, page_state

SERIAL = "OP000001"


@pytest.fixture
def state() -> CloudState:
    return new_state()


def new_state() -> CloudState:
    state = CloudState([Account("owner@example.com", "1234")])
    record = PrinterRecord(
        serial_number=SERIAL, mac="b827eb710146", mfg="op", owner="owner@example.com", public_key=""
    )
    state._keep(record)
    state.connected(SERIAL, 1)
    return state


def shown(state: CloudState) -> Any:
    return page_state(state, None, 100.0, lambda key: f"/storage/{key}")["printer"]


def test_every_status_code_has_a_name() -> None:
    assert set(STATES) == {int(code) for code in StatusCode}


@pytest.mark.parametrize("code", range(16))
def test_buttons_fit_the_state(state: CloudState, code: int) -> None:
    state.queue_job(SERIAL, "a", 1, 0.0)
    state.report(SERIAL, {"status": code}, 1.0)
    can = shown(state)["can"]
    assert can["pause"] == (code in (1, 3, 11))
    assert can["resume"] == (code in (4, 9, 10))
    assert can["cancel"] == (code in (1, 2, 3, 4, 9, 10, 11))
    assert can["print"] == (code == 0)
    state.connected(SERIAL, -1)
    assert not any(shown(state)["can"].values())
    assert shown(state)["status"]["name"] == "Offline"


def test_a_print_in_numbers(state: CloudState) -> None:
    job = state.queue_job(SERIAL, "cube.gcode", 1000, 0.0)
    state.start_job(job, 0.0)
    fields = {
        "status": 3,
        "progress": "Job Printing",
        "progressDetail": f"Printing Job: {job} Percent Complete: 25.0% - Filament runs low.",
        "printSeconds": 100,
        "estimatedTime": 500,
        "bytesRead": 250,
        "fileSize": 1000,
        "jobId": job,
        "tool0": 200.0,
        "targetTool0": 210.0,
        "bed": 60.0,
    }
    state.report(SERIAL, fields, 1.0)
    status = shown(state)["status"]
    assert (status["name"], status["jobName"]) == ("Printing", "cube.gcode")
    assert (status["percent"], status["elapsed"], status["left"]) == (25.0, 100, 375)
    assert status["message"] == "Filament runs low."
    assert [heater["target"] for heater in status["temperatures"]] == [210.0, 0.0]


def test_left_without_an_estimate_comes_from_the_part_done(state: CloudState) -> None:
    state.report(SERIAL, {"status": 3, "printSeconds": 100, "bytesRead": 1, "fileSize": 4}, 1.0)
    assert shown(state)["status"]["left"] == 300


def test_a_canceled_attempt_shows_no_video(state: CloudState) -> None:
    job = state.queue_job(SERIAL, "a", 1, 0.0)
    for now, ending in ((1.0, FinalState.CANCELED), (2.0, FinalState.COMPLETED)):
        state.start_job(job, now)
        state.finish_job(SERIAL, job, ending, now=now)
    state.stored(f"files/printer/{SERIAL}/1/timelapse.mp4", 9, 3.0)
    completed, canceled = shown(state)["past"]
    assert completed["video"]["size"] == 9
    assert canceled["video"] is None


def test_console_and_log(state: CloudState) -> None:
    state.note(Direction.TO_PRINTER, SERIAL, "command", {"command": "M115"}, 1.0)
    state.note(Direction.FROM_PRINTER, SERIAL, "commandResponse", {"response": "ok"}, 2.0)
    for number in range(100):
        state.note(Direction.FROM_PRINTER, SERIAL, "status", {"status": number}, 3.0)
    page = page_state(state, SERIAL, 100.0, str)
    assert [line["text"] for line in page["printer"]["console"]] == ["M115", "ok"]
    assert len(page["log"]) == LOG_SHOWN
    assert page["log"][0]["text"] == "status: 99"


_ANY_STATUS = st.fixed_dictionaries(
    {"status": st.integers(0, 15), "serialNumber": st.just(SERIAL)},
    optional={
        "progress": st.text(max_size=20),
        "progressDetail": st.text(max_size=20)
        | st.floats(0, 1e9).map(lambda n: f"Percent Complete: {n}%"),
        "printSeconds": st.integers(0, 10**9),
        "estimatedTime": st.integers(0, 10**9),
        "bytesRead": st.integers(0, 10**12),
        "fileSize": st.integers(0, 10**12),
        "tool0": st.floats(-300, 1000),
        "jobId": st.integers(0, 99),
    },
)


@given(_ANY_STATUS)
def test_any_status_can_be_shown(fields: dict[str, Any]) -> None:
    state = new_state()
    _, normal = messages.encode(messages.parse_from_printer("status", fields))
    state.report(SERIAL, normal, 1.0)
    status = shown(state)["status"]
    assert status["percent"] is None or 0 <= status["percent"] <= 100
    assert status["left"] is None or status["left"] >= 0
    msgspec.json.encode(status)
