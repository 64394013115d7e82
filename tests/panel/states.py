"""Hypothesis strategies for everything that the panel can be asked to show."""

import string
from typing import Final

from hypothesis import strategies as st
from msgspec.structs import replace

from appliance.host.network_api import AccessPoint, Link, NetworkState, Security
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.screen import Screen
from appliance.panel.screens import home_screen
from appliance.panel.state import Cloud, PanelState, QueueEntry, QueuePage
from appliance.polar.codes import StatusCode, StatusInputs, status_code, waiting_for_door
from appliance.polar.job import CloudJob, LocalModel, Outcome, Phase
from appliance.printer.api import (
    Heater,
    Job,
    JobState,
    LinkState,
    PauseKind,
    Problem,
    Snapshot,
    Source,
)
from appliance.settings_panel import MATERIALS
from appliance.setup.api import Answers, Errand, Facts, Progress, SetupRecord, SetupView, Step
from appliance.sim.panel_examples import EXAMPLES, NOW

NASTY: Final = "\x00\n\r\t\x1b[31m\u202e\u200f\u2066\u200b\ufeff\ud800\U000f0000\u0301"
TEXTS: Final = st.one_of(
    st.just(""),
    st.text(string.ascii_letters + " .-äöüß°", max_size=40),
    st.text(st.characters(exclude_categories=()), max_size=300),
    st.text(NASTY, max_size=300),
)
NUMBERS: Final = st.one_of(st.floats(-10.0, 100_000.0), st.floats())
MOMENTS: Final = st.one_of(st.floats(NOW - 200_000.0, NOW + 200_000.0), st.floats())
AMOUNTS: Final = st.integers(0, 10**10)
MAYBE: Final = st.none()
KEYS: Final = st.sampled_from(("one", "two"))  # of jobs: the record's and the printer's may differ

strokes: Final = st.builds(KeyStroke, st.sampled_from(Key), st.sampled_from(Stroke))
problems: Final = st.builds(Problem, TEXTS, TEXTS)
heaters: Final = st.dictionaries(
    st.one_of(st.sampled_from(("tool0", "tool1", "bed", "chamber")), TEXTS),
    st.builds(Heater, NUMBERS, NUMBERS),
    max_size=4,
)
printer_jobs: Final = st.builds(
    Job,
    job_id=KEYS,
    key=KEYS,
    name=TEXTS,
    source=st.sampled_from(Source),
    path=st.just("/spool/a.gcode"),
    state=st.sampled_from(JobState),
    pause=MAYBE | st.sampled_from(PauseKind),
    reason=TEXTS,
    started_at=MOMENTS,
    ended_at=MAYBE | MOMENTS,
    print_seconds=NUMBERS,
    file_size=AMOUNTS,
    bytes_read=AMOUNTS,
    estimated_seconds=MAYBE | NUMBERS,
    layer=MAYBE | st.integers(0, 99_999),
    layers=MAYBE | st.integers(0, 99_999),
)
snapshots: Final = st.builds(
    Snapshot,
    link=st.sampled_from(LinkState),
    problem=MAYBE | problems,
    message=TEXTS,
    heaters=heaters,
    job=MAYBE | printer_jobs,
)
details: Final = TEXTS | st.sampled_from(
    (
        "Downloading",
        "Downloading 34 %",
        "Downloading 3.2 MB",
        "Slicing 250 %",
        "Starting the print",
        "Waiting for the printer: It does not answer.",
        "Waiting for the door",
        "Waiting for the door: \u202e",
    )
)
records: Final = st.builds(
    CloudJob,
    job_id=KEYS,
    key=KEYS,
    name=TEXTS,
    received_at=MOMENTS,
    phase=st.sampled_from(Phase),
    detail=details,
    print_seconds=NUMBERS,
    estimated_seconds=MAYBE | NUMBERS,
    file_size=AMOUNTS,
    bytes_read=AMOUNTS,
    cancel_requested=st.booleans(),
    outcome=MAYBE | st.sampled_from(Outcome),
    reason=TEXTS,
    video_note=TEXTS,
)
models: Final = st.builds(
    LocalModel,
    key=KEYS,
    name=TEXTS,
    path=st.just("/uploads/part.stl"),
    detail=details,
    cancel_requested=st.booleans(),
)
clouds: Final = st.builds(
    Cloud,
    online=st.booleans(),
    serial_number=MAYBE | st.just("P3D12345"),
    email=TEXTS,
    text=TEXTS,
    offline_since=MAYBE | MOMENTS,
    next_try=MAYBE | MOMENTS,
    no_time=st.booleans(),
)
queues: Final = st.builds(
    QueuePage,
    loading=st.booleans(),
    problem=TEXTS,
    entries=st.lists(st.builds(QueueEntry, TEXTS, TEXTS, TEXTS), max_size=6).map(tuple),
    skip=st.integers(0, 40),
    total=st.integers(0, 60),
)


ssids: Final = st.binary(max_size=32) | st.sampled_from((b"Workshop", b"\x00\xff", b""))
errands: Final = st.builds(Errand, st.sampled_from(Progress), TEXTS, TEXTS)
setups: Final = st.builds(
    SetupView,
    active=st.just(True),
    record=st.builds(
        SetupRecord,
        step=st.sampled_from(Step),
        answers=st.builds(
            Answers,
            country=st.sampled_from(("", "DE", "XX")),
            ssid=ssids,
            email=TEXTS | st.just("ada@example.com"),
        ),
        finished=st.booleans(),
        problem=TEXTS,
    ),
    facts=st.builds(
        Facts,
        network=st.builds(
            NetworkState,
            link=st.sampled_from(Link),
            ssid=ssids,
            ip=st.sampled_from(("", "10.42.0.1", "fe80::1")) | TEXTS,
            radio=st.booleans(),
            busy=st.booleans(),
        ),
    ),
    steps=st.just(tuple(Step)),
    networks=st.lists(
        st.builds(AccessPoint, ssids, st.integers(0, 100), st.sampled_from(Security)), max_size=4
    ).map(tuple),
    scanning=st.booleans(),
    join=errands,
    test=errands,
    register=errands,
    serial_number=MAYBE | TEXTS,
    hotspot_name=TEXTS | st.just("PolarAppliance-12AB"),
    hotspot_password=TEXTS | st.just("k3x92mq7ab"),
)


@st.composite
def panel_states(draw: st.DrawFn) -> PanelState:
    """Any state; in half of them the status is the one that the rest calls for."""
    record, snapshot = draw(MAYBE | records), draw(MAYBE | snapshots)
    inputs = StatusInputs(
        snapshot=snapshot,
        job=record,
        model=draw(MAYBE | models),
        door=draw(MAYBE | st.integers(0, 3)),
        door_asks=draw(st.booleans()),
        updating=draw(st.booleans()),
        plate_full=draw(st.booleans()),
    )
    waiting = record.name if record is not None and waiting_for_door(inputs) else ""
    return PanelState(
        now=draw(MOMENTS),
        starting=draw(st.booleans()),
        name=draw(TEXTS),
        version=draw(TEXTS),
        ip=draw(st.sampled_from(("", "10.0.0.7", "192.168.178.123", "fe80::1")) | TEXTS),
        network=draw(TEXTS),
        cloud=draw(clouds),
        status=draw(st.just(status_code(inputs)) | st.sampled_from(StatusCode)),
        snapshot=snapshot,
        job=record,
        model=inputs.model,
        door=inputs.door,
        waiting_for_door=waiting if draw(st.booleans()) else draw(TEXTS),
        door_asks=inputs.door_asks,
        plate_full=inputs.plate_full,
        problem=draw(MAYBE | problems),
        notice=draw(TEXTS),
        hardware=draw(MAYBE | problems),
        picture_problem=draw(TEXTS),
        queue=draw(queues),
        camera=draw(st.booleans()),
        picture=draw(st.sampled_from((b"", b"\xff\xd8\xff\xd9"))),
        graphic=draw(st.booleans()),
        setup=draw(MAYBE | setups),
        code=draw(st.sampled_from(("", "", "", "0407"))),
        port=draw(st.sampled_from((80, 8080))),
        materials=draw(st.sampled_from(((), MATERIALS))),
    )


def shown(name: str) -> Screen:
    """The home screen of an example."""
    return home_screen(EXAMPLES[name])


def values(screen: Screen) -> dict[str, str]:
    """What stands at the right of each line."""
    return {line.text: line.value for line in screen.lines}


def job_changed(state: PanelState, /, **changes: object) -> PanelState:
    """``state`` with ``changes`` of the printer's job."""
    assert state.snapshot is not None
    assert state.snapshot.job is not None
    job = replace(state.snapshot.job, **changes)
    return replace(state, snapshot=replace(state.snapshot, job=job))
