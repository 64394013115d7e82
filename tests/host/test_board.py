"""Which machines have a header for a front panel."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.host.board import has_header


@pytest.mark.parametrize(
    ("model", "there"),
    [
        (b"Raspberry Pi Zero 2 W Rev 1.0\0", True),
        (b"Raspberry Pi 5 Model B Rev 1.0\0", True),
        (b"Radxa ROCK 5B\0", False),
        (b"\xff\xfe", False),
    ],
)
def test_a_raspberry_pi_has_one(model: bytes, there: bool, tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_bytes(model)
    assert has_header(file) is there


def test_a_machine_without_a_device_tree_has_none(tmp_path: Path) -> None:
    assert not has_header(tmp_path / "model")
