"""Which camera ``source = "auto"`` means on this machine."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from appliance.config import CameraSettings, CameraSource

# The kernel registers these receivers as video nodes only once a sensor has answered on the
# ribbon cable: unicam on Pi Zero to 4, rp1-cfe on Pi 5.
PI_RECEIVERS = ("unicam", "rp1-cfe")


def choose(
    settings: CameraSettings,
    *,
    video_nodes: Path = Path("/sys/class/video4linux"),
    installed: Callable[[str], bool] = lambda module: find_spec(module) is not None,
) -> CameraSource:
    """The driver to use now; ``auto`` is a Pi camera, else a USB camera, else none.

    It looks at the file system alone, so it is cheap enough to ask before each picture, and
    a camera that was plugged in later is found. ``synthetic`` is never chosen by itself.
    """
    if settings.source is not CameraSource.AUTO:
        return settings.source
    if has_pi_camera(video_nodes) and installed("picamera2"):
        return CameraSource.PICAMERA2
    if Path(settings.device).exists() and not _is_receiver(Path(settings.device), video_nodes):
        return CameraSource.V4L2
    return CameraSource.NONE


def has_pi_camera(video_nodes: Path) -> bool:
    """Whether a sensor answers on a Pi's camera connector."""
    return any(_is_receiver(node, video_nodes) for node in video_nodes.glob("video*"))


def _is_receiver(node: Path, video_nodes: Path) -> bool:
    """Whether ``/dev/videoN`` is the raw receiver, whose pictures no JPEG pipeline can use."""
    try:
        name = (video_nodes / node.resolve().name / "name").read_text(encoding="utf-8")
    except OSError:
        return False
    return name.strip().startswith(PI_RECEIVERS)
