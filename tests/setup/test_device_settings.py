from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import config
from appliance.config import CameraSource, Settings
from appliance.errors import ConfigError, StorageError
from appliance.setup.device_settings import DeviceSettings, Value


@pytest.fixture
def explicit(tmp_path: Path) -> Path:
    """A file of settings whose state lies in this test's folder."""
    path = tmp_path / "config.toml"
    path.write_text(f'[paths]\nstate = "{tmp_path / "state"}"\n[camera]\ntransform = 1\n')
    return path


@pytest.fixture
def device(explicit: Path) -> DeviceSettings:
    lower = config.load(explicit).settings
    return DeviceSettings(lower.device_file, lower)


def test_a_change_is_the_uppermost_layer(device: DeviceSettings, explicit: Path) -> None:
    device.change({"camera.transform": 3, "cloud.printer_make": "Prusa i3", "printer.baud": 250000})
    device.change({"camera.source": CameraSource.NONE, "cloud.printer_make": "Voron"})
    loaded = config.load(explicit)
    assert loaded.settings.camera.transform == 3
    assert loaded.settings.camera.source is CameraSource.NONE
    assert loaded.settings.cloud.printer_make == "Voron"
    origins = {key: origin for key, _, origin in loaded.describe()}
    assert origins["camera.transform"] == str(loaded.settings.device_file)
    assert origins["paths.state"] == str(explicit)


def test_a_change_is_taken_back(device: DeviceSettings, explicit: Path) -> None:
    device.change({"camera.transform": 3})
    device.change({"camera.transform": None, "camera.width": None})
    assert config.load(explicit).settings.camera.transform == 1


def test_only_its_owner_and_its_group_read_it(device: DeviceSettings, explicit: Path) -> None:
    device.change({"web.api_key": "abcdef"})
    file = config.load(explicit).settings.device_file
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert "abcdef" not in str(list(config.load(explicit).describe()))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("camera.transform", 8, "camera.transform: Expected a whole number"),
        ("camera.transfrom", 1, 'Did you mean "transform"'),
        ("camera.transform.x", 1, "camera.transform"),
        ("camera", "x", "camera: Expected a table of settings"),
        ("kamera.transform", 1, 'There is no setting named "kamera"'),
        ("", 1, 'There is no setting named ""'),
        ("door.lock_pin", 5, "door.lock_pin: The lock's switch needs the door's"),
        ("panel.wiring", "paper", "panel.wiring: Expected one of"),
        ("moves.size_x", float("inf"), "moves.size_x"),
        ("moves.size_x", float("nan"), "moves.size_x"),
        ("cloud.email", "\ud800", "surrogate"),
        ("cloud.pin", "1234", "cloud.pin: This setting is not kept on the device."),
        ("wifi.password", "12345678", "wifi.password: This setting is not kept"),
        ("paths.state", "/tmp", "paths.state: This setting is not kept"),
    ],
)
def test_what_cannot_be_changes_nothing(
    device: DeviceSettings, explicit: Path, key: str, value: Value, words: str
) -> None:
    device.change({"camera.transform": 3})
    file = config.load(explicit).settings.device_file
    before = file.read_bytes()
    with pytest.raises(ConfigError) as caught:
        device.change({"cloud.printer_make": "Voron", key: value})
    assert words in caught.value.long
    assert file.read_bytes() == before


def test_a_change_is_checked_together_with_the_other_files(tmp_path: Path) -> None:
    lower = config.check({"door": {"pin": 5}, "buttons": {"ok": 6}}, "system")
    device = DeviceSettings(tmp_path / "settings.toml", lower)
    device.change({"door.lock_pin": 7})  # right with the door's pin alone
    with pytest.raises(ConfigError, match=r"Pin 6 is already used by buttons\.ok"):
        device.change({"door.lock_pin": 6})


def test_a_full_disk_leaves_what_was(
    device: DeviceSettings, explicit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.change({"camera.transform": 3})

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        device.change({"camera.transform": 4})
    assert config.load(explicit).settings.camera.transform == 3


@pytest.mark.parametrize(
    "damaged", [b"\x00\xff", b"[camera", b"[camera]\nfuture = 1\n", b'[paths]\nstate = "/x"\n']
)
def test_a_damaged_file_is_set_aside_and_keeps_nobody_from_changing(
    device: DeviceSettings, explicit: Path, damaged: bytes
) -> None:
    device.change({"camera.transform": 3})
    file = config.load(explicit).settings.device_file
    file.write_bytes(damaged)
    device.change({"camera.transform": 4})
    assert config.load(explicit).settings.camera.transform == 4
    assert file.with_name("settings.toml.bad").read_bytes() == damaged


KEYS = st.sampled_from(
    ["camera.transform", "camera.source", "cloud.email", "moves.size_x", "web.port", "x", "a.b"]
)
ANY = st.none() | st.booleans() | st.integers(-1, 9) | st.floats() | st.text(max_size=9)


@settings(deadline=None, max_examples=50)
@given(changes=st.lists(st.dictionaries(KEYS, ANY, max_size=3), max_size=4))
def test_whatever_is_changed_can_be_loaded(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, Any]]
) -> None:
    file = tmp_path_factory.mktemp("any") / "settings.toml"
    wanted: dict[str, Any] = {}
    for change in changes:
        try:
            DeviceSettings(file).change(change)
        except ConfigError as error:
            assert error.long.endswith((".", "?"))
        else:
            wanted |= change
    if file.exists():
        loaded = config.load(file).settings
        assert isinstance(loaded, Settings)
        kept = {key: value for key, value in wanted.items() if value is not None}
        for key, value in kept.items():
            section, name = key.split(".")
            assert getattr(getattr(loaded, section), name) == value
