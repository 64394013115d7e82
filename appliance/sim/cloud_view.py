"""What the local cloud's page shows, as one JSON object made from :class:`CloudState`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from appliance.polar.values import FinalState, UploadType
from appliance.sim.cloud_records import (
    Direction,
    PastPrint,
    PrinterRecord,
    QueueState,
    Reading,
    Seen,
)
from appliance.sim.cloud_state import CloudState, NotThere, storage_key

Address = Callable[[str], str]
"""Where the page finds what the storage keeps under a key."""

LOG_SHOWN = 50
CONSOLE_SHOWN = 40
_LONGEST_SUMMARY = 300

# The interpretations of section 3.12, short, and how the page colours them.
STATES: Mapping[int, tuple[str, str]] = {
    0: ("Ready", "good"),
    1: ("Printing a local file", "busy"),
    2: ("Preparing", "busy"),
    3: ("Printing", "busy"),
    4: ("Paused", "wait"),
    5: ("Finishing", "busy"),
    6: ("Canceling", "wait"),
    7: ("Complete", "good"),
    8: ("Updating", "busy"),
    9: ("Paused, cold", "wait"),
    10: ("Changing filament", "wait"),
    11: ("Printing from the network", "busy"),
    12: ("Error", "bad"),
    13: ("Printer disconnected", "bad"),
    14: ("Door open", "wait"),
    15: ("Clear the build plate", "wait"),
}
_PREPARING = 2  # its percentage is of a download or of slicing
_RUNNING = frozenset({1, 3, 11})
_PAUSED = frozenset({4, 9, 10})
_WITH_PROGRESS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11})
_HEATERS = (
    ("tool0", "Nozzle"),
    ("tool1", "Nozzle 2"),
    ("bed", "Bed"),
    ("chamber", "Chamber"),
)
# What printers say in `progress` all the time (section 3.12): the state says it already.
_USUAL = frozenset(
    (
        "idle", "printing", "preparing to print a job", "job printing", "job paused",
        "post processing job", "canceling job", "complete", "updating", "cold pause",
        "changing filament", "error", "disconnected", "door open", "clear build plate",
    )
)  # fmt: skip
_PERCENT = re.compile(r"Percent Complete:\s*([0-9]+(?:\.[0-9]+)?)")
_PREPARED = re.compile(r"\A(?:Downloading|Slicing)[^%]*? - (?:Downloading )?(\d{1,3}) ?%")
_PLAIN_DETAIL = re.compile(r"Printing Job: \S+ Percent Complete: [0-9.]+ ?%\s*[.:,;–-]*\s*")


def page_state(
    state: CloudState, serial_number: str | None, now: float, address: Address
) -> dict[str, Any]:
    """The whole page; ``serial_number`` None shows the printer registered last."""
    record = _chosen(state, serial_number)
    account = next(iter(state.accounts.values()))
    return {
        "time": now,
        "revision": state.revision,
        "account": {"email": account.email, "pin": account.pin},
        "connections": state.connections,
        "printers": [p.serial_number for p in state.printers.values() if not p.deleted],
        "printer": _printer(state, record, address) if record else None,
        "log": _log(state, record),
    }


def _chosen(state: CloudState, serial_number: str | None) -> PrinterRecord | None:
    for wanted in (serial_number, None):
        try:
            return state.printer(wanted)
        except NotThere:
            continue
    return None


def _printer(state: CloudState, record: PrinterRecord, address: Address) -> dict[str, Any]:
    life = state.lives[record.serial_number]
    connected = life.connected > 0
    code = life.status.code if life.status else None
    waiting = any(job.state is QueueState.STARTED for job in record.queue)
    return {
        "serialNumber": record.serial_number,
        "make": record.make,
        "mac": _spelled(record.mac),
        "version": record.running_version,
        "latestVersion": record.latest_version,
        "updatePossible": record.update_possible,
        "localIP": str(life.hello.get("localIP") or ""),
        "connected": connected,
        "dropped": life.dropped,
        "status": _status(record, life.status, connected),
        "can": {
            "pause": connected and code in _RUNNING,
            "resume": connected and code in _PAUSED,
            "cancel": connected and (code in _RUNNING | _PAUSED | {2} or (code == 14 and waiting)),
            "print": connected and code in (None, 0) and not waiting,
        },
        "picture": {
            "url": address(life.picture.key),
            "storedAt": life.picture.stored_at,
            "size": life.picture.size,
            "count": life.picture.count,
        }
        if life.picture
        else None,
        "queue": [
            {
                "jobId": j.job_id,
                "name": j.name,
                "size": j.size,
                "state": j.state,
                "kind": j.kind.value,
            }
            for j in record.queue
        ],
        "past": [_past(record, past, address) for past in record.past],
        "commands": [
            {
                "label": c.label,
                "command": c.command,
                "helpText": c.help_text,
                "confirmText": c.confirm_text,
            }
            for c in record.commands
        ],
        "console": _console(state, record.serial_number),
    }


def _spelled(mac: str) -> str:
    return ":".join(mac[i : i + 2] for i in range(0, 12, 2)) if len(mac) == 12 else mac


def _status(record: PrinterRecord, reading: Reading | None, connected: bool) -> dict[str, Any]:
    fields = reading.fields if reading else {}
    code = reading.code if reading else None
    name, tone = STATES[code] if code is not None else ("Connected", "idle")
    if not connected:
        name, tone = "Offline", "bad"
    percent = _percent(fields) if code in _WITH_PROGRESS else None
    elapsed = fields.get("printSeconds")
    return {
        "code": code,
        "name": name,
        "tone": tone,
        "at": reading.time if reading else None,
        "message": _message(fields, name),
        "jobId": str(fields.get("jobId") or ""),
        "jobName": _job_name(record, str(fields.get("jobId") or "")) if code else "",
        "percent": percent,
        "elapsed": elapsed,
        "left": None
        if code == _PREPARING
        else _left(elapsed, fields.get("estimatedTime"), percent),
        "filament": fields.get("filamentUsed"),
        "bytesRead": fields.get("bytesRead", 0),
        "fileSize": fields.get("fileSize", 0),
        "door": fields.get("door"),
        "temperatures": [
            {
                "name": heater,
                "label": label,
                "actual": fields[heater],
                "target": fields.get(f"target{heater.capitalize()}", 0.0),
            }
            for heater, label in _HEATERS
            if heater in fields
        ],
    }


def _percent(fields: Mapping[str, Any]) -> float | None:
    detail = str(fields.get("progressDetail", ""))
    told = _PERCENT.search(detail) or _PREPARED.match(detail)
    if told:
        return min(100.0, float(told[1]))
    size = fields.get("fileSize")
    return min(100.0, 100.0 * fields.get("bytesRead", 0) / size) if size else None


def _left(elapsed: float | None, estimated: float | None, percent: float | None) -> float | None:
    """Seconds to go: the estimate's share, else from what the part done so far took."""
    if percent is None or elapsed is None:
        return None
    if percent >= 100:
        return 0
    if estimated:
        return round(estimated * (100 - percent) / 100)
    return elapsed * (100 - percent) / percent if percent >= 1 else None


def _message(fields: Mapping[str, Any], name: str) -> str:
    """What the printer says beyond the state and the percentage that stand there anyway."""
    detail = _PLAIN_DETAIL.sub("", str(fields.get("progressDetail") or "")).strip()
    progress = str(fields.get("progress") or "").strip()
    unusual = progress.lower() not in _USUAL | {name.lower()}
    return ": ".join(part for part in (progress if unusual else "", detail) if part)


def _job_name(record: PrinterRecord, job_id: str) -> str:
    for job in record.queue:
        if job.job_id == job_id:
            return job.name
    return next((past.name for past in record.past if past.job_id == job_id), "")


def _past(record: PrinterRecord, past: PastPrint, address: Address) -> dict[str, Any]:
    size = record.videos.get(past.job_id) if past.ending is FinalState.COMPLETED else None
    key = storage_key(record.serial_number, UploadType.TIMELAPSE, past.job_id)
    return {
        "jobId": past.job_id,
        "name": past.name,
        "ending": past.ending,
        "endedAt": past.ended_at,
        "printSeconds": past.print_seconds,
        "filament": past.filament_mm,
        "video": {"url": address(key), "size": size} if size else None,
    }


def _console(state: CloudState, serial_number: str) -> list[dict[str, Any]]:
    """G-code that was sent and what the printer answered, oldest first."""
    lines: list[dict[str, Any]] = []
    for one in reversed(state.log):
        if one.serial_number != serial_number or len(lines) >= CONSOLE_SHOWN:
            continue
        sent = one.direction is Direction.TO_PRINTER and one.event == "command"
        answered = one.direction is Direction.FROM_PRINTER and one.event == "commandResponse"
        if sent or answered:
            text = one.payload.get("command" if sent else "response", "")
            lines.append({"number": one.number, "sent": sent, "text": str(text)})
    return lines[::-1]


def _log(state: CloudState, record: PrinterRecord | None) -> list[dict[str, Any]]:
    """The last messages, newest first."""
    shown: list[dict[str, Any]] = []
    for one in reversed(state.log):
        if len(shown) >= LOG_SHOWN:
            break
        if record is None or one.serial_number in (None, record.serial_number):
            shown.append(
                {
                    "number": one.number,
                    "time": one.time,
                    "direction": one.direction,
                    "event": one.event,
                    "text": _summary(one),
                }
            )
    return shown


def _summary(one: Seen) -> str:
    """One line: the payload without what is the same in every message."""
    payload = one.payload
    if isinstance(payload, dict):
        payload = {k: v for k, v in payload.items() if k != "serialNumber"}
        parts = (f"{key}: {_short(value)}" for key, value in payload.items())
        return ", ".join(parts)[:_LONGEST_SUMMARY]
    return _short(payload)[:_LONGEST_SUMMARY]


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
