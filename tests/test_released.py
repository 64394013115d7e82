"""The oldest moment that a clock may show is the day of the release, not of one long before."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance import RELEASED, __version__

HEADING = re.compile(r"^## (\S+) \((\d{4}-\d\d-\d\d|unreleased)\)$", re.M)


def wrong(changelog: str, version: str, released: int) -> str:
    """What is wrong with ``released`` by the dates of the change log; '' when nothing is."""
    headings = HEADING.findall(changelog)
    if not headings or headings[0][0] != version:
        return f"the change log does not begin with {version}"
    day = datetime.fromtimestamp(released, UTC).date().isoformat()
    if headings[0][1] != "unreleased":
        return "" if day == headings[0][1] else f"RELEASED is {day}, not {headings[0][1]}"
    earlier = [date for _, date in headings[1:2] if date > day]
    return f"RELEASED is {day}, before the version of {earlier[0]}" if earlier else ""


def test_ours_is_right() -> None:
    changelog = Path(__file__).parents[1] / "CHANGELOG.md"
    assert wrong(changelog.read_text(encoding="utf-8"), __version__, RELEASED) == ""


@pytest.mark.parametrize(
    ("changelog", "words"),
    [
        ("## 2.0 (2026-01-01)\n", ""),
        ("## 2.0 (unreleased)\n## 1.0 (2025-12-31)\n", ""),
        ("## 2.0 (2026-02-01)\n", "not 2026-02-01"),
        ("## 2.0 (unreleased)\n## 1.0 (2026-02-01)\n", "before the version of"),
        ("## 1.0 (2026-01-01)\n", "does not begin with 2.0"),
        ("no heading\n", "does not begin with 2.0"),
    ],
)
def test_a_stale_one_is_found(changelog: str, words: str) -> None:
    found = wrong(changelog, "2.0", 1_767_225_600)
    assert words in found
    assert bool(found) == bool(words)
