"""Everything that screens and menu need to know, as one pure value."""

from __future__ import annotations

from typing import Final

import msgspec

from appliance.polar.codes import StatusCode
from appliance.polar.job import CloudJob, LocalModel
from appliance.printer.api import Job, Problem, Snapshot
from appliance.settings_panel import Material, MoveSettings
from appliance.setup.api import SetupView


class Cloud(msgspec.Struct, frozen=True, kw_only=True):
    """How the device stands to the Polar Cloud. Times are Unix seconds."""

    online: bool = False
    serial_number: str | None = None  # None = not registered
    email: str = ""
    text: str = ""  # a sentence about the connection
    offline_since: float | None = None  # None while online
    next_try: float | None = None  # None while online or trying just now
    no_time: bool = False  # the clock is not set yet, and the connection waits for it


QUEUE_LENGTH: Final = 8
"""Entries of the queue that are asked for at once."""


class QueueEntry(msgspec.Struct, frozen=True):
    """One job of the cloud's queue."""

    job_id: str
    name: str
    owner: str = ""


class QueuePage(msgspec.Struct, frozen=True, kw_only=True):
    """What was last loaded of the queue (section 2.7)."""

    loading: bool = False
    problem: str = ""  # a sentence: why there is nothing
    entries: tuple[QueueEntry, ...] = ()
    skip: int = 0  # position of the first entry
    total: int = 0


class PanelState(msgspec.Struct, frozen=True, kw_only=True):
    """The whole appliance at one moment, for the panel. ``now`` is Unix seconds."""

    now: float
    starting: bool = False  # the agent has not heard of the printer daemon yet
    name: str = "Polar Appliance"  # of the device, as it is known in the network
    version: str = ""
    ip: str = ""  # empty without a network
    network: str = ""  # "Ethernet", the name of the Wi-Fi; empty where it is not known
    cloud: Cloud = Cloud()
    status: StatusCode = StatusCode.READY
    snapshot: Snapshot | None = None
    job: CloudJob | None = None
    model: LocalModel | None = None  # of the local page, being sliced
    door: int | None = None  # section 3.12
    waiting_for_door: str = ""  # name of the job that begins when the door is closed
    door_asks: bool = False  # the door paused the print: closing it, then OK, goes on
    plate_full: bool = False  # a print lies on the build plate until a person clears it
    problem: Problem | None = None  # stands in front until it is dismissed
    notice: str = ""  # a sentence that is news: a refusal, what the cloud said
    queue: QueuePage = QueuePage()
    camera: bool = False
    picture: bytes = b""  # JPEG for the camera page
    picture_problem: str = ""  # short: why the camera gave none
    hardware: Problem | None = None  # of the panel's own: buttons, door switch, display
    graphic: bool = False  # the display can show pictures
    menu_timeout: float = 30.0  # seconds without a key after which the menu closes
    materials: tuple[Material, ...] = ()
    moves: MoveSettings = MoveSettings()
    setup: SetupView | None = None  # while the wizard is open
    code: str = ""  # four digits: a browser waits to be let in
    port: int = 80  # TCP, of the local page

    @property
    def printed(self) -> Job | None:
        """The printer daemon's job that has not ended."""
        job = self.snapshot.job if self.snapshot is not None else None
        return job if job is not None and not job.state.ended else None
