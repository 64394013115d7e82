"""What is owed to the cloud: `job` reports and time-lapses, kept on the disk until delivered.

One record file per entry, named by a number that only grows, and each video beside its
record. Every step leaves the folder readable for the next start, so a kill or a power cut
at any moment neither loses an entry nor delivers it twice once :meth:`Outbox.delivered` is
back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from appliance import store
from appliance.errors import StorageError
from appliance.host.clock import plausible

log = logging.getLogger(__name__)

DELIVERED_KEPT = 64  # keys of delivered entries: an agent that was killed may add one again

_RECORD = re.compile(r"(\d{8})\.json")
_NUMBERED = re.compile(r"(\d{8})\.(?:json|mp4)(?:\.bad)?")


class JobReport(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """A `job` message to be sent (protocol section 3.7)."""

    job_id: str
    key: str  # of this print: tells two prints of one job (or of "123") apart
    serial_number: str = ""  # under which it is owed; it goes to no other owner
    completed: bool  # else canceled
    print_seconds: int | None = None
    filament_mm: int | None = None


class VideoToSend(msgspec.Struct, frozen=True, kw_only=True, tag="video"):
    """A time-lapse to be uploaded (sections 1.4 and 3.5); ``path`` lies in the outbox."""

    job_id: str
    key: str  # as in JobReport
    path: str
    size: int  # bytes


class Entry(msgspec.Struct, frozen=True):
    """One thing owed, and how its delivery went so far."""

    sequence: int
    item: JobReport | VideoToSend
    added_at: float  # Unix seconds
    attempts: int = 0  # that failed
    last_error: str = ""
    source: str = ""  # a video on its way into the outbox: where it came from

    @property
    def key(self) -> str:
        """The same for the same report or video of the same print."""
        kind = "report" if isinstance(self.item, JobReport) else "video"
        return f"{kind} {self.item.job_id} {self.item.key}"


class OutboxLimits(msgspec.Struct, frozen=True):
    """Bounds on the videos kept; a report is small and never dropped."""

    video_bytes: int = 300_000_000
    video_age: float = 14 * 86400.0  # seconds


class Outbox:
    """The durable queue in ``folder``; used from one thread.

    Its methods write to the disk, briefly, and raise StorageError where said.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limits: OutboxLimits | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._limits = limits or OutboxLimits()
        self._now = now
        self._done = store.Record(folder / "delivered.json", list[str])
        self._entries: dict[int, Entry] = {}
        self._last = 0
        self._listeners: list[asyncio.Event] = []
        self._make_folder()
        self._delivered = self._done.load() or []
        self._load()

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:  # a full disk: it is made with the first entry
            log.error("The outbox cannot be made: %s", error)

    def changed(self) -> asyncio.Event:
        """An event of the caller's own that is set whenever something is added."""
        event = asyncio.Event()
        self._listeners.append(event)
        return event

    def pending(self) -> list[Entry]:
        """All that is owed, oldest first."""
        return [self._entries[number] for number in sorted(self._entries)]

    def add_report(self, report: JobReport) -> Entry | None:
        """Owe ``report``; None when this print's report was delivered before.

        The same report added again is the entry that is already there. On a full disk
        videos make room; failing that it is kept in memory alone, with a line in the log.
        """
        entry = Entry(self._next(), report, self._now())
        if self._is_delivered(entry):
            return None
        if known := self._same(entry):
            return known
        try:
            self._save_making_room(entry)
        except StorageError as error:
            log.error("The report of job %s is kept in memory alone: %s", report.job_id, error)
        self._keep(entry)
        return entry

    def add_video(self, job_id: str, file: Path, *, key: str) -> Entry | None:
        """Take over ``file`` (same file system) as the time-lapse of ``job_id``.

        None when it was delivered before, the entry that is there when it was added before;
        both leave no ``file`` behind. Raises StorageError, and then ``file`` is untouched.
        """
        number = self._next()
        size = _size(file)
        item = VideoToSend(job_id=job_id, key=key, path=str(self._video(number)), size=size or 0)
        entry = Entry(number, item, self._now(), source=str(file.absolute()))
        known = self._same(entry)
        if known or self._is_delivered(entry):
            store.remove(file)
            return known
        if size is None:
            raise StorageError(f"The time-lapse {file} is not there.")
        try:
            _sync(file)
            # The record comes first: it says where the video is, whichever side of the
            # rename a power cut falls on.
            self._save(entry)
            entry = self._take_over(entry)
        except (OSError, StorageError) as error:
            self._record(number).clear()
            reason = error.strerror if isinstance(error, OSError) else error
            raise StorageError(f"{file} cannot be kept for upload: {reason}") from error
        self._keep(entry)
        self.prune()
        return entry

    def delivered(self, entry: Entry) -> None:
        """The cloud has it: forget it for good. Raises StorageError; call it again then.

        Its key is remembered, so that adding the same again does nothing.
        """
        if entry.sequence not in self._entries:
            return
        # First the memory, then the removal: a cut between them is mended at the next start.
        self._delivered = [*self._delivered, entry.key][-DELIVERED_KEPT:]
        try:
            self._done.save(self._delivered)
        except StorageError as error:
            log.warning("What was delivered is remembered in memory alone: %s", error)
        self._remove(entry)

    def failed(self, entry: Entry, error: str) -> Entry:
        """Note a failed attempt for `status`; returns the entry as it is now."""
        present = self._entries.get(entry.sequence)
        if present is None:
            return entry
        noted = msgspec.structs.replace(present, attempts=present.attempts + 1, last_error=error)
        self._entries[entry.sequence] = noted
        try:
            self._save(noted)
        except StorageError as problem:
            log.warning("A failed attempt could not be noted: %s", problem)
        return noted

    def drop(self, entry: Entry, why: str) -> None:
        """Give ``entry`` up, with a line in the log. Raises StorageError."""
        log.warning("Given up: %s of job %s: %s", _noun(entry), entry.item.job_id, why)
        self._remove(entry)

    def prune(self) -> None:
        """Drop videos that are too old, and the oldest of those that are too much together."""
        videos = [entry for entry in self.pending() if isinstance(entry.item, VideoToSend)]
        now = self._now()
        total = 0
        for index, entry in enumerate(reversed(videos)):
            total += entry.item.size if isinstance(entry.item, VideoToSend) else 0
            if _age(entry, now) > self._limits.video_age:
                self.drop(entry, "it could not be delivered for too long.")
            elif index and total > self._limits.video_bytes:
                self.drop(entry, "newer ones need its room on the disk.")

    # Loading

    def _load(self) -> None:
        names = sorted(path.name for path in self._folder.glob("*"))
        for name in names:
            if name.startswith("."):
                store.remove(self._folder / name)  # half-written when the process was killed
            elif match := _RECORD.fullmatch(name):
                self._load_entry(int(match.group(1)))
        for path in self._folder.glob("*.mp4"):
            if not path.stem.isdigit() or int(path.stem) not in self._entries:
                log.warning("A time-lapse without a record is removed: %s", path.name)
                store.remove(path)
        self.prune()

    def _load_entry(self, number: int) -> None:
        entry = self._record(number).load()
        if entry is None:
            log.warning("A damaged outbox record is set aside: %08d.json.bad", number)
            return
        entry = msgspec.structs.replace(entry, sequence=number)
        if self._is_delivered(entry) or self._same(entry):
            self._remove(entry)
            return
        if isinstance(entry.item, VideoToSend):
            try:
                entry = self._take_over(entry)
            except OSError as error:
                log.warning(
                    "The time-lapse of job %s is lost: %s", entry.item.job_id, error.strerror
                )
                self._remove(entry)
                return
        self._entries[number] = entry

    # Files

    def _take_over(self, entry: Entry) -> Entry:
        """Bring the video of ``entry`` to its place, unless it lies there already."""
        place = self._video(entry.sequence)
        if not place.exists():
            Path(entry.source).replace(place)
            store.sync_folder(self._folder)
            store.sync_folder(Path(entry.source).parent)
        item = entry.item
        if isinstance(item, VideoToSend):
            # The folder may have moved since the record was written.
            item = msgspec.structs.replace(item, path=str(place), size=place.stat().st_size)
        return msgspec.structs.replace(entry, item=item)

    def _remove(self, entry: Entry) -> None:
        self._record(entry.sequence).clear()
        store.remove(self._video(entry.sequence))
        self._entries.pop(entry.sequence, None)

    def _save_making_room(self, entry: Entry) -> None:
        while True:
            try:
                return self._save(entry)
            except StorageError:
                videos = [old for old in self.pending() if isinstance(old.item, VideoToSend)]
                if not videos:
                    raise
                self.drop(videos[0], "the disk is full, and a report needs room.")

    def _save(self, entry: Entry) -> None:
        self._record(entry.sequence).save(entry)

    def _record(self, number: int) -> store.Record[Entry]:
        return store.Record(self._folder / f"{number:08d}.json", Entry)

    def _video(self, number: int) -> Path:
        return self._folder / f"{number:08d}.mp4"

    # Keys and numbers

    def _keep(self, entry: Entry) -> None:
        self._entries[entry.sequence] = entry
        for event in self._listeners:
            event.set()

    def _same(self, entry: Entry) -> Entry | None:
        return next((old for old in self._entries.values() if old.key == entry.key), None)

    def _is_delivered(self, entry: Entry) -> bool:
        return entry.key in self._delivered

    def _next(self) -> int:
        """A number above all that lie here and all that this process has given."""
        names = (_NUMBERED.fullmatch(path.name) for path in self._folder.glob("*"))
        used = [int(name.group(1)) for name in names if name]
        self._last = max([*used, self._last]) + 1
        return self._last


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _age(entry: Entry, now: float) -> float:
    """Seconds; 0 when it was added, or is looked at, before the clock was set."""
    return now - entry.added_at if plausible(min(now, entry.added_at)) else 0.0


def _noun(entry: Entry) -> str:
    return "the report" if isinstance(entry.item, JobReport) else "the time-lapse"
