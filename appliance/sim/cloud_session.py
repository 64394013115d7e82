"""One printer's connection as the Status Server sees it, sans-IO: messages in, reactions out.

A session begins with ``welcome``. Until a valid ``hello`` everything is ignored but
``register``, ``makeKeyPair`` and ``hello`` itself (sections 1.2 and 2.19).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from appliance.errors import MessageError
from appliance.polar import messages
from appliance.polar.keys import PrinterKey
from appliance.polar.messages import CloudMessage, PrinterMessage, Result, UploadType
from appliance.sim.cloud_records import CONFIG, FileKind, MenuCommand, QueuedJob, RegisterReason
from appliance.sim.cloud_state import CloudState, storage_key

_LOG = logging.getLogger(__name__)

CONTENT_TYPES = {
    UploadType.IDLE: "image/jpeg",
    UploadType.PRINTING: "image/jpeg",
    UploadType.TIMELAPSE: "video/mp4",
}


@dataclass(frozen=True)
class SlotLimits:
    """What a pre-signed slot allows; the defaults are those of sections 1.5 and 2.8."""

    picture_size: int = 76_800  # bytes
    video_size: int = 20_000_000
    picture_expires: int = 86_400  # seconds
    video_expires: int = 3_600

    def of(self, kind: UploadType) -> tuple[int, int]:
        """(bytes at most, seconds until it expires)."""
        if kind is UploadType.TIMELAPSE:
            return self.video_size, self.video_expires
        return self.picture_size, self.picture_expires


class Links(Protocol):
    """Addresses as the printer of this connection reaches them."""

    def file(self, job_id: str, ending: str) -> str:
        """Where the G-code of a job is served."""

    def slot(
        self, key: str, *, content_type: str, max_size: int, expires: int
    ) -> tuple[str, dict[str, str]]:
        """URL and form fields of a pre-signed POST."""


@dataclass(frozen=True)
class Reply:
    """Send this to the printer."""

    message: CloudMessage


@dataclass(frozen=True)
class Hangup:
    """Close the connection shortly after what was sent."""

    reason: str


@dataclass(frozen=True)
class MakeKeys:
    """Generate an RSA key pair (it takes a while) and hand it to :meth:`Session.keys_made`."""


Reaction = Reply | Hangup | MakeKeys


def print_message(links: Links, serial_number: str, job: QueuedJob) -> messages.Print:
    """The `print` for a queued job (section 2.12)."""
    return messages.Print(
        serial_number=serial_number,
        job_id=job.job_id,
        gcode_file=_link(links, job, FileKind.GCODE),
        stl_file=_link(links, job, FileKind.STL),
        threemf_file=_link(links, job, FileKind.THREEMF),
        config_file=links.file(job.job_id, CONFIG) if job.config else None,
        job_name=job.name,
    )


def _link(links: Links, job: QueuedJob, kind: FileKind) -> str | None:
    return links.file(job.job_id, kind.value) if job.kind is kind else None


class Session:
    """The Status Server's end of one connection."""

    def __init__(
        self, state: CloudState, links: Links, challenge: str, limits: SlotLimits | None = None
    ) -> None:
        self.serial_number: str | None = None  # validated by hello
        self._state = state
        self._links = links
        self._challenge = challenge
        self._limits = limits or SlotLimits()
        self._handlers: dict[type, Callable[[Any, float], list[Reaction]]] = {
            messages.Capabilities: self._capabilities,
            messages.CommandResponse: self._command_response,
            messages.CustomCommandList: self._custom_command_list,
            messages.GetQueue: self._get_queue,
            messages.GetUrl: self._get_url,
            messages.Job: self._job,
            messages.SendNextPrint: self._send_next_print,
            messages.SetVersion: self._set_version,
            messages.Status: self._status,
            messages.Unregister: self._unregister,
        }

    def opened(self) -> list[Reaction]:
        """The printer connected."""
        return [Reply(messages.Welcome(challenge=self._challenge))]

    def received(self, event: str, payload: object, now: float) -> list[Reaction]:
        """A message came; ``now`` is Unix seconds."""
        try:
            message = messages.parse_from_printer(event, payload)
        except MessageError as error:
            self._state.malformed += 1
            _LOG.warning("From %s: %s", self.serial_number or "a new printer", error)
            return self._malformed(event, payload)
        if isinstance(message, messages.Register):
            return self._register(message)
        if isinstance(message, messages.MakeKeyPair):
            return self._make_key_pair(message)
        if isinstance(message, messages.Hello):
            return self._hello(message)
        return self._authenticated(message, now)

    def keys_made(self, key: PrinterKey) -> list[Reaction]:
        """The key pair that was asked for."""
        pair = messages.KeyPair(public=key.public_pem(), private=key.private_pem().decode())
        return [Reply(pair)]

    def server_error(self, event: str) -> list[Reaction]:
        """The answer to ``event`` while something is wrong in the cloud itself."""
        if event == "sendNextPrint" and self.serial_number is not None:
            return self._no_print(Result.FAILED, "SERVER_ERROR")
        if event == "register":
            return _registration(RegisterReason.SERVER_ERROR, None)
        return []

    def _malformed(self, event: str, payload: object) -> list[Reaction]:
        fields = payload if isinstance(payload, dict) else {}
        if event == "hello":
            return self._refused(Result.FAILED, "The hello lacks required parameters.")
        if event == "sendNextPrint" and fields.get("serialNumber", "") == self.serial_number:
            return self._no_print(Result.FAILED, "INVALID_JOBID")
        if event == "register":
            has_key = isinstance(fields.get("publicKey"), str)
            has_account = isinstance(fields.get("email"), str) and isinstance(
                fields.get("pin"), str
            )
            if has_account and has_key:
                return _registration(RegisterReason.SERVER_ERROR, None)
            return _registration(
                RegisterReason.INVALID_KEY if has_account else RegisterReason.EMAIL_PIN_ERROR, None
            )
        return []

    # Before a valid hello

    def _register(self, message: messages.Register) -> list[Reaction]:
        if message.mfg and not message.my_info.mac:
            return _registration(RegisterReason.SERVER_ERROR, None)
        reason, serial = self._state.register(
            mfg=message.mfg or "",
            email=message.email,
            pin=message.pin,
            public_key=message.public_key,
            mac=message.my_info.mac or "",
            mfg_sn=message.mfg_sn or "",
        )
        return _registration(reason, serial)

    def _make_key_pair(self, message: messages.MakeKeyPair) -> list[Reaction]:
        if message.type != "RSA" or message.bits != 2048:
            text = "Only RSA key pairs of 2048 bits are made here."
            return [Reply(messages.KeyPair(status=Result.FAILED, message=text))]
        return [MakeKeys()]

    def _hello(self, message: messages.Hello) -> list[Reaction]:
        if message.protocol not in ("2", messages.PROTOCOL):
            return self._refused(Result.FAILED, f"Protocol {message.protocol!r} is not known here.")
        _, facts = messages.encode(message)
        del facts["signature"]
        status, text = self._state.hello(
            message.serial_number, self._challenge, message.signature, facts
        )
        if status is not Result.SUCCESS:
            return self._refused(status, text)
        self.serial_number = message.serial_number
        return [Reply(messages.HelloResponse(status=status))]

    def _refused(self, status: Result, text: str) -> list[Reaction]:
        self.serial_number = None
        return [Reply(messages.HelloResponse(status=status, message=text)), Hangup(text)]

    # After it

    def _authenticated(self, message: PrinterMessage, now: float) -> list[Reaction]:
        serial = self.serial_number
        if serial is None:
            _LOG.info("Ignored %s before a valid hello.", type(message).__name__)
            return []
        if getattr(message, "serial_number", None) != serial:
            self._state.lives[serial].dropped += 1
            self._state.touch()
            _LOG.warning(
                "Dropped %s from %s: it names another printer.", type(message).__name__, serial
            )
            return []
        if self._state.printers[serial].deleted:
            if isinstance(message, messages.SendNextPrint):
                return self._no_print(Result.FAILED, "PRINTER_DELETED")
            if not isinstance(message, messages.Unregister):
                return []
        return self._handlers[type(message)](message, now)

    def _capabilities(self, message: messages.Capabilities, _now: float) -> list[Reaction]:
        return [
            Reply(
                messages.CapabilitiesResponse(
                    serial_number=message.serial_number, capabilities=[*self._state.capabilities]
                )
            )
        ]

    def _command_response(self, message: messages.CommandResponse, now: float) -> list[Reaction]:
        self._state.answer(message.serial_number, message.response, now)
        return []

    def _custom_command_list(
        self, message: messages.CustomCommandList, _now: float
    ) -> list[Reaction]:
        entries = [
            MenuCommand(e.label, e.command, e.help_text or "", e.confirm_text or "")
            for e in message.custom_command_list
        ]
        self._state.set_commands(message.serial_number, entries)
        return []

    def _get_queue(self, message: messages.GetQueue, _now: float) -> list[Reaction]:
        ready = self._state.ready_jobs(message.serial_number)
        skip, limit = message.skip or 0, message.limit or 0
        part = ready[skip : skip + limit] if limit else ready[skip:]
        owner = self._state.printers[message.serial_number].owner
        jobs = [messages.QueuedJob(job_id=j.job_id, job_name=j.name, owner=owner) for j in part]
        return [
            Reply(
                messages.GetQueueResponse(
                    serial_number=message.serial_number,
                    total_count=len(ready),
                    skip=skip,
                    limit=limit,
                    job_count=len(jobs),
                    jobs=jobs,
                )
            )
        ]

    def _get_url(self, message: messages.GetUrl, _now: float) -> list[Reaction]:
        problem = self._slot_problem(message)
        if problem:
            return [Reply(messages.GetUrlResponse(status=Result.FAILED, message=problem))]
        max_size, expires = self._limits.of(message.type)
        content_type = CONTENT_TYPES[message.type]
        key = storage_key(message.serial_number, message.type, message.job_id)
        url, fields = self._links.slot(
            key, content_type=content_type, max_size=max_size, expires=expires
        )
        return [
            Reply(
                messages.GetUrlResponse(
                    status=Result.SUCCESS,
                    serial_number=message.serial_number,
                    type=message.type,
                    expires=expires,
                    max_size=max_size,
                    content_type=content_type,
                    method="post",
                    url=url,
                    fields=fields,
                )
            )
        ]

    def _slot_problem(self, message: messages.GetUrl) -> str:
        if message.method != "post":
            return "Only the method post is possible."
        if message.type is UploadType.IDLE:
            return ""
        if message.job_id is None:
            return f"The type {message.type} needs a jobId."
        if not self._state.knows_job(message.serial_number, message.job_id):
            return "Invalid jobId"
        return ""

    def _job(self, message: messages.Job, now: float) -> list[Reaction]:
        taken = self._state.finish_job(
            message.serial_number,
            message.job_id,
            message.state,
            now=now,
            print_seconds=message.print_seconds,
            filament_mm=message.filament_used,
        )
        if not taken:
            _LOG.info("%s: job %s was not waiting to end.", self.serial_number, message.job_id)
        return []

    def _send_next_print(self, message: messages.SendNextPrint, now: float) -> list[Reaction]:
        """Section 3.10: without the capability there is no answer at all."""
        serial = message.serial_number
        if "sendNextPrint" not in self._state.capabilities:
            return []
        if message.job_id and not re.fullmatch(rf"{re.escape(serial)}-[0-9]+", message.job_id):
            return self._no_print(Result.FAILED, "INVALID_JOBID")
        ready = self._state.ready_jobs(serial)
        job = next((j for j in ready if message.job_id in (None, j.job_id)), None)
        if job is None:
            return self._no_print(Result.NONE, "NO_QUEUED_JOBS")
        started = self._state.start_job(job.job_id, now)
        return [Reply(print_message(self._links, serial, started))]

    def _no_print(self, status: Result, text: str) -> list[Reaction]:
        serial = self.serial_number or ""
        answer = messages.SendNextPrintResponse(serial_number=serial, status=status, message=text)
        return [Reply(answer)]

    def _set_version(self, message: messages.SetVersion, _now: float) -> list[Reaction]:
        self._state.set_versions(
            message.serial_number, message.running_version, message.latest_version or ""
        )
        return []

    def _status(self, message: messages.Status, now: float) -> list[Reaction]:
        _, fields = messages.encode(message)
        self._state.report(message.serial_number, fields, now)
        return []

    def _unregister(self, message: messages.Unregister, _now: float) -> list[Reaction]:
        done = self._state.delete(message.serial_number)
        return [
            Reply(
                messages.UnregisterResponse(
                    serial_number=message.serial_number,
                    status=Result.SUCCESS if done else Result.FAILED,
                    message="Printer unregister successful" if done else "Printer not found",
                )
            )
        ]


def _registration(reason: RegisterReason, serial: str | None) -> list[Reaction]:
    done = reason is RegisterReason.SUCCESS
    return [
        Reply(
            messages.RegisterResponse(
                serial_number=serial if done else "FAILED",
                status=Result.SUCCESS if done else Result.FAILED,
                reason=reason,
            )
        )
    ]
