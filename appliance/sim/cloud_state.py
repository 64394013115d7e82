"""The local Polar Cloud's memory and its rules, without I/O.

Times are Unix seconds and always given by the caller. :attr:`CloudState.revision` grows with
every change, :attr:`CloudState.durable_revision` with those that a restart must keep.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec.structs import replace

from appliance.errors import CloudError
from appliance.polar import keys
from appliance.polar.values import FinalState, Result, UploadType
from appliance.printer.api import LOCAL_JOB_ID
from appliance.sim.cloud_log import safe
from appliance.sim.cloud_records import (
    LOG_LENGTH,
    PAST_LENGTH,
    Account,
    Answer,
    Direction,
    FileKind,
    Life,
    MenuCommand,
    PastPrint,
    Picture,
    PrinterRecord,
    QueuedJob,
    QueueState,
    Reading,
    RegisterReason,
    Saved,
    Seen,
)

MANUFACTURERS = frozenset({"test", "op", "octoprint", "pb", "p3d", "xyz", "ff", "drem"})
"""The values of ``mfg`` that are known (section 3.9 and the field's reference client)."""

IDLE_CODES = frozenset({0, 15})
DOOR_OPEN = 14
START_PATIENCE = 30.0
"""Seconds after `print` within which a status that says idle may have crossed it on the wire."""

_STORED = re.compile(r"files/printer/([^/]+)/(?:([^/]+)/)?(snapshot\.jpg|timelapse\.mp4)")


def normal_mac(mac: str) -> str:
    """One spelling for every way of writing the same MAC address."""
    digits = re.sub(r"[^0-9a-f]", "", mac.lower())
    return digits if len(digits) == 12 else mac.strip().lower()


def key_loads(public_key: str) -> bool:
    """The text is an RSA public key in PEM."""
    try:
        return isinstance(load_pem_public_key(public_key.encode()), RSAPublicKey)
    except (ValueError, UnsupportedAlgorithm):
        return False


def storage_key(serial_number: str, kind: UploadType, job_id: str | None) -> str:
    """Where an upload goes (section 3.5)."""
    if kind is UploadType.IDLE or job_id is None:
        return f"files/printer/{serial_number}/snapshot.jpg"
    number = job_id.removeprefix(f"{serial_number}-")
    name = "timelapse.mp4" if kind is UploadType.TIMELAPSE else "snapshot.jpg"
    return f"files/printer/{serial_number}/{number}/{name}"


class NotThere(CloudError):
    """A printer or a job that the local cloud does not have."""

    default_short = "Not there"


class CloudState:
    """Accounts, printers, queues and past prints."""

    def __init__(
        self,
        accounts: Sequence[Account],
        *,
        manufacturers: frozenset[str] = MANUFACTURERS,
        saved: Saved | None = None,
    ) -> None:
        kept = saved or Saved()
        self.accounts = {account.email.lower(): account for account in accounts}
        self.printers = {record.serial_number: record for record in kept.printers}
        self.lives = {serial: Life() for serial in self.printers}
        self.revision = 0
        self.durable_revision = 0
        self.connections = 0  # opened so far, authenticated or not
        self.malformed = 0  # messages that were not what section 3 says
        self.capabilities = ["sendNextPrint"]  # of every printer (section 2.2)
        self.log: deque[Seen] = deque(maxlen=LOG_LENGTH)
        self.listeners: list[Callable[[], None]] = []  # called after every change
        self._messages = 0
        self._manufacturers = manufacturers
        self._next_serial = kept.next_serial
        self._next_job = kept.next_job

    def saved(self) -> Saved:
        """What a restart keeps."""
        return Saved(
            printers=tuple(self.printers.values()),
            next_serial=self._next_serial,
            next_job=self._next_job,
        )

    def touch(self) -> None:
        """Something changed that a watcher may wait for."""
        self.revision += 1
        for listener in self.listeners:
            listener()

    def note(
        self,
        direction: Direction,
        serial_number: str | None,
        event: str,
        payload: object,
        now: float,
    ) -> None:
        """Remember a message, without its secrets."""
        self._messages += 1
        self.log.append(
            Seen(
                now,
                direction,
                serial_number,
                str(safe("", event))[:100],
                safe(event, payload),
                self._messages,
            )
        )
        self.touch()

    def seen(
        self,
        event: str | None = None,
        *,
        serial_number: str | None = None,
        direction: Direction = Direction.FROM_PRINTER,
    ) -> list[Seen]:
        """Remembered messages, oldest first, narrowed to an event and a printer."""
        return [
            one
            for one in self.log
            if one.direction is direction
            and event in (None, one.event)
            and serial_number in (None, one.serial_number)
        ]

    # Printers

    def register(
        self, *, mfg: str, email: str, pin: str, public_key: str, mac: str, mfg_sn: str = ""
    ) -> tuple[RegisterReason, str | None]:
        """Give out a serial number, the same one again for the same MAC (section 2.13)."""
        account = self.accounts.get(email.strip().lower())
        known = next((p for p in self.printers.values() if p.mac == normal_mac(mac)), None)
        if not mfg:
            return RegisterReason.MFG_MISSING, None
        if mfg not in self._manufacturers:
            return RegisterReason.MFG_UNKNOWN, None
        if account is None or not account.pin or account.pin != pin:
            return RegisterReason.EMAIL_PIN_ERROR, None
        if not key_loads(public_key):
            return RegisterReason.INVALID_KEY, None
        if known and not known.deleted and known.owner != account.email:
            return RegisterReason.FORBIDDEN, None
        serial = known.serial_number if known else self._new_serial(mfg)
        fresh = known is None or known.owner != account.email
        record = PrinterRecord(
            serial_number=serial,
            mac=normal_mac(mac),
            mfg=mfg,
            owner=account.email,
            public_key=public_key,
            mfg_sn=mfg_sn,
        )
        if known and not fresh:
            record = replace(
                known, mfg=mfg, public_key=public_key, mfg_sn=mfg_sn or known.mfg_sn, deleted=False
            )
        self._keep(record)
        return RegisterReason.SUCCESS, serial

    def _new_serial(self, mfg: str) -> str:
        number, self._next_serial = self._next_serial, self._next_serial + 1
        return f"{mfg.upper()}{number:06d}"

    def hello(
        self, serial_number: str, challenge: str, signature: str, facts: Mapping[str, Any]
    ) -> tuple[Result, str]:
        """Check a signed challenge (section 1.2); the status and its sentence."""
        record = self.printers.get(serial_number)
        if record is None:
            return Result.DELETED, "This printer has never registered."
        if record.deleted:
            return Result.DELETED, "This printer was deleted in the cloud."
        if not keys.verify(record.public_key, challenge, signature):
            return Result.FAILED, "The signature does not agree with the public key."
        life = self.lives[serial_number]
        life.hello = dict(facts)
        life.hellos += 1
        self._keep(
            replace(
                record,
                make=str(facts.get("printerMake") or record.make),
                mfg_sn=str(facts.get("mfgSn") or record.mfg_sn),
                running_version=str(facts.get("version") or record.running_version),
            )
        )
        return Result.SUCCESS, ""

    def delete(self, serial_number: str) -> bool:
        """Forget who owns the printer; it gets DELETED from now on. False: it was not there."""
        record = self.printers.get(serial_number)
        if record is None or record.deleted:
            return False
        self._keep(replace(record, deleted=True, queue=(), commands=()))
        return True

    def printer(self, serial_number: str | None = None) -> PrinterRecord:
        """A printer that is not deleted; without a number the one registered last.

        Raises NotThere when there is none.
        """
        if serial_number is None:
            present = [p for p in self.printers.values() if not p.deleted]
            if present:
                return present[-1]
            raise NotThere("No printer is registered yet. Register one first.")
        record = self.printers.get(serial_number)
        if record is None or record.deleted:
            raise NotThere(f"There is no printer {serial_number!r}.")
        return record

    def set_versions(self, serial_number: str, running: str, latest: str) -> None:
        """Keep what setVersion said (section 3.11)."""
        record = self.printers[serial_number]
        self._keep(replace(record, running_version=running, latest_version=latest))

    def set_commands(self, serial_number: str, commands: Sequence[MenuCommand]) -> None:
        """Keep a customCommandList for good (section 3.3)."""
        self._keep(replace(self.printers[serial_number], commands=tuple(commands)))

    # Jobs

    def queue_job(
        self,
        serial_number: str,
        name: str,
        size: int,
        now: float,
        *,
        kind: FileKind = FileKind.GCODE,
        config: bool = False,
    ) -> str:
        """Put a job at the end of the printer's queue; its id."""
        record = self.printer(serial_number)
        number, self._next_job = self._next_job, self._next_job + 1
        job = QueuedJob(
            job_id=f"{serial_number}-{number}",
            name=name,
            size=size,
            kind=kind,
            config=config,
            queued_at=now,
        )
        self._keep(replace(record, queue=(*record.queue, job)))
        return job.job_id

    def find_job(self, job_id: str) -> tuple[PrinterRecord, QueuedJob]:
        """A queued job and its printer. Raises NotThere when no queue holds it."""
        for record in self.printers.values():
            for job in record.queue:
                if job.job_id == job_id:
                    return record, job
        raise NotThere(f"No queue holds a job {job_id!r}.")

    def remove_job(self, job_id: str) -> None:
        """Take a job out of its queue. Raises CloudError when it is not there or being printed."""
        record, job = self.find_job(job_id)
        if job.state is QueueState.STARTED:
            raise CloudError(f"{job.name} is being printed. Cancel the print first.")
        self._keep(replace(record, queue=tuple(j for j in record.queue if j is not job)))

    def ready_jobs(self, serial_number: str) -> list[QueuedJob]:
        """Jobs that may be printed, in order (section 2.7)."""
        queue = self.printers[serial_number].queue
        return [job for job in queue if job.state is QueueState.READY]

    def start_job(self, job_id: str, now: float) -> QueuedJob:
        """`print` goes out for this job: it moves to the head (revision of 31 October 2017)."""
        record, job = self.find_job(job_id)
        started = replace(job, state=QueueState.STARTED, sent_at=now)
        rest = tuple(j for j in record.queue if j is not job)
        self._keep(replace(record, queue=(started, *rest)))
        return started

    def finish_job(
        self,
        serial_number: str,
        job_id: str,
        ending: FinalState,
        *,
        now: float,
        print_seconds: float | None = None,
        filament_mm: float | None = None,
    ) -> bool:
        """A `job` report: completed leaves the queue, canceled stays in it (section 3.7).

        False when it names no job that was started, or says again what was said before.
        """
        record = self.printers[serial_number]
        job = next((j for j in record.queue if j.job_id == job_id), None)
        if job_id != LOCAL_JOB_ID and (job is None or job.sent_at is None):
            return False
        past = PastPrint(
            job_id=job_id,
            name=job.name if job else "Local print",
            ending=ending,
            ended_at=now,
            print_seconds=print_seconds,
            filament_mm=filament_mm,
        )
        queue = [_ended(j, ending) if j is job else j for j in record.queue]
        self._keep(
            replace(
                record,
                queue=tuple(j for j in queue if j is not None),
                past=(past, *record.past)[:PAST_LENGTH],
            )
        )
        return True

    def knows_job(self, serial_number: str, job_id: str) -> bool:
        """The printer has or had this job, so pictures of it may be stored."""
        record = self.printers[serial_number]
        return job_id != LOCAL_JOB_ID and (
            any(job.job_id == job_id for job in record.queue)
            or any(past.job_id == job_id for past in record.past)
        )

    # What printers report

    def report(self, serial_number: str, fields: Mapping[str, Any], now: float) -> None:
        """Keep a `status`. A job that the idle printer never took becomes ready again."""
        reading = Reading(now, int(fields["status"]), dict(fields))
        self.lives[serial_number].statuses.append(reading)
        self.touch()
        record = self.printers[serial_number]
        given_up = [job for job in record.queue if _idle(job, reading) and _forgotten(job, now)]
        if given_up:
            queue = (
                replace(job, state=QueueState.READY) if job in given_up else job
                for job in record.queue
            )
            self._keep(replace(record, queue=tuple(queue)))

    def answer(self, serial_number: str, text: str, now: float) -> None:
        """Keep a commandResponse."""
        self.lives[serial_number].answers.append(Answer(now, text))
        self.touch()

    def stored(self, key: str, size: int, now: float) -> None:
        """The storage took an upload."""
        match = _STORED.fullmatch(key)
        record = self.printers.get(match[1]) if match else None
        if match is None or record is None:
            return
        if match[3] == "timelapse.mp4":
            videos = {**record.videos, f"{record.serial_number}-{match[2]}": size}
            self._keep(replace(record, videos=videos))
        else:
            life = self.lives[record.serial_number]
            count = life.picture.count + 1 if life.picture else 1
            life.picture = Picture(key, now, size, count)
            self.touch()

    def connected(self, serial_number: str, change: int) -> None:
        """An authenticated connection opened (1) or ended (-1)."""
        self.lives[serial_number].connected += change
        self.touch()

    def _keep(self, record: PrinterRecord) -> None:
        self.printers[record.serial_number] = record
        self.lives.setdefault(record.serial_number, Life())
        self.durable_revision += 1
        self.touch()


def _ended(job: QueuedJob, ending: FinalState) -> QueuedJob | None:
    if ending is FinalState.COMPLETED:
        return None
    return replace(job, state=QueueState.READY, sent_at=None)


def _idle(job: QueuedJob, reading: Reading) -> bool:
    """The printer does nothing for ``job``; one that waits for the door (14) names it."""
    waits = reading.code == DOOR_OPEN and str(reading.fields.get("jobId")) != job.job_id
    return reading.code in IDLE_CODES or waits


def _forgotten(job: QueuedJob, now: float) -> bool:
    return (
        job.state is QueueState.STARTED
        and job.sent_at is not None
        and now - job.sent_at > START_PATIENCE
    )
