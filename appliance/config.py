"""Settings: defaults < system file < boot-partition file < the device's own file.

A file named with ``--config`` stands in the place of the first two; the device's own is
written by the wizard and lies with the state. Every file is TOML, each value is checked with
the file and key in the message, and :func:`Config.describe` can say where each came from.
"""

from __future__ import annotations

import copy
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from appliance.errors import ConfigError
from appliance.settings_panel import (
    MATERIALS,
    ButtonSettings,
    DisplayKind,
    DoorSettings,
    Material,
    MoveSettings,
    PanelSettings,
    PlateSettings,
    panel_problems,
)
from appliance.settings_slicing import SlicingSettings, slicing_problems
from appliance.settings_web import SetupSettings, WebSettings, WifiSettings, web_problems

SYSTEM_FILE = Path("/etc/polar-appliance/config.toml")
BOOT_FILE = Path("/boot/firmware/polar-appliance.toml")
DEVICE_FILE = "settings.toml"  # in the state folder
SECRET_KEYS = frozenset(
    {"cloud.pin", "wifi.password", "web.api_key", "web.password", "web.password_hash"}
)

Seconds = Annotated[float, Meta(gt=0)]
Dimension = Annotated[int, Meta(ge=64, le=4096)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class CloudSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Polar Cloud and how often it is told what (protocol section 1.2)."""

    url: str = "https://printer4.polar3d.com"
    mfg: Annotated[str, Meta(min_length=1, max_length=32)] = "op"
    mfg_sn: str = ""
    email: str = ""
    pin: str = ""
    printer_make: str = ""
    status_interval: Seconds = 10.0
    idle_image_interval: Seconds = 60.0
    printing_image_interval: Seconds = 10.0
    ca_file: str = ""  # PEM file of extra authorities to trust, for a server of one's own
    max_download: Annotated[int, Meta(gt=0)] = 1_000_000_000  # bytes


class PrinterSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The serial port, and where the head waits during a pause."""

    port: str = "auto"
    baud: Literal["auto"] | Annotated[int, Meta(ge=1200, le=4_000_000)] = "auto"
    park_x: float = 0.0  # mm
    park_y: float = 0.0
    park_lift: Annotated[float, Meta(ge=0)] = 5.0
    park_retract: Annotated[float, Meta(ge=0)] = 2.0
    unload_length: Annotated[float, Meta(ge=0)] = 60.0  # of the pause type "filament"
    max_tool_temperature: Annotated[float, Meta(gt=0, le=500)] = 300.0  # °C, for `temperature`
    max_bed_temperature: Annotated[float, Meta(gt=0, le=200)] = 130.0
    max_chamber_temperature: Annotated[float, Meta(gt=0, le=200)] = 90.0


class CameraSource(StrEnum):
    """Which driver takes the pictures."""

    AUTO = "auto"
    PICAMERA2 = "picamera2"
    V4L2 = "v4l2"
    SYNTHETIC = "synthetic"
    NONE = "none"


class CameraSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The camera; ``transform`` is the bit mask of section 3.6: 1 = H, 2 = V, 4 = 90° ccw."""

    source: CameraSource = CameraSource.AUTO
    device: str = "/dev/video0"
    transform: Annotated[int, Meta(ge=0, le=7)] = 0
    width: Dimension = 1280
    height: Dimension = 720
    focus: Annotated[float, Meta(ge=-1, le=32)] = -1.0  # dioptres, 0 = far; -1: found by itself
    exposure_timeout: Seconds = 10.0  # a capture that takes longer has wedged


class TimelapseSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The time-lapse of a completed cloud print (section 1.4)."""

    interval: Annotated[float, Meta(ge=0)] = 0.0  # seconds; 0 = from the length of the print
    encoder: Literal["x264", "hardware"] = "x264"
    time_limit: Seconds = 900.0  # of the encoder


class PathSettings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where durable and fleeting files lie."""

    state: str = "/var/lib/polar-appliance"
    run: str = "/run/polar-appliance"


class CustomCommand(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the cloud's menu (section 3.3): lines of G-code, or something for the host."""

    label: Annotated[str, Meta(min_length=1, max_length=64)]
    gcode: list[str] = []
    action: Literal["", "restart-agent", "reboot", "shutdown", "plate-clear"] = ""
    help: str = ""
    confirm: str = ""


class Settings(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, checked."""

    cloud: CloudSettings = CloudSettings()
    printer: PrinterSettings = PrinterSettings()
    camera: CameraSettings = CameraSettings()
    timelapse: TimelapseSettings = TimelapseSettings()
    paths: PathSettings = PathSettings()
    panel: PanelSettings = PanelSettings()
    buttons: ButtonSettings = ButtonSettings()
    door: DoorSettings = DoorSettings()
    plate: PlateSettings = PlateSettings()
    moves: MoveSettings = MoveSettings()
    web: WebSettings = WebSettings()
    wifi: WifiSettings = WifiSettings()
    setup: SetupSettings = SetupSettings()
    slicing: SlicingSettings = SlicingSettings()
    materials: list[Material] = msgspec.field(default_factory=lambda: list(MATERIALS))
    commands: list[CustomCommand] = []

    @property
    def has_panel(self) -> bool:
        """Something of a front panel is connected: a display, a key, or the door's switch."""
        shown = self.panel.display is not DisplayKind.NONE or bool(self.panel.simulated)
        return shown or bool(self.buttons.pins() or self.door.pins())

    @property
    def has_ok(self) -> bool:
        """A person can confirm something at the device."""
        return self.buttons.any or bool(self.panel.simulated)

    @property
    def shows_codes(self) -> bool:
        """A browser's code can be read at the device, and confirmed there."""
        shown = self.panel.display is not DisplayKind.NONE or bool(self.panel.simulated)
        return shown and self.has_ok

    @property
    def has_way_in(self) -> bool:
        """A browser can be let in once the setup is done, or there is no page at all."""
        return self.shows_codes or bool(self.web.password_hash) or not self.web.enabled

    @property
    def state_folder(self) -> Path:
        """Durable files: identity, job, outbox, spool, frames."""
        return Path(self.paths.state).expanduser()

    @property
    def device_file(self) -> Path:
        """The device's own settings, which the wizard writes."""
        return self.state_folder / DEVICE_FILE

    @property
    def run_folder(self) -> Path:
        """Fleeting files: sockets."""
        return Path(self.paths.run).expanduser()

    @property
    def printer_socket(self) -> Path:
        """The printer daemon's Unix socket."""
        return self.run_folder / "printer.sock"

    @property
    def agent_socket(self) -> Path:
        """The agent's Unix socket."""
        return self.run_folder / "agent.sock"


class Config(msgspec.Struct, frozen=True):
    """The settings in force, and the origin of each by dotted key.

    ``problems`` are sentences about files that were left out, each with its path and key.
    """

    settings: Settings
    origins: dict[str, str]
    problems: tuple[str, ...] = ()

    def describe(self) -> Iterator[tuple[str, object, str]]:
        """(dotted key, value, origin) of every setting; secrets are never shown."""
        for key, value in _flatten(msgspec.to_builtins(self.settings)):
            shown = "(set)" if key in SECRET_KEYS and value else value
            yield key, shown, self.origins.get(key, "default")


def load(
    explicit: Path | None = None,
    defaults: Sequence[Path] | None = None,
    *,
    forgiving: bool = False,
) -> Config:
    """The settings from ``explicit``, or else from the system and boot files; above them
    those of the device's own file.

    ``forgiving`` leaves a wrong boot file and a wrong file of the device out and tells so in
    ``problems``: neither may keep the device from starting. Otherwise, and for the other
    files, raises ConfigError naming the file, the key and what was expected.
    """
    layers = _Layers(forgiving)
    if explicit is not None:
        layers.add(explicit)
    else:
        candidates = (SYSTEM_FILE, BOOT_FILE) if defaults is None else defaults
        for index, path in enumerate(candidates):
            layers.add_if_there(path, spare=index > 0)
    layers.add_device_file()
    return Config(layers.settings, layers.origins, tuple(layers.problems))


def read_file(path: Path, *, device: bool = False) -> dict[str, Any]:
    """What stands in one file (``device``: in the device's own), each value of its type.

    Raises ConfigError naming the file, the key and what was expected.
    """
    layer = _read(path)
    _typed(layer, str(path))
    if device and "paths" in layer:
        raise ConfigError(f"{path}: paths: This file cannot say where it lies itself.")
    return layer


def check(layer: Mapping[str, Any], origin: str, lower: Settings | None = None) -> Settings:
    """The settings that ``layer`` makes of ``lower`` (of the defaults).

    Raises ConfigError with ``origin``, the key and what was expected.
    """
    _typed(layer, origin)
    merged: dict[str, Any] = msgspec.to_builtins(lower) if lower is not None else {}
    merge(merged, layer)
    return _checked(merged, origin)


class _Layers:
    """Settings that grow file by file; what a file brings is taken as a whole or not at all."""

    def __init__(self, forgiving: bool) -> None:
        self.settings = Settings()
        self.origins: dict[str, str] = {}
        self.problems: list[str] = []
        self._forgiving = forgiving
        self._tree: dict[str, Any] = {}

    def add(self, path: Path, *, device: bool = False) -> None:
        """Lay the file over what there is."""
        layer = read_file(path, device=device)
        tree = copy.deepcopy(self._tree)
        merge(tree, layer)
        self.settings = _checked(tree, str(path))
        self._tree = tree
        self.origins.update((key, str(path)) for key, _ in _flatten(layer))

    def add_if_there(self, path: Path, *, spare: bool, device: bool = False) -> None:
        """The same for a file that need not be there; a wrong one may be left out if ``spare``."""
        if not _is_there(path):
            return
        try:
            self.add(path, device=device)
        except ConfigError as error:
            if not (spare and self._forgiving):
                raise
            self.problems.append(error.long)

    def add_device_file(self) -> None:
        """The device's own file; who may not read it does without, and is told so."""
        path = self.settings.device_file
        try:
            path.open("rb").close()
        except PermissionError:
            self.problems.append(f"{path}: belongs to the appliance's user, and is left out here.")
            return
        except OSError:
            pass  # it is not there, or reading it tells why
        self.add_if_there(path, spare=True, device=True)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True  # reading it will say so


def _read(path: Path) -> dict[str, Any]:
    try:
        # With or without the byte order mark that Windows editors put at the beginning.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file. Name one with --config.") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not a text file in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}.") from None


def _checked(layer: Mapping[str, Any], origin: str) -> Settings:
    settings = _typed(layer, origin)
    for key, problem in _problems(settings):
        raise ConfigError(f"{origin}: {key}: {problem}")
    return settings


def _typed(layer: Mapping[str, Any], origin: str) -> Settings:
    try:
        return msgspec.convert(layer, Settings)
    except msgspec.ValidationError as error:
        # Imported when something is wrong: the daemons run without it.
        from appliance.settings_words import explain  # noqa: PLC0415

        problem = explain(str(error), layer, Settings, SECRET_KEYS)
        raise ConfigError(f"{origin}: {problem}") from None


def _problems(settings: Settings) -> Iterator[tuple[str, str]]:
    """What types alone cannot say."""
    for key, value in _flatten(msgspec.to_builtins(settings)):
        if isinstance(value, float) and not math.isfinite(value):
            yield key, "Expected a number that is not infinite."
    if not _is_web_address(settings.cloud.url):
        yield "cloud.url", "Expected an address that begins with https:// (or http://)."
    if not _is_port(settings.printer.port):
        yield (
            "printer.port",
            'Expected "auto", the path of a port such as "/dev/ttyUSB0", or socket://HOST:PORT.',
        )
    for name in ("state", "run"):
        if not getattr(settings.paths, name).strip():
            yield f"paths.{name}", "Expected the path of a folder."
    yield from panel_problems(settings.panel, settings.buttons, settings.door)
    yield from web_problems(settings.web, settings.wifi)
    yield from slicing_problems(settings.slicing)
    pin = settings.cloud.pin
    if pin and not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 16):
        yield "cloud.pin", 'Expected 4 to 16 decimal digits in quotes, such as "1234".'
    labels: set[str] = set()
    for index, command in enumerate(settings.commands):
        key = f"commands[{index}]"
        if bool(command.gcode) == bool(command.action):
            yield key, "Expected either gcode = [lines] or action = a name, not both or neither."
        if any(not line.isprintable() for line in command.gcode):
            yield f"{key}.gcode", "Expected one line of plain text in each item of the list."
        if command.label in labels:
            yield key, f"The label {command.label!r} stands twice; each must differ."
        labels.add(command.label)


def _is_web_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        # .port raises for a number that is none.
        usable = bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    return usable and url.scheme in ("http", "https") and text.isprintable() and " " not in text


def _is_port(text: str) -> bool:
    if text.startswith("socket://"):
        try:
            return bool(urlsplit(text).hostname and urlsplit(text).port)
        except ValueError:
            return False
    return bool(text.strip()) and text.isprintable()


def merge(base: dict[str, Any], layer: Mapping[str, Any]) -> None:
    """Lay ``layer`` over ``base``, key by key; lists are replaced as a whole."""
    for key, value in layer.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = dict(value) if isinstance(value, dict) else value


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
