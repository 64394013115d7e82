"""The commands from the cloud to printers (protocol section 2), and ``jogPrinter``.

``serial_number`` is required where the document marks it so, and may be absent elsewhere.
Times are seconds, sizes bytes, temperatures degrees Celsius.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta

from appliance.polar.values import JogKind, Result, UploadType
from appliance.polar.wire import Count, JobId, Message, Number, SerialNumber
from appliance.printer.api import PauseKind


class Cancel(Message, frozen=True, kw_only=True):
    """Cancel the running print, cloud or local (section 2.1)."""

    serial_number: SerialNumber


class CapabilitiesResponse(Message, frozen=True, kw_only=True):
    """What the cloud allows this printer, such as ``sendNextPrint`` (section 2.2)."""

    serial_number: SerialNumber
    capabilities: list[str]


class Command(Message, frozen=True, kw_only=True):
    """G-code to run, lines parted by line feeds (section 2.3)."""

    serial_number: SerialNumber
    command: str


class ConnectPrinter(Message, frozen=True, kw_only=True):
    """Connect to the printer if it is disconnected (section 2.4, there called connect)."""

    serial_number: SerialNumber


class CustomCommand(Message, frozen=True, kw_only=True):
    """Run an entry of the list that the printer gave (section 2.5)."""

    serial_number: SerialNumber | None = None
    custom_command: str  # the wire has it as customCommand or as command


class Delete(Message, frozen=True, kw_only=True):
    """The owner deleted the printer in the cloud (section 2.6)."""

    serial_number: SerialNumber | None = None


class QueuedJob(Message, frozen=True, kw_only=True):
    """One job of ``getQueueResponse``."""

    job_id: JobId
    job_name: str | None = None
    image_file: str | None = None
    image_thumbnail_file: str | None = None
    owner: str | None = None
    owner_photo_file: str | None = None


class GetQueueResponse(Message, frozen=True, kw_only=True):
    """The jobs that are ready to print, first one first (section 2.7)."""

    serial_number: SerialNumber | None = None
    total_count: Count
    skip: Count = 0
    limit: Count = 0  # 0 = no limit
    job_count: Count
    jobs: list[QueuedJob]


class GetUrlResponse(Message, frozen=True, kw_only=True):
    """A pre-signed POST URL, or why there is none (section 2.8).

    On SUCCESS ``type``, ``expires`` (seconds from now), ``max_size``, ``url`` and
    ``fields`` are there; on FAILED perhaps a ``message``.
    """

    SECRET: ClassVar[frozenset[str]] = frozenset({"fields"})

    status: Result
    serial_number: SerialNumber | None = None
    type: UploadType | None = None
    expires: Count | None = None
    max_size: Count | None = None
    content_type: str | None = None
    method: str | None = None
    url: str | None = None
    fields: dict[str, str] | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        wanted = {
            "type": self.type,
            "expires": self.expires,
            "maxSize": self.max_size,
            "url": self.url,
            "fields": self.fields,
        }
        missing = [name for name, value in wanted.items() if value is None]
        if self.status is Result.SUCCESS and missing:
            raise ValueError(f"with status SUCCESS it must have {', '.join(missing)}")


class HelloResponse(Message, frozen=True, kw_only=True):
    """Whether the signature was right (section 2.9)."""

    status: Result
    message: str | None = None


class KeyPair(Message, frozen=True, kw_only=True):
    """A key pair made by the cloud (section 2.10); the example of 3.8 has no status."""

    SECRET: ClassVar[frozenset[str]] = frozenset({"private"})

    status: Result = Result.SUCCESS
    public: str | None = None  # PEM
    private: str | None = None  # PEM
    message: str | None = None

    def __post_init__(self) -> None:
        if self.status is Result.SUCCESS and (self.public is None or self.private is None):
            raise ValueError("with status SUCCESS it must have public and private")


class Pause(Message, frozen=True, kw_only=True):
    """Pause the running print, cloud or local (section 2.11)."""

    serial_number: SerialNumber
    type: PauseKind = PauseKind.PAUSE


class Print(Message, frozen=True, kw_only=True):
    """Print a job; the URLs are as received, unchecked (section 2.12).

    ``file_to_print`` (the live cloud sends it) names the field whose file is meant:
    gcodeFile, stlFile or threemfFile.
    """

    serial_number: SerialNumber | None = None
    job_id: JobId
    stl_file: str | None = None
    config_file: str | None = None
    gcode_file: str | None = None
    threemf_file: str | None = None
    image_file: str | None = None
    image_thumbnail_file: str | None = None
    job_name: str | None = None
    file_to_print: str | None = None


class RegisterResponse(Message, frozen=True, kw_only=True):
    """The serial number, or why there is none (section 2.13)."""

    serial_number: Annotated[str, Meta(max_length=64)] | None = None  # may be "" on FAILED
    status: Result | None = None
    reason: str | None = None  # not an enumeration: a new reason must reach a person too

    @property
    def granted(self) -> str | None:
        """The serial number that was given; None when registration failed."""
        failed = self.status not in (None, Result.SUCCESS) or self.serial_number == Result.FAILED
        return None if failed or not self.serial_number else self.serial_number


class Resume(Message, frozen=True, kw_only=True):
    """Resume the paused print, cloud or local (section 2.14)."""

    serial_number: SerialNumber


class SendNextPrintResponse(Message, frozen=True, kw_only=True):
    """Why no ``print`` follows a ``sendNextPrint`` (section 2.15)."""

    serial_number: SerialNumber
    status: Result
    message: str


class Temperature(Message, frozen=True, kw_only=True):
    """New targets by heater: tool0, tool1, …, bed, chamber; 0 is off (section 2.16).

    Heaters that are not named keep their setting. On the wire each is a field of its own.
    """

    serial_number: SerialNumber
    targets: dict[str, Number]


class UnregisterResponse(Message, frozen=True, kw_only=True):
    """Whether ``unregister`` succeeded (section 2.17)."""

    serial_number: SerialNumber | None = None
    status: Result
    message: str | None = None


class Update(Message, frozen=True, kw_only=True):
    """Update the appliance's software (section 2.18)."""

    serial_number: SerialNumber | None = None


class Welcome(Message, frozen=True, kw_only=True):
    """The challenge to sign, first on every connection (section 2.19)."""

    challenge: str


class Jog(Message, frozen=True, kw_only=True):
    """A move, as OctoPrint's printhead and tool calls have it (mm, mm/min)."""

    command: JogKind
    x: Number | None = None
    y: Number | None = None
    z: Number | None = None
    absolute: bool | None = None
    axes: list[Literal["x", "y", "z"]] | None = None
    amount: Number | None = None
    speed: Number | None = None


class JogPrinter(Message, frozen=True, kw_only=True):
    """Move the head by hand; not in the document, the live cloud sends it (field notes)."""

    serial_number: SerialNumber | None = None
    jog_printer: Jog


CloudMessage: TypeAlias = (
    Cancel
    | CapabilitiesResponse
    | Command
    | ConnectPrinter
    | CustomCommand
    | Delete
    | GetQueueResponse
    | GetUrlResponse
    | HelloResponse
    | JogPrinter
    | KeyPair
    | Pause
    | Print
    | RegisterResponse
    | Resume
    | SendNextPrintResponse
    | Temperature
    | UnregisterResponse
    | Update
    | Welcome
)
