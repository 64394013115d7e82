"""What the agent and its clients (the command line, later the panel and pages) say.

Served on ``run/agent.sock`` like the printer daemon's API, see ipc.py.

=======  ===============  ======================  ====================================
method   path             body                    answer
=======  ===============  ======================  ====================================
GET      /state           --                      :class:`AgentView`
POST     /register        :class:`RegisterAs`     :class:`AgentView`
POST     /unregister      --                      :class:`AgentView`
POST     /cancel          --                      :class:`AgentView`
POST     /resume          --                      :class:`AgentView`
POST     /plate-clear     --                      :class:`AgentView`
POST     /print           :class:`StartJob`       :class:`Snapshot` of the printer
POST     /allow           :class:`AllowCode`      :class:`AgentView`
=======  ===============  ======================  ====================================
"""

from __future__ import annotations

import msgspec

from appliance.polar.job import CloudJob, LocalModel
from appliance.printer.api import Snapshot


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole appliance at one moment, as a person wants to see it."""

    version: str
    status: int  # protocol section 3.12
    progress: str
    progress_detail: str
    serial_number: str | None
    email: str
    online: bool
    cloud: str  # a sentence about the connection
    camera: str  # a sentence
    notice: str
    notice_at: float = 0.0  # Unix seconds
    job: CloudJob | None
    last_job: CloudJob | None
    model: LocalModel | None = None  # of the local page, being sliced
    owed: int  # reports and videos that wait to be delivered
    owed_error: str  # why the last delivery failed
    door: int | None = None  # protocol section 3.12; None = no switch
    plate_full: bool = False  # until a person cleared the build plate
    page_port: int = 0  # where the device's own page is; 0 = it is not served
    panel: str = ""  # a sentence about the front panel's hardware; empty without a panel
    snapshot: Snapshot | None


class RegisterAs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The owner's Polar Cloud account; the PIN is used once and never kept.

    ``cloud_key`` asks the cloud to make the key pair (section 2.10).
    """

    email: str
    pin: str
    cloud_key: bool = False

    def __repr__(self) -> str:
        return f"RegisterAs(email={self.email!r}, pin=…)"


class AllowCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Let the browser in that shows this code, as OK at the panel does."""

    code: str
