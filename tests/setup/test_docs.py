"""docs/setup.md and README.md: their pictures are there, small, and their example is right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from appliance import config

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SETUP = (DOCS / "setup.md").read_text(encoding="utf-8")
SMALL = 900_000  # bytes of all pictures of the setup


@pytest.mark.parametrize("page", ["README.md", "docs/setup.md"])
def test_each_picture_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = re.findall(r'<img [^>]*src="([^"]+)"', text) + re.findall(
        r"!\[[^]]*\]\(([^)]+)\)", text
    )
    assert shown
    assert [name for name in shown if not ((ROOT / page).parent / name).is_file()] == []
    assert len(re.findall(r"<img ", text)) == len(re.findall(r'<img [^>]*alt="[^"]+"', text))


def test_each_picture_is_shown_and_all_are_small() -> None:
    kept = {f"setup/{file.name}" for file in (DOCS / "setup").iterdir()}
    assert kept == set(re.findall(r'<img src="(setup/[^"]+)"', SETUP))
    assert sum((DOCS / name).stat().st_size for name in kept) < SMALL


def test_the_boot_file_is_one() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", SETUP, re.S)
    settings = config.check(tomllib.loads(example), "the example")
    assert settings.wifi.ssid == "Workshop"
    assert settings.cloud.pin == "1234"
    assert settings.web.password
    hidden = config.check(tomllib.loads(example.replace("# hidden", "hidden")), "the example")
    assert hidden.wifi.hidden
