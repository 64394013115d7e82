"""One example of each screen's state, at fixed times: for reference pictures and the docs.

Clock times on the screens are local: pictures that are compared set TZ to UTC first.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from appliance.panel.state import Cloud, PanelState, QueueEntry, QueuePage
from appliance.polar.codes import StatusCode
from appliance.polar.job import CloudJob, Outcome, Phase
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

NOW: Final = 1_790_845_200.0
"""Thursday, 1 October 2026, 09:00:00 UTC."""

GEARS: Final = "Planetary gears, set of 6"
LONG_NAME: Final = "Größe 3 – Schüler-Halterung für Übungsräume, zweiter Versuch (final v7)"
_SIZE: Final = 8_400_000  # bytes of the G-code file
_ESTIMATE: Final = 13_860.0  # s, 3 h 51 min
_PRINTED: Final = 5_820.0  # s, 1 h 37 min: 42 %, and 2 h 14 min are left

COLD: Final = {"tool0": Heater(24.1), "bed": Heater(22.8)}
HEATING: Final = {"tool0": Heater(148.6, 205.0), "bed": Heater(57.2, 60.0)}
HOT: Final = {"tool0": Heater(204.3, 205.0), "bed": Heater(59.6, 60.0)}

HALTED: Final = Problem(
    "Printer halted",
    "The printer stopped itself: Heating failed, system stopped! Look at it, then switch it off "
    "and on again.",
)
LOST: Final = Problem(
    "Printer is silent",
    "The printer stopped answering. Check the USB cable and that the printer still has power, "
    "then switch the printer off and on again.",
)
STUCK: Final = Problem(
    "Button ok stuck",
    "buttons.ok (pin 26): held down for more than 60 s. The button is stuck or its cable is "
    "damaged.",
)

_SNAPSHOT: Final = Snapshot(
    link=LinkState.READY,
    port="/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0",
    baud=115200,
    firmware="Marlin 2.1.2",
    machine="Ender-3",
    heaters=COLD,
)
_PRINT: Final = Job(
    job_id="665d2f1c",
    key="665d2f1c-1",
    name=GEARS,
    source=Source.CLOUD,
    path="/var/lib/polar-appliance/spool/665d2f1c-1.gcode",
    state=JobState.PRINTING,
    started_at=NOW - _PRINTED,
    print_seconds=_PRINTED,
    file_size=_SIZE,
    bytes_read=_SIZE * 42 // 100,
    estimated_seconds=_ESTIMATE,
    filament_mm=18_450.0,
    layer=86,
    layers=204,
)
_RECORD: Final = CloudJob(
    job_id=_PRINT.job_id,
    key=_PRINT.key,
    name=GEARS,
    gcode_url="https://example.com/665d2f1c.gcode",
    received_at=_PRINT.started_at - 30.0,
    phase=Phase.PRINTING,
    started_at=_PRINT.started_at,
    print_seconds=_PRINTED,
    estimated_seconds=_ESTIMATE,
    file_size=_SIZE,
    bytes_read=_PRINT.bytes_read,
)

_QUEUE: Final = QueuePage(
    entries=(
        QueueEntry("665d2f1d", "Castle with a bridge", "Ada"),
        QueueEntry("665d2f1e", LONG_NAME, "Jürgen"),
        QueueEntry("665d2f1f", "Bike lamp holder", "Grace"),
    ),
    total=3,
)
_OFFLINE: Final = Cloud(
    serial_number="P3D12345",
    email="ada@example.com",
    text="Offline since 08:32, next try in 60 s: no answer from the Polar Cloud.",
    offline_since=NOW - 28 * 60,
    next_try=NOW + 60,
)

IDLE: Final = PanelState(
    now=NOW,
    name="Makerspace 2",
    version="1.0.0",
    ip="192.168.1.23",
    network="School",
    cloud=Cloud(
        online=True,
        serial_number="P3D12345",
        email="ada@example.com",
        text="This printer is online in the Polar Cloud.",
    ),
    snapshot=_SNAPSHOT,
    queue=_QUEUE,
    door=1,
    camera=True,
    materials=MATERIALS,
)


def _preparing(phase: Phase, detail: str) -> PanelState:
    record = replace(
        _RECORD, phase=phase, detail=detail, started_at=None, print_seconds=0.0, bytes_read=0
    )
    return replace(IDLE, status=StatusCode.PREPARING, job=record)


def _printing(status: StatusCode = StatusCode.PRINTING, **changes: object) -> PanelState:
    """The gears in the middle of their print; ``changes`` are those of the printer's job."""
    job = replace(_PRINT, **changes)
    snapshot = replace(_SNAPSHOT, heaters=HOT, job=job)
    return replace(IDLE, status=status, snapshot=snapshot, job=replace(_RECORD, name=job.name))


def _ended(status: StatusCode, phase: Phase, outcome: Outcome, reason: str = "") -> PanelState:
    record = replace(
        _RECORD,
        phase=phase,
        outcome=outcome,
        reason=reason,
        print_seconds=_ESTIMATE,
        bytes_read=_SIZE,
        ended_at=NOW,
    )
    return replace(IDLE, status=status, job=record)


_PAUSED: Final = _printing(StatusCode.PAUSED, state=JobState.PAUSED, pause=PauseKind.PAUSE)


def _heaters(state: PanelState, heaters: Mapping[str, Heater]) -> PanelState:
    assert state.snapshot is not None
    return replace(state, snapshot=replace(state.snapshot, heaters=dict(heaters)))


EXAMPLES: Final[Mapping[str, PanelState]] = MappingProxyType(
    {
        "starting": replace(
            IDLE,
            starting=True,
            status=StatusCode.DISCONNECTED,
            snapshot=None,
            cloud=Cloud(serial_number="P3D12345"),
            queue=QueuePage(),
        ),
        "setup": replace(
            IDLE,
            cloud=Cloud(text="Not registered with the Polar Cloud."),
            queue=QueuePage(),
        ),
        "idle": IDLE,
        "notice": replace(IDLE, notice="The build plate is clear."),
        "hardware": replace(IDLE, hardware=STUCK),
        "offline": replace(IDLE, cloud=_OFFLINE),
        "no_network": replace(
            IDLE, ip="", network="", cloud=replace(_OFFLINE, offline_since=NOW - 90)
        ),
        "preparing": _preparing(Phase.DOWNLOADING, "Downloading 34 %"),
        "slicing": _preparing(Phase.SLICING, "Slicing 61 %"),
        "waiting_for_printer": _preparing(
            Phase.STARTING, "Waiting for the printer: The printer is not connected."
        ),
        "printing": _printing(),
        "printing_long_name": _printing(name=LONG_NAME),
        "printing_notice": replace(
            _printing(), door=0, notice=f"The door was opened while {GEARS} is being printed."
        ),
        "printing_offline": replace(_printing(), cloud=_OFFLINE),
        "printing_local": replace(
            _printing(
                StatusCode.SERIAL,
                source=Source.LOCAL,
                name="bracket.gcode",
                estimated_seconds=None,
                layer=None,
                layers=None,
            ),
            job=None,
        ),
        "pausing": _printing(StatusCode.PAUSED, state=JobState.PAUSING, pause=PauseKind.PAUSE),
        "paused": _PAUSED,
        "cold_paused": _heaters(
            _printing(StatusCode.COLD_PAUSE, state=JobState.PAUSED, pause=PauseKind.COLD),
            {"tool0": Heater(87.4), "bed": Heater(59.6, 60.0)},
        ),
        "filament": _printing(
            StatusCode.CHANGING_FILAMENT, state=JobState.PAUSED, pause=PauseKind.FILAMENT
        ),
        "resuming": _heaters(
            _printing(StatusCode.PAUSED, state=JobState.RESUMING, pause=PauseKind.COLD), HEATING
        ),
        "finishing": _ended(StatusCode.POSTPROCESSING, Phase.FINISHING, Outcome.COMPLETED),
        "complete": _ended(StatusCode.COMPLETE, Phase.ENDED, Outcome.COMPLETED),
        "canceling": _printing(StatusCode.CANCELING, state=JobState.CANCELING),
        "clear_plate": replace(IDLE, status=StatusCode.CLEAR_PLATE, plate_full=True),
        "complete_plate": replace(
            _ended(StatusCode.COMPLETE, Phase.ENDED, Outcome.COMPLETED), plate_full=True
        ),
        "canceled_plate": replace(
            _ended(StatusCode.CANCELING, Phase.ENDED, Outcome.CANCELED), plate_full=True
        ),
        "failed_plate": replace(
            _ended(StatusCode.ERROR, Phase.ENDED, Outcome.FAILED, LOST.long), plate_full=True
        ),
        "error": replace(
            _ended(StatusCode.ERROR, Phase.ENDED, Outcome.FAILED, LOST.long), problem=LOST
        ),
        "halted": replace(
            IDLE,
            status=StatusCode.ERROR,
            snapshot=replace(_SNAPSHOT, link=LinkState.HALTED, problem=HALTED),
        ),
        "disconnected": replace(
            IDLE,
            status=StatusCode.DISCONNECTED,
            snapshot=Snapshot(link=LinkState.DISCONNECTED),
        ),
        "door_open": replace(IDLE, status=StatusCode.DOOR_OPEN, door=0),
        "door_waiting": replace(
            _preparing(Phase.STARTING, "Waiting for the door"),
            status=StatusCode.DOOR_OPEN,
            door=0,
            waiting_for_door=GEARS,
        ),
        "door_paused": replace(_PAUSED, door=0, door_asks=True),
        "door_closed_again": replace(_PAUSED, door=1, door_asks=True),
        "updating": replace(IDLE, status=StatusCode.UPDATING),
    }
)
"""By the name of the screen."""
