from __future__ import annotations

from pathlib import Path

import pytest

from appliance.camera.detect import choose
from appliance.config import CameraSettings, CameraSource


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "dev" / "video0"
    path.parent.mkdir()
    return path


def chosen(tmp_path: Path, device: Path, *, picamera2: bool = True) -> CameraSource:
    return choose(
        CameraSettings(device=str(device)),
        video_nodes=tmp_path / "sys",
        installed=lambda module: picamera2 and module == "picamera2",
    )


def node(tmp_path: Path, name: str, driver: str) -> None:
    (tmp_path / "sys" / name).mkdir(parents=True)
    (tmp_path / "sys" / name / "name").write_text(driver + "\n")


def test_nothing_connected_is_none_and_never_the_drawn_camera(tmp_path: Path, device: Path) -> None:
    assert chosen(tmp_path, device) is CameraSource.NONE


def test_a_usb_camera_is_v4l2(tmp_path: Path, device: Path) -> None:
    device.touch()
    node(tmp_path, "video0", "HD Webcam C615")
    assert chosen(tmp_path, device) is CameraSource.V4L2


@pytest.mark.parametrize("receiver", ["unicam-image", "rp1-cfe-csi2_ch0"])
def test_a_pi_camera_comes_first(tmp_path: Path, device: Path, receiver: str) -> None:
    device.touch()
    node(tmp_path, "video0", "HD Webcam C615")
    node(tmp_path, "video4", receiver)
    assert chosen(tmp_path, device) is CameraSource.PICAMERA2
    assert chosen(tmp_path, device, picamera2=False) is CameraSource.V4L2


def test_the_raw_receiver_of_a_pi_camera_is_no_usb_camera(tmp_path: Path, device: Path) -> None:
    device.touch()
    node(tmp_path, "video0", "unicam-image")
    assert chosen(tmp_path, device, picamera2=False) is CameraSource.NONE


@pytest.mark.parametrize("source", [s for s in CameraSource if s is not CameraSource.AUTO])
def test_a_named_source_is_taken_at_its_word(tmp_path: Path, source: CameraSource) -> None:
    assert choose(CameraSettings(source=source), video_nodes=tmp_path) is source
