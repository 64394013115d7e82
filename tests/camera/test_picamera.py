"""Only the order of the calls: the real module runs on a Pi alone."""

from __future__ import annotations

import io
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from appliance.camera.driver import Scene
from appliance.camera.picamera import WARM_UP, PicameraDriver
from appliance.config import CameraSettings
from appliance.errors import CameraError


class FakePicamera2:
    """Records what it is told, and refuses what the real one refuses."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.calls: list[str] = []
        self.controls: dict[str, Any] = {}
        self.configuration: dict[str, Any] = {}
        self.camera_controls = {"ExposureTime": (1, 2, 1), "AfMode": (0, 2, 0)}
        self.camera_controls["LensPosition"] = (0.0, 32.0, 1.0)  # type: ignore[assignment]
        self.focus: bool | None = True
        self.open = True

    def create_still_configuration(self, **configuration: Any) -> dict[str, Any]:
        return configuration

    def configure(self, configuration: dict[str, Any]) -> None:
        self.calls.append("configure")
        self.configuration = configuration

    def start(self) -> None:
        assert self.configuration
        self.calls.append("start")

    def capture_metadata(self) -> dict[str, Any]:
        self.calls.append("metadata")
        return {"LensPosition": 3.7}

    def autofocus_cycle(self, wait: bool) -> str:
        assert wait is False
        self.calls.append("focus")
        return "job"

    def wait(self, job: str, timeout: float) -> bool:
        assert job == "job"
        assert timeout > 0
        if self.focus is None:
            raise TimeoutError
        return self.focus

    def cancel_all_and_flush(self) -> None:
        self.calls.append("cancel")

    def set_controls(self, controls: dict[str, Any]) -> None:
        self.controls = controls

    def capture_file(self, target: io.BytesIO, format: str) -> None:
        assert self.open
        assert format == "jpeg"
        self.calls.append("capture")
        target.write(b"\xff\xd8 picture")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")
        self.open = False


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePicamera2:
    camera = FakePicamera2()
    picamera2, libcamera = ModuleType("picamera2"), ModuleType("libcamera")
    picamera2.Picamera2 = lambda: camera  # type: ignore[attr-defined]
    libcamera.controls = SimpleNamespace(  # type: ignore[attr-defined]
        AfModeEnum=SimpleNamespace(Manual="manual")
    )
    monkeypatch.setitem(sys.modules, "picamera2", picamera2)
    monkeypatch.setitem(sys.modules, "libcamera", libcamera)
    return camera


def test_one_small_buffer_is_configured_and_the_focus_locked(fake: FakePicamera2) -> None:
    driver = PicameraDriver(CameraSettings(width=1024, height=768))
    driver.open()
    assert fake.configuration["main"] == {"size": (1024, 768)}
    assert fake.configuration["buffer_count"] == 1
    assert fake.calls[: 2 + WARM_UP] == ["configure", "start", *["metadata"] * WARM_UP]
    assert fake.controls == {"AfMode": "manual", "LensPosition": 3.7}
    assert driver.capture(Scene()) == b"\xff\xd8 picture"
    driver.close()
    driver.close()
    assert fake.calls[-3:] == ["capture", "stop", "close"]


@pytest.mark.parametrize("focus", [False, None], ids=["fails", "never ends"])
def test_without_a_focus_the_lens_takes_its_default(
    fake: FakePicamera2, focus: bool | None
) -> None:
    fake.focus = focus
    PicameraDriver(CameraSettings()).open()
    assert fake.controls == {"AfMode": "manual", "LensPosition": 1.0}
    assert ("cancel" in fake.calls) == (focus is None)


@pytest.mark.parametrize("dioptres", [0.0, 2.5])
def test_a_focus_that_a_person_set_is_not_looked_for(fake: FakePicamera2, dioptres: float) -> None:
    PicameraDriver(CameraSettings(focus=dioptres)).open()
    assert fake.controls == {"AfMode": "manual", "LensPosition": dioptres}
    assert "focus" not in fake.calls


def test_a_camera_of_fixed_focus_is_left_alone(fake: FakePicamera2) -> None:
    del fake.camera_controls["AfMode"]
    PicameraDriver(CameraSettings()).open()
    assert not fake.controls


def test_a_camera_that_fails_while_opening_is_released(
    fake: FakePicamera2, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("Failed to start camera: Input/output error")

    monkeypatch.setattr(fake, "start", fail)
    with pytest.raises(CameraError, match=r"Input/output error.*ribbon cable"):
        PicameraDriver(CameraSettings()).open()
    assert not fake.open


def test_a_missing_module_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match="python3-picamera2"):
        PicameraDriver(CameraSettings()).open()
