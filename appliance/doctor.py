"""``polar-appliance doctor``: each check is a line, and says what to do when it is not good."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from appliance import config
from appliance.config import CameraSource, Settings
from appliance.errors import ApplianceError, ConfigError
from appliance.host.clock import plausible

NEEDED_SPACE = 200_000_000  # bytes: a large G-code file, its frames and a video
GST_LIMIT = 60.0  # seconds; the first start makes GStreamer's registry
CLOUD_LIMIT = 8.0  # seconds
ELEMENTS = (
    "multifilesrc",
    "jpegdec",
    "videoconvert",
    "videoscale",
    "videorate",
    "x264enc",
    "h264parse",
    "mp4mux",
)


class Verdict(Enum):
    """How a check came out."""

    GOOD = "good"
    NOTE = "note"  # works, but a person should know
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and what to do about it."""

    subject: str
    verdict: Verdict
    text: str
    remedy: str = ""


def examine(file: Path | None) -> Iterator[Finding]:
    """All checks, one after another; a wrong settings file ends them."""
    try:
        settings = config.load(file).settings
    except ConfigError as error:
        yield Finding("settings", Verdict.BAD, error.long, "Correct the file and run this again.")
        return
    yield Finding("settings", Verdict.GOOD, str(file or "as installed"))
    for subject, check in CHECKS.items():
        try:
            yield check(settings)
        except (OSError, ApplianceError) as error:
            yield Finding(subject, Verdict.BAD, str(error), _OWNER)


def _state_folder(settings: Settings) -> Finding:
    """Looks only: made by the wrong user, the folder would be closed to the appliance."""
    folder = settings.state_folder
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding("state folder", Verdict.BAD, f"{there} cannot be written", _OWNER)
    free = shutil.disk_usage(there).free
    if free < NEEDED_SPACE:
        text = f"only {free / 1e6:.0f} MB free in {folder}"
        return Finding("state folder", Verdict.BAD, text, "Remove files or use a larger card.")
    return Finding("state folder", Verdict.GOOD, f"{folder}, {free / 1e9:.1f} GB free")


_OWNER = "Run this as the appliance's user, or choose another [paths] state."


def _clock(_settings: Settings) -> Finding:
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    if not plausible(time.time()):
        text = f"{now} cannot be right: the connection to the cloud waits for the time"
        remedy = "Connect to a network: the clock is set from there. TLS needs it."
        return Finding("clock", Verdict.BAD, text, remedy)
    return Finding("clock", Verdict.GOOD, now)


def _port(settings: Settings) -> Finding:
    port = settings.printer.port
    if port.startswith("socket://"):
        return Finding("printer port", Verdict.GOOD, port)
    if port != "auto":
        path = Path(port)
        if not path.exists():
            remedy = "Plug the printer in and switch it on, or correct [printer] port."
            return Finding("printer port", Verdict.BAD, f"{port} is not there", remedy)
        if not path.is_char_device():
            remedy = "Correct [printer] port: ports are named such as /dev/ttyUSB0."
            return Finding("printer port", Verdict.BAD, f"{port} is no serial port", remedy)
        found = [port]
    else:
        found = _serial_ports()
        if not found:
            remedy = "Connect the printer's USB cable and switch the printer on."
            return Finding("printer port", Verdict.BAD, "no serial port found", remedy)
    locked = [name for name in found if not os.access(name, os.R_OK | os.W_OK)]
    if locked:
        remedy = "Add the user to the group dialout, and log in again."
        return Finding("printer port", Verdict.BAD, f"no permission for {locked[0]}", remedy)
    return Finding("printer port", Verdict.GOOD, ", ".join(found))


def _serial_ports() -> list[str]:
    from appliance.printer.detect import candidates  # noqa: PLC0415

    return list(candidates())


def _camera(settings: Settings) -> Finding:
    source = settings.camera.source
    device = Path(settings.camera.device)
    if source is CameraSource.NONE:
        return Finding("camera", Verdict.NOTE, "switched off in the settings")
    if source is CameraSource.SYNTHETIC:
        return Finding("camera", Verdict.NOTE, "drawn pictures, no camera is used")
    if source is CameraSource.V4L2 and not device.exists():
        remedy = "Plug the camera in, or correct [camera] device."
        return Finding("camera", Verdict.BAD, f"{device} is not there", remedy)
    if source is CameraSource.PICAMERA2:
        return _picamera()
    if source is CameraSource.AUTO and not device.exists() and not _has_picamera2():
        return Finding("camera", Verdict.NOTE, "none found", "Prints work without one.")
    return Finding("camera", Verdict.GOOD, source.value)


def _picamera() -> Finding:
    if _has_picamera2():
        return Finding("camera", Verdict.GOOD, "picamera2 is installed")
    remedy = "apt install python3-picamera2 (Raspberry Pi OS)"
    return Finding("camera", Verdict.BAD, "picamera2 is not installed", remedy)


def _has_picamera2() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415

    return find_spec("picamera2") is not None


def _gstreamer(_settings: Settings) -> Finding:
    inspect = shutil.which("gst-inspect-1.0")
    remedy = (
        "apt install gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
        "gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"
    )
    if inspect is None:
        return Finding("time-lapse", Verdict.BAD, "GStreamer is not installed", remedy)
    missing = [
        name
        for name in ELEMENTS
        if subprocess.run([inspect, "--exists", name], check=False, timeout=GST_LIMIT).returncode
    ]
    if missing:
        return Finding("time-lapse", Verdict.BAD, f"missing: {', '.join(missing)}", remedy)
    return Finding("time-lapse", Verdict.GOOD, "GStreamer with x264")


def _cloud(settings: Settings) -> Finding:
    from appliance.cloud.connection import tls_context  # noqa: PLC0415

    url = urlsplit(settings.cloud.url)
    host, secure = url.hostname or "", url.scheme == "https"
    port = url.port or (443 if secure else 80)
    try:
        with socket.create_connection((host, port), CLOUD_LIMIT) as plain:
            if secure:
                context = tls_context(settings.cloud.ca_file)
                context.wrap_socket(plain, server_hostname=host).close()
    except ConfigError as error:
        return Finding("cloud", Verdict.BAD, error.long, "Correct [cloud] ca_file.")
    except socket.gaierror:
        remedy = "Check the network cable or the Wi-Fi, and [cloud] url."
        return Finding("cloud", Verdict.BAD, f"the name {host} is not known", remedy)
    except ssl.SSLError as error:
        remedy = "Check the clock; for a server of your own set [cloud] ca_file."
        return Finding("cloud", Verdict.BAD, f"{host}: {error.reason}", remedy)
    except OSError as error:
        remedy = "Check the network; a firewall must let this port out."
        return Finding("cloud", Verdict.BAD, f"{host}:{port}: {error.strerror or error}", remedy)
    return Finding("cloud", Verdict.GOOD, f"{host}:{port} answers")


def _registration(settings: Settings) -> Finding:
    from appliance.agent.identity import Identity  # noqa: PLC0415
    from appliance.store import Record  # noqa: PLC0415

    identity = Record(settings.state_folder / "identity.json", Identity).load()
    if identity is None or identity.serial_number is None:
        return Finding("registration", Verdict.NOTE, "not registered", "polar-appliance register")
    return Finding("registration", Verdict.GOOD, f"serial number {identity.serial_number}")


def _display(settings: Settings) -> Finding:
    from appliance.doctor_panel import display  # noqa: PLC0415

    return display(settings)


def _pins(settings: Settings) -> Finding:
    from appliance.doctor_panel import buttons_and_door  # noqa: PLC0415

    return buttons_and_door(settings)


def _daemons(settings: Settings) -> Finding:
    from appliance.ipc import answers  # noqa: PLC0415

    off = [
        name for name in ("printer", "agent") if not answers(settings.run_folder / f"{name}.sock")
    ]
    if off:
        remedy = "systemctl start polar-printer polar-agent, or polar-appliance up"
        return Finding("services", Verdict.NOTE, f"not running: {', '.join(off)}", remedy)
    return Finding("services", Verdict.GOOD, "printer and agent answer")


CHECKS: Mapping[str, Callable[[Settings], Finding]] = {
    "state folder": _state_folder,
    "clock": _clock,
    "printer port": _port,
    "camera": _camera,
    "display": _display,
    "buttons, door": _pins,
    "time-lapse": _gstreamer,
    "cloud": _cloud,
    "registration": _registration,
    "services": _daemons,
}
