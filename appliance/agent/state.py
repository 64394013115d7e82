"""What the parts of the agent know together, with one revision to wait for.

Jobs.py alone writes the job, models.py the model of the local page (a cancel may come from
anywhere), door.py what concerns the door, plate.py whether the plate is full. The snapshot comes
from the printer watch and from whoever asked the printer daemon for something: an older one than
the last is passed over. Notices and problems come from all.
"""

from __future__ import annotations

import math
import time

import msgspec

from appliance.host.network_api import NetworkState
from appliance.polar.codes import StatusInputs, waiting_for_door
from appliance.polar.job import CloudJob, LocalModel
from appliance.printer.api import Problem, Snapshot
from appliance.revision import Revision


class AgentState:
    """The agent's present, in memory; everything durable lies in its own record."""

    def __init__(self) -> None:
        self.revision = Revision()
        self.snapshot: Snapshot | None = None  # None while the printer daemon is away
        self.job: CloudJob | None = None
        self.model: LocalModel | None = None  # of the device's own page, on its way to a print
        self.notice = ""  # the last thing a person should know beside the state
        self.notice_since = -math.inf  # monotonic seconds
        self.online = False
        self.door: int | None = None  # section 3.12: 0 and 2 are open; None = no switch
        self.door_asks = False  # the door paused the print: it goes on after closing and OK
        self.plate_full = False  # a print lies on the build plate until a person clears it
        self.updating = False
        self.problem: Problem | None = None  # in front on the panel until it is dismissed
        self.page_port = 0  # of the device's own page; 0 = it is not served
        self.code = ""  # four digits, while a browser waits to be let in by an OK at the panel
        self.network = NetworkState()  # as network_watch.py last saw it
        self.panel_health: dict[str, Problem | None] = {}  # by the part of the panel's hardware

    def inputs(self) -> StatusInputs:
        """All that the status depends on, at this moment."""
        return StatusInputs(
            snapshot=self.snapshot,
            job=self.job,
            model=self.model,
            door=self.door,
            door_asks=self.door_asks,
            updating=self.updating,
            plate_full=self.plate_full,
        )

    @property
    def notice_at(self) -> float:
        """Unix seconds, 0 without a notice; by the clock as it is now, set or not."""
        if not self.notice:
            return 0.0
        return time.time() - (time.monotonic() - self.notice_since)

    @property
    def job_id(self) -> str:
        """Of the job under way or being announced, cloud or local; '' for none."""
        if self.job is not None:
            return self.job.job_id
        printed = self.snapshot.job if self.snapshot is not None else None
        return printed.job_id if printed is not None and not printed.state.ended else ""

    @property
    def waiting_for_door(self) -> str:
        """The name of the job that begins when the door is closed, else ''."""
        return self.job.name if self.job is not None and waiting_for_door(self.inputs()) else ""

    def see_snapshot(self, snapshot: Snapshot | None) -> None:
        """The printer daemon said this; an older snapshot than the last is passed over."""
        last = self.snapshot
        if (
            snapshot is not None
            and last is not None
            and snapshot.life == last.life
            and snapshot.revision < last.revision
        ):
            return
        self.snapshot = snapshot
        self.revision.bump()

    def see_job(self, job: CloudJob | None) -> None:
        """The cloud job changed."""
        self.job = job
        self.revision.bump()

    def see_model(self, model: LocalModel | None) -> None:
        """A model of the local page is being sliced, or is not any more."""
        self.model = model
        self.revision.bump()

    def cancel_model(self) -> bool:
        """Let the slicing for the local page end; False when nothing is sliced for it."""
        if self.model is None:
            return False
        self.see_model(msgspec.structs.replace(self.model, cancel_requested=True))
        return True

    def see_online(self, online: bool) -> None:
        """The connection to the cloud was authenticated, or is gone."""
        self.online = online
        self.revision.bump()

    def see_notice(self, text: str) -> None:
        """Something happened that a person should know."""
        self.notice = text
        self.notice_since = time.monotonic()
        self.revision.bump()

    def see_door(self, door: int | None) -> None:
        """The door's switch says this (section 3.12), stable; None = nobody knows."""
        self.door = door
        self.revision.bump()

    def see_door_asks(self, asks: bool) -> None:
        """The door paused the print and waits for an OK, or does not any more."""
        self.door_asks = asks
        self.revision.bump()

    def see_plate(self, full: bool) -> None:
        """A print lies on the build plate, or a person cleared it."""
        self.plate_full = full
        self.revision.bump()

    def see_updating(self, updating: bool) -> None:
        """An update of the appliance began or ended."""
        self.updating = updating
        self.revision.bump()

    def see_code(self, code: str) -> None:
        """A browser asks to be let in, and shows this code; '' = none does."""
        self.code = code
        self.revision.bump()

    def see_network(self, network: NetworkState) -> None:
        """The network is so."""
        self.network = network
        self.revision.bump()

    def see_health(self, part: str, problem: Problem | None) -> None:
        """One part of the panel's hardware (display, buttons, door) says how it does."""
        self.panel_health[part] = problem
        self.revision.bump()

    @property
    def panel_problems(self) -> tuple[Problem, ...]:
        """What is wrong with the panel's hardware; each problem once."""
        found = (problem for _, problem in sorted(self.panel_health.items()) if problem)
        return tuple(dict.fromkeys(found))

    def see_problem(self, problem: Problem | None) -> None:
        """Something that a person at the panel must read; None = it was dismissed."""
        self.problem = problem
        self.revision.bump()
