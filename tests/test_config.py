from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import config
from appliance.config import CameraSource, Settings, load
from appliance.errors import ConfigError
from appliance.settings_web import WifiSettings

CONTRACT = """
[cloud]
url = "https://printer4.polar3d.com"
mfg = "op"
email = "someone@example.com"
pin = "1234"
status_interval = 10.0
idle_image_interval = 60.0
printing_image_interval = 10.0
[printer]
port = "auto"
baud = "auto"
[camera]
source = "auto"
device = "/dev/video0"
transform = 0
[timelapse]
interval = 0.0
[paths]
state = "/var/lib/polar-appliance"
run = "/run/polar-appliance"
"""


def write(folder: Path, text: str, name: str = "config.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problem(folder: Path, text: str) -> str:
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.short == "Check settings"
    return str(caught.value).removeprefix(f"{path}: ")


def test_no_file_means_defaults() -> None:
    loaded = load(None, [])
    assert loaded.settings == Settings()
    assert loaded.origins == {}


def test_every_setting_of_the_contract_is_known_with_its_default(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, CONTRACT)).settings
    assert (loaded.cloud.email, loaded.cloud.pin) == ("someone@example.com", "1234")
    without = CONTRACT.replace("someone@example.com", "").replace('pin = "1234"', "")
    assert load(write(tmp_path, without)).settings == Settings()


def test_a_baud_is_a_number_or_auto(tmp_path: Path) -> None:
    assert load(write(tmp_path, "[printer]\nbaud = 250000")).settings.printer.baud == 250000
    whole = load(write(tmp_path, "[cloud]\nstatus_interval = 5")).settings
    assert whole.cloud.status_interval == 5.0


def test_the_boot_file_wins_over_the_system_file_key_by_key(tmp_path: Path) -> None:
    system = write(tmp_path, '[cloud]\nmfg = "a"\nemail = "b@c"\n[camera]\nsource="none"', "1")
    boot = write(tmp_path, '[cloud]\nmfg = "test"', "2")
    loaded = load(None, [system, boot, tmp_path / "not there"])
    assert (loaded.settings.cloud.mfg, loaded.settings.cloud.email) == ("test", "b@c")
    assert loaded.settings.camera.source is CameraSource.NONE
    described = {key: (value, origin) for key, value, origin in loaded.describe()}
    assert described["cloud.mfg"] == ("test", str(boot))
    assert described["cloud.email"] == ("b@c", str(system))
    assert described["cloud.url"] == ("https://printer4.polar3d.com", "default")


def test_an_explicit_file_stands_alone(tmp_path: Path) -> None:
    explicit = write(tmp_path, '[cloud]\nmfg = "test"', "explicit")
    other = write(tmp_path, '[cloud]\nemail = "x@y"', "other")
    assert load(explicit, [other]).settings.cloud.email == ""


def test_the_files_of_the_device_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "SYSTEM_FILE", write(tmp_path, '[cloud]\nmfg = "s"', "s"))
    monkeypatch.setattr(config, "BOOT_FILE", tmp_path / "none")
    assert load().settings.cloud.mfg == "s"


# The device's own file


def device_files(folder: Path, own: str, first: str = "") -> Path:
    """A file for ``--config`` whose state folder holds settings of the device's own."""
    (folder / "state").mkdir()
    write(folder / "state", own, "settings.toml")
    return write(folder, f'[paths]\nstate = "{folder / "state"}"\n{first}')


def test_the_devices_own_file_is_the_uppermost(tmp_path: Path) -> None:
    own = "[camera]\ntransform = 3"
    explicit = device_files(tmp_path, own, "[camera]\ntransform = 1\nwidth = 640")
    for loaded in (load(explicit), load(None, [explicit])):
        assert (loaded.settings.camera.transform, loaded.settings.camera.width) == (3, 640)
        origins = {key: origin for key, _, origin in loaded.describe()}
        assert origins["camera.transform"] == str(loaded.settings.device_file)
        assert origins["camera.width"] == str(explicit)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("[camera]\ntransform = 9", "camera.transform: Expected"),
        ("[camera", "is not valid TOML"),
        ('[paths]\nstate = "/elsewhere"', "paths: This file cannot say"),
        ("[door]\nlock_pin = 5", "door.lock_pin: The lock's switch needs"),
    ],
)
def test_a_wrong_file_of_the_device_is_left_out_by_the_daemons(
    tmp_path: Path, own: str, words: str
) -> None:
    explicit = device_files(tmp_path, own, "[camera]\nwidth = 640")
    file = tmp_path / "state" / "settings.toml"
    with pytest.raises(ConfigError) as caught:
        load(explicit)
    assert str(caught.value).startswith(f"{file}: {words}")
    loaded = load(explicit, forgiving=True)
    assert loaded.problems == (str(caught.value),)
    assert loaded.settings.camera.width == 640
    assert str(file) not in loaded.origins.values()


def test_who_may_not_read_it_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explicit = device_files(tmp_path, "[camera]\ntransform = 3")
    usual = Path.open

    def closed(path: Path, *more: Any, **named: Any) -> Any:
        if path.name == "settings.toml":
            raise PermissionError(13, "Permission denied")
        return usual(path, *more, **named)

    monkeypatch.setattr(Path, "open", closed)
    loaded = load(explicit)
    assert loaded.settings.camera.transform == 0
    assert "left out" in loaded.problems[0]


def test_a_wrong_boot_file_is_left_out_by_the_daemons(tmp_path: Path) -> None:
    system = write(tmp_path, "[camera]\nwidth = 640\n[door]\npin = 5", "system")
    boot = write(tmp_path, '[cloud]\nmfg = "test"\nurl = "nowhere"', "boot")
    with pytest.raises(ConfigError) as caught:
        load(None, [system, boot])
    loaded = load(None, [system, boot], forgiving=True)
    assert loaded.problems == (str(caught.value),)
    assert str(caught.value).startswith(f"{boot}: cloud.url: ")
    assert (loaded.settings.camera.width, loaded.settings.cloud.mfg) == (640, "op")
    right = load(None, [system, write(tmp_path, "[door]\nlock_pin = 6", "boot")], forgiving=True)
    assert right.problems == ()
    assert right.settings.door.lock_pin == 6


def test_the_other_files_are_not_forgiven(tmp_path: Path) -> None:
    wrong = write(tmp_path, "[camera]\nwidth = 1", "wrong")
    for explicit, defaults in ((wrong, None), (None, [wrong])):
        with pytest.raises(ConfigError):
            load(explicit, defaults, forgiving=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ssid = "x"', "wifi.country: Expected two letters"),
        ('ssid = "x"\ncountry = "Germany"', "wifi.country: Expected two capital letters"),
        ('ssid = "x"\ncountry = "de"', "wifi.country: Expected two capital letters"),
        ('password = "12345678"', "wifi.ssid: Expected the name"),
        (f'ssid = "{"é" * 17}"\ncountry = "DE"', "wifi.ssid: Expected a name of at most 32"),
        ('ssid = "x"\ncountry = "DE"\npassword = "hunter2"', "wifi.password: Expected 8 to 63"),
        ("password = 12345678", "wifi.password: Expected text in quotes."),
    ],
)
def test_a_wrong_wifi_is_named_and_its_password_is_not(
    tmp_path: Path, text: str, expected: str
) -> None:
    said = problem(tmp_path, f"[wifi]\n{text}")
    assert said.startswith(expected)
    assert "hunter2" not in said
    assert "12345678" not in said


def test_web_and_setup_have_their_settings(tmp_path: Path) -> None:
    loaded = load(None, []).settings
    assert (loaded.web.port, loaded.web.enabled, loaded.web.max_upload) == (80, True, 500_000_000)
    assert (loaded.setup.hotspot, loaded.setup.hotspot_after) == ("wpa2", 600.0)
    assert not loaded.setup.simulated_network
    assert problem(tmp_path, '[setup]\nhotspot = "wep"').startswith("setup.hotspot: Expected one")
    assert problem(tmp_path, '[web]\napi_key = "a b"').startswith("web.api_key: Expected letters")
    wifi = WifiSettings(ssid="home", password="secret77")
    assert "secret77" not in repr(wifi)


def test_every_secret_is_one_of_the_settings() -> None:
    keys = {key for key, _, _ in load(None, []).describe()}
    assert keys >= config.SECRET_KEYS


def test_secrets_are_never_described(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, '[cloud]\npin = "8642"'))
    described = {key: value for key, value, _ in loaded.describe()}
    assert described["cloud.pin"] == "(set)"
    assert "8642" not in str(list(loaded.describe()))
    unset = {key: value for key, value, _ in load(None, []).describe()}
    assert unset["cloud.pin"] == ""


def test_a_secret_is_not_shown_in_an_error(tmp_path: Path) -> None:
    assert "8642" not in problem(tmp_path, "[cloud]\npin = 8642")
    assert "86" not in problem(tmp_path, '[cloud]\npin = "86"')


def test_derived_paths() -> None:
    settings = Settings()
    assert settings.state_folder == Path("/var/lib/polar-appliance")
    assert settings.printer_socket == Path("/run/polar-appliance/printer.sock")
    assert settings.run_folder == Path("/run/polar-appliance")


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b""])
def test_what_windows_editors_write_is_read(tmp_path: Path, prefix: bytes) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(prefix + b'[cloud]\r\nmfg = "test"\r\n')
    assert load(path).settings.cloud.mfg == "test"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[camera]\nsource = "foo"',
            'camera.source: Expected one of "auto", "picamera2", "v4l2", "synthetic", "none"; '
            'found "foo".',
        ),
        ("[camera]\nwidth = 10", "camera.width: Expected a whole number, at least 64 and at most"),
        (
            '[printer]\nbaud = "fast"',
            'printer.baud: Expected "auto" or a whole number, at least 1200 and at most 4000000; '
            'found "fast".',
        ),
        ("[printer]\nbaud = true", "printer.baud: Expected"),
        ("[cloud]\nurl = 5", "cloud.url: Expected text in quotes; found 5."),
        ('[cloud]\nurll = "x"', 'cloud: There is no setting named "urll". Did you mean "url"?'),
        ("x = 1", 'There is no setting named "x". Possible are cloud, printer, camera'),
        ('[camera."x.y"]\nz = 1', 'camera: There is no setting named "x.y".'),
        ('[cloud]\n" - at `$" = 1', 'cloud: There is no setting named " - at `$".'),
        ("[cloud]\nstatus_interval = 0", "cloud.status_interval: Expected a number, greater than"),
        ("[cloud]\nstatus_interval = inf", "cloud.status_interval: Expected a number that is not"),
        ("[cloud]\nstatus_interval = nan", "cloud.status_interval: Expected a number, greater"),
        ("[printer]\npark_x = 2026-01-01", "printer.park_x: Expected a number; found 2026-01-01."),
        ("[printer]\npark_x = -inf", "printer.park_x: Expected a number that is not infinite."),
        ('[cloud]\nmfg = ""', "cloud.mfg: Expected text in quotes of at least 1 and at most 32"),
        ("[camera]\ntransform = 8", "camera.transform: Expected a whole number, at least 0 and at"),
        ('[timelapse]\nencoder = "nvenc"', 'timelapse.encoder: Expected one of "hardware", "x264"'),
        ("[cloud]\nmax_download = 1.5", "cloud.max_download: Expected a whole number, greater"),
        ("cloud = 5", "cloud: Expected a table of settings; found 5."),
        ("commands = 5", "commands: Expected tables in double brackets"),
        ("commands = [1]", "commands[0]: Expected a table of settings; found 1."),
        ('[[commands]]\naction = "reboot"', 'commands[0]: A setting named "label" is missing'),
        (
            '[[commands]]\nlabel = "a"\naction = "explode"',
            'commands[0].action: Expected one of "plate-clear", "reboot", "restart-agent", '
            '"shutdown"; found "explode".',
        ),
        (
            '[[commands]]\nlabel = "a"\ngcode = "G28"',
            'commands[0].gcode: Expected a list in brackets, each item text in quotes; found "G28"',
        ),
        (
            '[[commands]]\nlabel = "a"\ngcode = ["G28", 5]',
            "commands[0].gcode[1]: Expected text in quotes; found 5.",
        ),
        ('[[commands]]\nlabel = "a"', "commands[0]: Expected either gcode = [lines] or action"),
        (
            '[[commands]]\nlabel = "a"\ngcode = ["G28"]\naction = "reboot"',
            "commands[0]: Expected either gcode",
        ),
        (
            '[[commands]]\nlabel = "a"\ngcode = ["G28\\nM112"]',
            "commands[0].gcode: Expected one line of plain text",
        ),
        (
            '[[commands]]\nlabel = "a"\ngcode = ["G28"]\n[[commands]]\nlabel = "a"\ngcode = ["M5"]',
            "commands[1]: The label 'a' stands twice",
        ),
        ('[cloud]\npin = "12"', "cloud.pin: Expected 4 to 16 decimal digits in quotes, such as"),
        ('[cloud]\npin = "１２３４"', "cloud.pin: Expected 4 to 16 decimal digits"),
        ('[paths]\nstate = ""', "paths.state: Expected the path of a folder."),
        ('[printer]\nport = ""', 'printer.port: Expected "auto", the path of a port'),
        ('[printer]\nport = "socket://host"', 'printer.port: Expected "auto", the path of a port'),
        ('[printer]\nport = "socket://h:99999"', 'printer.port: Expected "auto", the path of'),
        ("[cloud\n", "is not valid TOML: "),
        ("[cloud]\nurl = printer4", "is not valid TOML: "),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert problem(tmp_path, text).startswith(expected)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "printer4.polar3d.com",
        "ftp://x",
        "https://",
        "http://[x",
        "https://h:99999",
        "http://a b",
    ],
)
def test_a_wrong_cloud_address_is_named(tmp_path: Path, url: str) -> None:
    assert problem(tmp_path, f'[cloud]\nurl = "{url}"').startswith("cloud.url: Expected an address")


@pytest.mark.parametrize("url", ["http://localhost:8700", "https://h/path", "http://[::1]:80"])
def test_a_right_cloud_address_is_taken(tmp_path: Path, url: str) -> None:
    assert load(write(tmp_path, f'[cloud]\nurl = "{url}"')).settings.cloud.url == url


@pytest.mark.parametrize("port", ["socket://127.0.0.1:4000", "/dev/ttyUSB0", "COM3", "auto"])
def test_a_right_port_is_taken(tmp_path: Path, port: str) -> None:
    assert load(write(tmp_path, f'[printer]\nport = "{port}"')).settings.printer.port == port


def test_the_wrong_one_of_two_files_is_named(tmp_path: Path) -> None:
    right = write(tmp_path, '[cloud]\nmfg = "a"', "right.toml")
    wrong = write(tmp_path, "[cloud]\nmfg = 1", "wrong.toml")
    with pytest.raises(ConfigError, match=r"wrong\.toml: cloud\.mfg: ") as caught:
        load(None, [right, wrong])
    assert "right.toml" not in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: there is no such file\. Name one"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(tmp_path / "picture")


def test_a_long_wrong_value_is_cut(tmp_path: Path) -> None:
    assert len(problem(tmp_path, f'[camera]\nwidth = "{"x" * 5000}"')) < 150


KEYS = st.sampled_from(
    ["url", "pin", "port", "baud", "source", "width", "label", "gcode", "state", "interval", "x.y"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
SECTIONS = st.sampled_from(["cloud", "printer", "camera", "timelapse", "paths", "commands", "more"])


@settings(deadline=None)
@given(layer=st.dictionaries(SECTIONS, VALUES | st.dictionaries(KEYS, VALUES), max_size=4))
def test_any_tree_is_taken_or_explained(layer: dict[str, Any]) -> None:
    try:
        settings = config._checked(layer, "file")
    except ConfigError as error:
        assert str(error).startswith("file: ")
        assert str(error).rstrip().endswith((".", "?"))
    else:
        assert math.isfinite(settings.cloud.status_interval)


@settings(deadline=None)
@given(text=st.text(max_size=60))
def test_any_text_is_taken_or_explained(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(path)
    except ConfigError as error:
        assert "any.toml: " in str(error)
