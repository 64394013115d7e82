"""What the parts of the agent know together, with one revision to wait for.

Each value has one writer: the printer watch writes the snapshot, jobs.py the job, the
cloud handler the rest.
"""

from __future__ import annotations

import time

from appliance.polar.job import CloudJob
from appliance.printer.api import Snapshot
from appliance.revision import Revision


class AgentState:
    """The agent's present, in memory; everything durable lies in its own record."""

    def __init__(self) -> None:
        self.revision = Revision()
        self.snapshot: Snapshot | None = None  # None while the printer daemon is away
        self.job: CloudJob | None = None
        self.notice = ""  # the last thing a person should know beside the state
        self.notice_at = 0.0  # Unix seconds
        self.online = False

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

    def see_online(self, online: bool) -> None:
        """The connection to the cloud was authenticated, or is gone."""
        self.online = online
        self.revision.bump()

    def see_notice(self, text: str) -> None:
        """Something happened that a person should know."""
        self.notice = text
        self.notice_at = time.time()
        self.revision.bump()
