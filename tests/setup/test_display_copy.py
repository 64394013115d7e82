"""The display's settings once more on the boot partition, for a start without its data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from appliance import config, daemon
from appliance.panel import boot_message
from appliance.settings_panel import DisplayKind, PanelSettings
from appliance.setup.display_copy import NAME, keep, kept

OLED = PanelSettings(display=DisplayKind.SSD1306, i2c_port=3, rotate=2)


def test_what_is_kept_is_found_and_a_change_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / NAME
    keep(OLED, path)
    assert kept(path) == OLED
    keep(PanelSettings(display=DisplayKind.HD44780_20X4), path)
    assert kept(path) == PanelSettings(display=DisplayKind.HD44780_20X4)
    assert [each.name for each in tmp_path.iterdir()] == [NAME]


@given(
    display=st.sampled_from([DisplayKind.ST7735, DisplayKind.ST7789]),
    rotate=st.integers(0, 3),
    refresh=st.floats(0, 3600, allow_nan=False),
    bgr=st.booleans(),
)
@settings_of(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_any_settings_come_back(
    tmp_path: Path, display: DisplayKind, rotate: int, refresh: float, bgr: bool
) -> None:
    panel = PanelSettings(display=display, rotate=rotate, refresh=refresh, bgr=bgr)
    keep(panel, tmp_path / NAME)
    assert kept(tmp_path / NAME) == panel


def test_the_card_is_not_written_again_for_the_same(tmp_path: Path) -> None:
    path = tmp_path / NAME
    keep(OLED, path)
    before = path.stat().st_ino
    keep(OLED, path)
    assert path.stat().st_ino == before


def test_without_a_display_there_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / NAME
    keep(PanelSettings(), path)
    assert not path.exists()
    keep(OLED, path)
    keep(PanelSettings(), path)
    assert not path.exists()
    assert kept(path) is None


@pytest.mark.parametrize("text", ["", "[panel", "[panel]\ndisplay = 'paper'\n", "[what]\nx = 1\n"])
def test_a_file_that_says_nothing_is_no_matter(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    found = kept(tmp_path / NAME)
    assert found in (None, PanelSettings())


def test_a_boot_partition_that_takes_nothing_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(OLED, tmp_path / "missing" / NAME)
    assert "is not kept" in caplog.text


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[PanelSettings]:
    """What the errand was to draw on, on a device whose boot partition is ``tmp_path``."""
    found: list[PanelSettings] = []
    monkeypatch.setattr(config, "BOOT_FILE", tmp_path / "polar-appliance.toml")
    monkeypatch.setattr(config, "SYSTEM_FILE", tmp_path / "none")
    monkeypatch.setattr(boot_message, "PROBLEM_FILE", tmp_path / "problem")
    monkeypatch.setattr(boot_message, "show", found.append)
    (tmp_path / "polar-appliance.toml").write_text("[panel]\ndisplay = 'ssd1306'\n")
    return found


def test_the_copy_counts_where_the_data_failed_and_nowhere_else(
    tmp_path: Path, shown: list[PanelSettings]
) -> None:
    keep(OLED, tmp_path / NAME)
    daemon.start(daemon.Asked("boot-message"))
    (tmp_path / "problem").write_text("Card is damaged\nFlash a new card\n")
    daemon.start(daemon.Asked("boot-message"))
    assert shown == [PanelSettings(display=DisplayKind.SSD1306), OLED]


def test_without_a_copy_the_boot_file_still_counts(
    tmp_path: Path, shown: list[PanelSettings]
) -> None:
    (tmp_path / "problem").write_text("Card is damaged\nFlash a new card\n")
    daemon.start(daemon.Asked("boot-message"))
    assert shown == [PanelSettings(display=DisplayKind.SSD1306)]
