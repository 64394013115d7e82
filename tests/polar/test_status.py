"""The status codes 0 to 15, their order, and the status command as section 3.12 writes it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.polar.codes import RULES
from appliance.polar.job import PREPARING, CloudJob, LocalModel, Outcome, Phase
from appliance.polar.messages import Status, encode, parse_from_printer
from appliance.polar.status import StatusCode, StatusInputs, status_code, status_message
from appliance.printer.api import (
    LOCAL_JOB_ID,
    Heater,
    Job,
    JobState,
    LinkState,
    PauseKind,
    Problem,
    Snapshot,
    Source,
)

SN = "P3D99979"
ID = "P3D99979-178137"
STARTED = 1490797065.087  # 2017-03-29T14:17:45.087Z
NOW = STARTED + 1000
READY = Snapshot(link=LinkState.READY)


def printed(state: JobState = JobState.PRINTING, **changes: Any) -> Job:
    """The cloud job of the document's examples in the printer daemon."""
    job = Job(
        job_id=ID,
        key="k1",
        name="Fulcrum test",
        source=Source.CLOUD,
        path="/spool/k1.gcode",
        state=state,
        started_at=STARTED,
        print_seconds=166.4,
        file_size=50845,
        bytes_read=25268,
        estimated_seconds=105.2,
        filament_mm=166.9,
    )
    return msgspec.structs.replace(job, **changes)


def local(state: JobState = JobState.PRINTING, **changes: Any) -> Job:
    return printed(
        state, **{"job_id": LOCAL_JOB_ID, "key": "k2", "source": Source.LOCAL, **changes}
    )


def record(phase: Phase = Phase.PRINTING, **changes: Any) -> CloudJob:
    job = CloudJob(job_id=ID, key="k1", received_at=STARTED - 10, phase=phase)
    return msgspec.structs.replace(job, **changes)


def inputs(job: CloudJob | None = None, print_: Job | None = None, **changes: Any) -> StatusInputs:
    """A printer that answers, unless ``changes`` say otherwise."""
    link = changes.pop("link", LinkState.READY)
    snapshot = changes.pop("snapshot", Snapshot(link=link, job=print_))
    return StatusInputs(snapshot=snapshot, job=job, **changes)


PAUSE, COLD, FILAMENT = PauseKind.PAUSE, PauseKind.COLD, PauseKind.FILAMENT
COMPLETED = record(Phase.ENDED, outcome=Outcome.COMPLETED)
CANCELED = record(Phase.ENDED, outcome=Outcome.CANCELED)
FAILED = record(Phase.ENDED, outcome=Outcome.FAILED)

MODEL = LocalModel(key="m", name="part.stl", path="/x", detail="34 %: Infilling layers")

CASES: dict[str, tuple[int, StatusInputs]] = {
    "idle": (0, inputs()),
    "door closed": (0, inputs(door=1)),
    "door locked": (0, inputs(door=3)),
    "local print": (1, inputs(print_=local())),
    "downloading": (2, inputs(record(Phase.DOWNLOADING))),
    "slicing": (2, inputs(record(Phase.SLICING))),
    "downloading the configuration": (2, inputs(record(Phase.CONFIGURING))),
    "slicing for the local page": (11, inputs(model=MODEL)),
    "canceling that": (6, inputs(model=msgspec.structs.replace(MODEL, cancel_requested=True))),
    "slicing over lost printer": (11, inputs(model=MODEL, snapshot=None)),
    "halted over slicing": (12, inputs(model=MODEL, link=LinkState.HALTED)),
    "printing over slicing": (1, inputs(print_=local(), model=MODEL)),
    "complete over slicing": (7, inputs(COMPLETED, model=MODEL)),
    "starting": (2, inputs(record(Phase.STARTING))),
    "printing": (3, inputs(record(), printed())),
    "printing, record lost": (3, inputs(None, printed())),
    "pausing": (4, inputs(record(), printed(JobState.PAUSING, pause=PAUSE))),
    "paused": (4, inputs(record(), printed(JobState.PAUSED, pause=PAUSE))),
    "paused by itself": (4, inputs(record(), printed(JobState.PAUSED))),
    "resuming": (4, inputs(record(), printed(JobState.RESUMING, pause=PAUSE))),
    "local paused": (4, inputs(print_=local(JobState.PAUSED, pause=PAUSE))),
    "finishing": (5, inputs(record(Phase.FINISHING), printed(JobState.COMPLETED))),
    "completed, agent not yet told": (5, inputs(record(), printed(JobState.COMPLETED))),
    "cancel asked for": (6, inputs(record(cancel_requested=True), printed())),
    "canceling": (6, inputs(record(), printed(JobState.CANCELING))),
    "canceled, agent not yet told": (6, inputs(record(), printed(JobState.CANCELED))),
    "canceled": (6, inputs(CANCELED)),
    "local canceling": (6, inputs(print_=local(JobState.CANCELING))),
    "complete": (7, inputs(COMPLETED)),
    "updating": (8, inputs(updating=True)),
    "cold pause": (9, inputs(record(), printed(JobState.PAUSED, pause=COLD))),
    "resuming from cold": (9, inputs(record(), printed(JobState.RESUMING, pause=COLD))),
    "local cold pause": (9, inputs(print_=local(JobState.PAUSED, pause=COLD))),
    "filament": (10, inputs(record(), printed(JobState.PAUSED, pause=FILAMENT))),
    "local filament": (10, inputs(print_=local(JobState.PAUSING, pause=FILAMENT))),
    "network print": (11, inputs(print_=local(source=Source.NETWORK))),
    "failed": (12, inputs(FAILED)),
    "failed, not yet ended": (12, inputs(record(outcome=Outcome.FAILED))),
    "failed, agent not yet told": (12, inputs(record(), printed(JobState.FAILED))),
    "local failed": (12, inputs(print_=local(JobState.FAILED))),
    "halted": (12, inputs(link=LinkState.HALTED)),
    "no daemon": (13, inputs(snapshot=None)),
    "no port": (13, inputs(link=LinkState.DISCONNECTED)),
    "connecting": (13, inputs(link=LinkState.CONNECTING)),
    "door open": (14, inputs(door=0)),
    "door open, locked": (14, inputs(door=2)),
    "plate full": (15, inputs(plate_full=True)),
    # Precedence, the stronger one first in the name.
    "complete over lost printer": (7, inputs(COMPLETED, snapshot=None)),
    "canceled over lost printer": (6, inputs(CANCELED, snapshot=None)),
    "failed over lost printer": (12, inputs(FAILED, snapshot=None)),
    "complete over halted": (7, inputs(COMPLETED, link=LinkState.HALTED)),
    "complete over plate": (7, inputs(COMPLETED, plate_full=True)),
    "complete over updating": (7, inputs(COMPLETED, updating=True)),
    "complete over the next local print": (7, inputs(COMPLETED, local())),
    "finishing over halted": (5, inputs(record(Phase.FINISHING), link=LinkState.HALTED)),
    "finishing over lost printer": (5, inputs(record(Phase.FINISHING), snapshot=None)),
    "finishing over a cancel too late": (
        5,
        inputs(record(Phase.FINISHING, cancel_requested=True), printed(JobState.COMPLETED)),
    ),
    "cancel over lost printer": (6, inputs(record(cancel_requested=True), snapshot=None)),
    "cancel over preparing": (6, inputs(record(Phase.DOWNLOADING, cancel_requested=True))),
    "preparing over lost printer": (2, inputs(record(Phase.DOWNLOADING), snapshot=None)),
    "preparing over no port": (2, inputs(record(Phase.STARTING), link=LinkState.DISCONNECTED)),
    "preparing over plate": (2, inputs(record(Phase.SLICING), plate_full=True, door=1)),
    "door over preparing": (14, inputs(record(Phase.DOWNLOADING), door=0)),
    "door over starting": (14, inputs(record(Phase.STARTING), door=2)),
    "canceling over waiting for the door": (
        6,
        inputs(record(Phase.STARTING, cancel_requested=True), door=0),
    ),
    "starting over an open door once it prints": (
        2,
        inputs(record(Phase.STARTING), printed(), door=0),
    ),
    "paused over door": (4, inputs(record(), printed(JobState.PAUSED, pause=PAUSE), door=0)),
    "halted over waiting for the door": (
        12,
        inputs(record(Phase.STARTING), link=LinkState.HALTED, door=0),
    ),
    "halted over preparing": (12, inputs(record(Phase.DOWNLOADING), link=LinkState.HALTED)),
    "halted over printing": (12, inputs(record(), printed(), link=LinkState.HALTED)),
    "updating over lost printer": (8, inputs(snapshot=None, updating=True)),
    "printing over updating": (3, inputs(record(), printed(), updating=True)),
    "lost printer over printing": (13, inputs(record(), printed(), link=LinkState.DISCONNECTED)),
    "lost daemon over printing": (13, inputs(record(), snapshot=None)),
    "lost printer over plate": (13, inputs(snapshot=None, plate_full=True, door=0)),
    "printing over door": (3, inputs(record(), printed(), door=0, plate_full=True)),
    "local print over plate": (1, inputs(print_=local(), plate_full=True)),
    "plate over door": (15, inputs(plate_full=True, door=0)),
    # What is over is over.
    "local completed": (0, inputs(print_=local(JobState.COMPLETED))),
    "local canceled": (0, inputs(print_=local(JobState.CANCELED))),
    "announced and not yet forgotten": (0, inputs(None, printed(JobState.FAILED))),
    "the same job printed before": (
        3,
        inputs(record(key="k9"), printed(JobState.CANCELED)),
    ),
    "the printer has not shown the job yet": (3, inputs(record())),
}


@pytest.mark.parametrize("case", CASES)
def test_code(case: str) -> None:
    expected, given_ = CASES[case]
    assert status_code(given_) == expected
    assert status_message(given_, SN, NOW).status == expected


def test_every_code_is_shown() -> None:
    assert {code for code, _ in CASES.values()} == {code.value for code in StatusCode}
    assert [code.value for code in StatusCode] == list(range(16))


def test_every_rule_decides_some_case() -> None:
    deciding = [
        next((rule for rule in RULES if rule(given_) is not None), None)
        for _, given_ in CASES.values()
    ]
    assert set(RULES) <= set(deciding)


# The fields


def test_printing_status_of_the_document() -> None:
    heaters = {"tool0": Heater(185.14, 185.0), "tool1": Heater(0.0), "bed": Heater(0.0)}
    status = status_message(
        inputs(
            record(stl_url="https://x/object.stl", config_url="https://x/config.gcode"),
            snapshot=Snapshot(link=LinkState.READY, heaters=heaters, job=printed()),
        ),
        SN,
        NOW,
    )
    assert encode(status) == (
        "status",
        {
            "serialNumber": SN,
            "status": 3,
            "progress": "Job Printing",
            "progressDetail": "Printing Job: P3D99979-178137 Percent Complete: 49.7%",
            "estimatedTime": 105,
            "filamentUsed": 167,
            "startTime": "2017-03-29T14:17:45.087Z",
            "printSeconds": 166,
            "bytesRead": 25268,
            "fileSize": 50845,
            "tool0": 185.1,
            "tool1": 0.0,
            "bed": 0.0,
            "targetTool0": 185.0,
            "targetTool1": 0.0,
            "targetBed": 0.0,
            "jobId": ID,
            "file": "https://x/object.stl",
            "stlFile": "https://x/object.stl",
            "config": "https://x/config.gcode",
            "configFile": "https://x/config.gcode",
        },
    )


def test_idle_status() -> None:
    assert encode(status_message(inputs(), SN, NOW))[1] == {
        "serialNumber": SN,
        "status": 0,
        "progress": "Idle",
        "progressDetail": "",
        "estimatedTime": 0,
        "filamentUsed": 0,
        "printSeconds": 0,
        "bytesRead": 0,
        "fileSize": 0,
        "jobId": "0",
    }


@pytest.mark.parametrize(
    ("case", "progress", "detail"),
    [
        ("downloading", "Preparing to print a job", f"Downloading file for job: {ID}"),
        ("slicing", "Preparing to print a job", f"Slicing Job: {ID}"),
        ("starting", "Preparing to print a job", f"Starting job: {ID}"),
        ("paused", "Job Paused", f"Printing Job: {ID} Percent Complete: 49.7%"),
        ("pausing", "Pausing", f"Printing Job: {ID} Percent Complete: 49.7%"),
        ("resuming", "Resuming", f"Printing Job: {ID} Percent Complete: 49.7%"),
        ("resuming from cold", "Resuming", f"Printing Job: {ID} Percent Complete: 49.7%"),
        ("cold pause", "Cold Pause", f"Printing Job: {ID} Percent Complete: 49.7%"),
        ("filament", "Changing Filament", f"Printing Job: {ID} Percent Complete: 49.7%"),
        ("finishing", "Post processing job", f"Printing Job: {ID} Percent Complete: 100.0%"),
        ("canceling", "Canceling Job", f"Printing Job: {ID} Percent Complete: 49.7%"),
        ("local print", "Printing", "Printing Job: 123 Percent Complete: 49.7%"),
        ("network print", "Printing", "Printing Job: 123 Percent Complete: 49.7%"),
        ("updating", "Updating", "The appliance's software is being updated."),
        ("door open", "Door Open", "Close the printer's door to print."),
        (
            "plate full",
            "Clear Build Plate",
            "Take the print off the build plate and confirm it.",
        ),
        (
            "no port",
            "Disconnected",
            "The printer does not answer. Check its power and its USB cable.",
        ),
        ("connecting", "Disconnected", "The printer is connected and starting."),
        (
            "no daemon",
            "Disconnected",
            "The service that speaks to the printer does not answer; it is started again.",
        ),
        ("halted", "Error", "The printer halted. Look at it, then switch it off and on."),
    ],
)
def test_texts(case: str, progress: str, detail: str) -> None:
    status = status_message(CASES[case][1], SN, NOW)
    assert (status.progress, status.progress_detail) == (progress, detail)


def test_the_reason_of_a_failure_is_shown() -> None:
    job = record(
        Phase.ENDED, outcome=Outcome.FAILED, reason="The file is no G-code.", file_size=100
    )
    status = status_message(inputs(job), SN, NOW)
    assert status.progress == "Error"
    assert status.progress_detail == (
        f"Printing Job: {ID} Percent Complete: 0.0% - The file is no G-code."
    )


def test_the_reason_of_a_pause_is_shown() -> None:
    job = printed(JobState.PAUSED, reason="The filament ran out.")
    detail = status_message(inputs(record(), job), SN, NOW).progress_detail
    assert detail == f"Printing Job: {ID} Percent Complete: 49.7% - The filament ran out."


def test_the_printers_problem_is_shown_once() -> None:
    problem = Problem("Thermal runaway", "The nozzle did not heat as it should.")
    job = printed(JobState.FAILED, reason=problem.long)
    snapshot = Snapshot(link=LinkState.HALTED, problem=problem, job=job)
    detail = status_message(inputs(record(), snapshot=snapshot), SN, NOW).progress_detail
    assert detail == f"Printing Job: {ID} Percent Complete: 49.7% - {problem.long}"


def test_a_note_on_the_video_is_shown() -> None:
    job = record(
        Phase.ENDED, outcome=Outcome.COMPLETED, file_size=9, video_note="No camera, no video."
    )
    status = status_message(inputs(job), SN, NOW)
    assert status.progress == "Complete"
    assert status.progress_detail == (
        f"Printing Job: {ID} Percent Complete: 100.0% - No camera, no video."
    )
    assert status.bytes_read == 9


def test_details_of_the_download_are_shown() -> None:
    job = record(Phase.DOWNLOADING, detail="Downloading 34 %")
    detail = status_message(inputs(job), SN, NOW).progress_detail
    assert detail == f"Downloading file for job: {ID} - Downloading 34 %"


@pytest.mark.parametrize("phase", PREPARING)
def test_a_job_that_waits_for_the_door_says_so(phase: Phase) -> None:
    job = record(phase, name="Vase", detail="Downloading 34 %")
    status = status_message(inputs(job, door=2), SN, NOW)
    assert (status.status, status.door, status.job_id) == (14, 2, ID)
    assert status.progress == "Door Open"
    assert status.progress_detail == "Close the door: Vase waits - Downloading 34 %"


@pytest.mark.parametrize(
    ("door", "asks", "text"),
    [
        (1, False, ""),
        (0, False, " - The door is open. Close it, then resume."),
        (0, True, " - The door is open. Close it, then resume."),
        (1, True, " - The door paused the print. Resume it to go on."),
    ],
)
@pytest.mark.parametrize("pause", PauseKind)
def test_a_paused_print_says_what_the_door_wants(
    door: int, asks: bool, text: str, pause: PauseKind
) -> None:
    held = inputs(record(), printed(JobState.PAUSED, pause=pause), door=door, door_asks=asks)
    detail = status_message(held, SN, NOW).progress_detail
    assert detail == f"Printing Job: {ID} Percent Complete: 49.7%{text}"


def test_a_job_without_a_snapshot_is_told_from_its_record() -> None:
    job = record(
        file_size=200,
        bytes_read=50,
        started_at=STARTED,
        print_seconds=30.0,
        estimated_seconds=120.0,
        filament_mm=400.0,
        gcode_url="https://x/a.gcode",
    )
    status = status_message(inputs(job, snapshot=None), SN, NOW)
    assert status.status == 13
    assert (status.progress_detail or "").startswith(f"Printing Job: {ID} Percent Complete: 25.0%")
    assert (status.estimated_time, status.filament_used, status.print_seconds) == (120, 400, 30)
    assert status.start_time == "2017-03-29T14:17:45.087Z"
    assert status.file == "https://x/a.gcode"


def test_the_same_job_printed_before_lends_no_numbers() -> None:
    old = printed(JobState.CANCELED, key="k0", bytes_read=50000)
    status = status_message(inputs(record(Phase.DOWNLOADING), old), SN, NOW)
    assert (status.bytes_read, status.file_size) == (0, 0)


def test_no_print_begins_in_the_future() -> None:
    status = status_message(inputs(record(), printed()), SN, STARTED - 3600)
    assert status.start_time == "2017-03-29T13:17:45.087Z"


def test_temperatures_are_finite_and_of_known_heaters() -> None:
    heaters = {
        "tool0": Heater(float("nan"), 200.0),
        "tool2": Heater(20.0),
        "chamber": Heater(39.96, float("inf")),
    }
    status = status_message(
        inputs(snapshot=Snapshot(link=LinkState.READY, heaters=heaters)), SN, NOW
    )
    assert (status.tool0, status.target_tool0) == (None, 200.0)
    assert (status.chamber, status.target_chamber) == (40.0, None)


def test_the_door_is_reported() -> None:
    assert status_message(inputs(door=3), SN, NOW).door == 3


# Any inputs

TEXT = st.sampled_from(["", "A sentence.", "x" * 3000])
SOME = st.floats(0, 1e9)
JOBS = st.builds(
    Job,
    job_id=st.sampled_from([ID, LOCAL_JOB_ID]),
    key=st.sampled_from(["k1", "k2"]),
    name=TEXT,
    source=st.sampled_from(Source),
    path=TEXT,
    state=st.sampled_from(JobState),
    pause=st.none() | st.sampled_from(PauseKind),
    reason=TEXT,
    started_at=SOME,
    print_seconds=SOME | st.just(float("nan")),
    file_size=st.integers(0, 2**40),
    bytes_read=st.integers(0, 2**40),
    estimated_seconds=st.none() | SOME | st.just(float("inf")),
    filament_mm=st.none() | SOME,
)
RECORDS = st.builds(
    CloudJob,
    job_id=st.just(ID),
    key=st.sampled_from(["k1", "k2"]),
    received_at=SOME,
    phase=st.sampled_from(Phase),
    detail=TEXT,
    outcome=st.none() | st.sampled_from(Outcome),
    reason=TEXT,
    video_note=TEXT,
    cancel_requested=st.booleans(),
    file_size=st.integers(0, 2**40),
    bytes_read=st.integers(0, 2**40),
    stl_url=TEXT,
)
SNAPSHOTS = st.builds(
    Snapshot,
    link=st.sampled_from(LinkState),
    problem=st.none() | st.builds(Problem, TEXT, TEXT),
    heaters=st.dictionaries(
        st.sampled_from(["tool0", "tool1", "tool2", "bed", "chamber"]),
        st.builds(Heater, st.floats(), st.floats(-1e6, 1e6)),
    ),
    job=st.none() | JOBS,
)
INPUTS = st.builds(
    StatusInputs,
    snapshot=st.none() | SNAPSHOTS,
    job=st.none() | RECORDS,
    door=st.none() | st.integers(0, 3),
    door_asks=st.booleans(),
    updating=st.booleans(),
    plate_full=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(given_=INPUTS, now=st.floats(0, 4e9))
def test_any_inputs_give_a_status_that_the_protocol_allows(
    given_: StatusInputs, now: float
) -> None:
    status = status_message(given_, SN, now)
    event, payload = encode(status)
    parsed = parse_from_printer(event, json.loads(json.dumps(payload, allow_nan=False)))
    assert isinstance(parsed, Status)
    assert parsed.status == status_code(given_)
    assert parsed.progress
    assert len(parsed.progress_detail or "") <= 1000
    shows_a_job = parsed.job_id != "0"
    assert shows_a_job == (parsed.start_time is not None)
    if given_.job is not None:
        assert parsed.job_id == ID
    if given_.job is not None and given_.job.phase is Phase.ENDED:
        assert parsed.status in (6, 7, 12)
    if status_code(given_) in (0, 13, 14, 15) and given_.job is None:
        assert parsed.job_id == "0" or given_.snapshot is not None


def test_a_start_by_a_clock_that_was_not_set_is_counted_back() -> None:
    today = 1_790_000_000.0  # 2026-09-21T14:13:20Z
    job = record(started_at=75.0, print_seconds=600.0)
    status = status_message(inputs(job, snapshot=None), SN, today)
    assert status.start_time == "2026-09-21T14:03:20.000Z"
