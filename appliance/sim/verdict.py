"""Whether everything about one demo print was right, point by point."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import msgspec

from appliance.gcode.reader import Reader
from appliance.polar.messages import FinalState, UploadType
from appliance.printer.api import Snapshot
from appliance.sim.cloud import LocalCloud
from appliance.sim.cloud_records import Direction
from appliance.sim.cloud_state import storage_key
from appliance.sim.printer import PrinterStatus
from appliance.timelapse.mp4 import read_track

LONGEST = 30.1  # seconds of video (section 1.4), and one frame for rounding
FEWEST = 10  # frames, else nobody can see the print grow
CODECS = {"avc1": "H.264", "avc3": "H.264"}
HOST = frozenset({"M105", "M110", "M114", "M115", "M155", "M400"})
"""What a host sends beside the file's commands: questions, and waiting for the end."""
AFTER = frozenset({"M104", "M107", "M108", "M140", "M84"})
"""What makes the printer safe afterwards."""


@dataclass(frozen=True)
class Point:
    """One thing that was looked at."""

    label: str
    right: bool
    text: str


@dataclass(frozen=True)
class Printed:
    """What the demo's walk at the front panel knows of the print.

    ``product`` is the printer daemon's state after it, ``trail`` what was chosen in the menu,
    ``shown`` the display's row of progress, ``asked`` its request to clear the plate, ``codes``
    the status codes till then: what is reported while the appliance is being ended is no matter.
    """

    job_id: str
    product: Snapshot
    trail: Sequence[str]
    shown: str
    asked: str
    codes: Sequence[int]


@dataclass(frozen=True)
class Verdict:
    """All of them, and where the video lies."""

    points: tuple[Point, ...]
    video: Path

    @property
    def right(self) -> bool:
        """Every point is right."""
        return all(point.right for point in self.points)


def judge(cloud: LocalCloud, printed: Printed, folder: Path, model: bytes) -> Verdict:
    """Look at the cloud, the panel, the printer and the video after the print of ``model``.

    The virtual printer has ended and left ``printer.json`` and ``executed.gcode`` in
    ``folder``.
    """
    printer = msgspec.json.decode((folder / "printer.json").read_bytes(), type=PrinterStatus)
    executed = (folder / "executed.gcode").read_text().splitlines()
    video = folder / "timelapse.mp4"
    job_id = printed.job_id
    points = (
        _started(cloud, printed),
        _job(cloud, job_id),
        _sent(printed.product, printer),
        _executed(executed, [line.command for line in Reader(io.BytesIO(model)) if line.command]),
        _snapshots(cloud, job_id),
        _video(cloud, job_id, video),
        _cleared(printed),
    )
    return Verdict(points, video)


def _started(cloud: LocalCloud, printed: Printed) -> Point:
    """The panel asked the cloud for this very job, and nobody else started it."""
    sent = [one for one in cloud.state.log if one.direction is Direction.FROM_PRINTER]
    asked = [one.payload.get("jobId") for one in sent if one.event == "sendNextPrint"]
    right = asked == [printed.job_id] and bool(printed.shown)
    way = " > ".join(printed.trail)
    return Point("panel: start", right, f"{way}, then {printed.shown!r}, {len(asked)} asked for")


def _cleared(printed: Printed) -> Point:
    """Complete, then the plate was to be cleared until the panel's OK, then ready."""
    codes = [code for code, _ in groupby(printed.codes)]
    right = codes[-3:] == [7, 15, 0] and bool(printed.asked)
    text = f"{printed.asked!r}, OK; the status went {' > '.join(map(str, codes[-4:]))}"
    return Point("panel: plate", right, text)


def _job(cloud: LocalCloud, job_id: str) -> Point:
    past = [one for one in cloud.printer.past if one.job_id == job_id]
    if not past:
        return Point("job state", False, "its end was never reported")
    right = len(past) == 1 and past[0].ending is FinalState.COMPLETED
    text = f"{past[0].ending.value}, {past[0].print_seconds} s, {past[0].filament_mm} mm filament"
    return Point("job state", right, text)


def _sent(product: Snapshot, printer: PrinterStatus) -> Point:
    text = (
        f"{product.lines_sent} sent, {product.lines_received} received, "
        f"{product.resends} resends, {printer.dropped_bytes} bytes dropped by the printer"
    )
    return Point("lines", printer.dropped_bytes == 0 and product.lines_sent > 0, text)


def _executed(executed: list[str], wanted: list[str]) -> Point:
    """The printer did exactly the file's commands, in order, beside what a host asks."""
    done = 0
    for command in executed:
        if done < len(wanted) and command == wanted[done]:
            done += 1
        elif command.split()[0] not in (HOST if done < len(wanted) else HOST | AFTER):
            text = f"after {done} of {len(wanted)} commands it executed {command!r}"
            return Point("executed", False, text)
    return Point("executed", done == len(wanted), f"{done} of {len(wanted)} commands, in order")


def _snapshots(cloud: LocalCloud, job_id: str) -> Point:
    serial = cloud.printer.serial_number
    stored = cloud.storage.get(storage_key(serial, UploadType.PRINTING, job_id))
    count = stored.uploads if stored else 0
    return Point("snapshots", count > 0, f"{count} stored while printing")


def _video(cloud: LocalCloud, job_id: str, kept: Path) -> Point:
    serial = cloud.printer.serial_number
    stored = cloud.storage.get(storage_key(serial, UploadType.TIMELAPSE, job_id))
    if stored is None:
        return Point("time-lapse", False, "none in the cloud's storage")
    shutil.copyfile(stored.path, kept)
    track = read_track(kept)
    codec = CODECS.get(track.codec, track.codec)
    right = codec == "H.264" and track.frames > FEWEST and 0 < track.seconds <= LONGEST
    text = (
        f"{track.frames} frames, {track.seconds:.1f} s, {codec}, "
        f"{track.width} × {track.height}, {stored.size} bytes"
    )
    return Point("time-lapse", right, text)
