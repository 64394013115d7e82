"""The commands from printers to the cloud (protocol section 3).

Times are seconds, sizes bytes, lengths millimetres, temperatures degrees Celsius.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

import msgspec
from msgspec import Meta

from appliance.polar.values import FinalState, UploadType
from appliance.polar.wire import Count, Flag, JobId, Message, Number, SerialNumber

PROTOCOL = "2.0"


class Capabilities(Message, frozen=True, kw_only=True):
    """Ask what the cloud allows this printer (section 3.1)."""

    serial_number: SerialNumber


class CommandResponse(Message, frozen=True, kw_only=True):
    """What the printer said to a ``command``, lines parted by line feeds (section 3.2)."""

    serial_number: SerialNumber
    response: str


class CustomCommandEntry(Message, frozen=True, kw_only=True):
    """One entry of the cloud's menu."""

    label: str
    command: str
    help_text: str | None = None
    confirm_text: str | None = None


class CustomCommandList(Message, frozen=True, kw_only=True):
    """The menu of this printer's own commands (section 3.3).

    Sent under customCommandList (document) and commandList (reference client).
    """

    serial_number: SerialNumber
    custom_command_list: list[CustomCommandEntry]


class GetQueue(Message, frozen=True, kw_only=True):
    """Ask for the queued jobs that are ready to print (section 3.4)."""

    serial_number: SerialNumber
    skip: Count | None = None
    limit: Count | None = None


class GetUrl(Message, frozen=True, kw_only=True):
    """Ask for a pre-signed POST URL (section 3.5).

    ``job_id`` is needed for the types printing and timelapse.
    """

    serial_number: SerialNumber
    method: str = "post"
    type: UploadType
    job_id: JobId | None = None


class Hello(Message, frozen=True, kw_only=True):
    """Answer the challenge (section 3.6).

    ``transform_img`` is a bit mask for the live feed alone: 1 = H, 2 = V, 4 = 90° ccw.
    ``cam_off`` is 1 without a camera and absent with one (the document contradicts itself).
    """

    serial_number: SerialNumber
    signature: str  # base64
    protocol: str = PROTOCOL
    mac: str | None = msgspec.field(default=None, name="MAC")
    mfg_sn: str | None = None
    printer_make: str | None = None
    version: str | None = None
    local_ip: str | None = msgspec.field(default=None, name="localIP")
    rotate_img: Flag | None = None
    transform_img: Annotated[int, Meta(ge=0, le=7)] | None = None
    cam_off: Flag | None = None
    cam_url: str | None = None


class Job(Message, frozen=True, kw_only=True):
    """A print ended (section 3.7); ``job_id`` is "123" for a local one."""

    serial_number: SerialNumber
    job_id: JobId
    state: FinalState
    print_seconds: Count | None = None
    filament_used: Count | None = None


class MakeKeyPair(Message, frozen=True, kw_only=True):
    """Ask the cloud to make the key pair (section 3.8)."""

    type: str = "RSA"
    bits: Count = 2048


class MyInfo(Message, frozen=True, kw_only=True):
    """The ``myInfo`` of ``register``."""

    mac: str | None = msgspec.field(default=None, name="MAC")


class Register(Message, frozen=True, kw_only=True):
    """Ask for a serial number (section 3.9). ``mfg`` may lack: the cloud has an answer to that."""

    SECRET: ClassVar[frozenset[str]] = frozenset({"pin"})

    mfg: str | None = None
    email: str
    pin: str
    public_key: str  # PEM
    mfg_sn: str | None = None
    my_info: MyInfo = MyInfo()


class SendNextPrint(Message, frozen=True, kw_only=True):
    """Ask for the next queued job, or for a certain one (section 3.10)."""

    serial_number: SerialNumber
    job_id: JobId | None = None


class SetVersion(Message, frozen=True, kw_only=True):
    """The software's version; a lexically greater latest one offers an update (section 3.11)."""

    serial_number: SerialNumber
    running_version: str
    latest_version: str | None = None


class Status(Message, frozen=True, kw_only=True):
    """The printer's status (section 3.12); ``polar/status.py`` writes it.

    ``file`` and ``config`` (schema) also go out as stlFile and configFile (examples).
    """

    serial_number: SerialNumber
    status: Annotated[int, Meta(ge=0, le=15)]
    progress: str | None = None
    progress_detail: str | None = None
    estimated_time: Count | None = None
    filament_used: Count | None = None
    start_time: str | None = None  # ISO 8601
    print_seconds: Count | None = None
    bytes_read: Count | None = None
    file_size: Count | None = None
    tool0: Number | None = None
    tool1: Number | None = None
    bed: Number | None = None
    chamber: Number | None = None
    target_tool0: Number | None = None
    target_tool1: Number | None = None
    target_bed: Number | None = None
    target_chamber: Number | None = None
    door: Annotated[int, Meta(ge=0, le=3)] | None = None
    job_id: str | None = None
    file: str | None = None
    config: str | None = None


class Unregister(Message, frozen=True, kw_only=True):
    """Take this printer out of the cloud (section 3.13)."""

    serial_number: SerialNumber


PrinterMessage: TypeAlias = (
    Capabilities
    | CommandResponse
    | CustomCommandList
    | GetQueue
    | GetUrl
    | Hello
    | Job
    | MakeKeyPair
    | Register
    | SendNextPrint
    | SetVersion
    | Status
    | Unregister
)
