"""docs/conformance.md tells the truth: no command is missing, and what it names is there."""

import re
from pathlib import Path

import pytest

from appliance.polar.messages import FROM_CLOUD, TO_CLOUD
from appliance.polar.status import StatusCode

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`([^`\n]+)`", TEXT)))
TESTS = [name for name in NAMES if name.startswith("tests/")]
PLACES = [name for name in NAMES if re.fullmatch(r"(?!tests/)[a-z_/]+\.py(:\w+)?", name)]


def test_every_command_has_a_row() -> None:
    rows = re.findall(r"^\| (?:[23]\.\d+|–) \| `(\w+)` \| `polar/\w+\.py:(\w+)` \|", TEXT, re.M)
    classes = {**FROM_CLOUD, **TO_CLOUD}
    assert dict(rows) == {event: kind.__name__ for event, kind in classes.items()}
    assert len(rows) == len(classes)


def test_every_status_code_has_a_row() -> None:
    rows = re.findall(r"^\| (\d+) \| \w", TEXT, re.M)
    assert [int(row) for row in rows] == [code.value for code in StatusCode]


def test_every_case_of_a_status_code_exists() -> None:
    table = TEXT.partition("## Status codes")[2].partition("## ")[0]
    cases = (ROOT / "tests/polar/test_status.py").read_text(encoding="utf-8")
    named = [case for row in re.findall(r"\| ([^|]*) \|$", table, re.M) for case in quoted(row)]
    assert len(named) > 30
    assert [case for case in named if f'    "{case}": (' not in cases] == []


def quoted(text: str) -> list[str]:
    return re.findall(r'"([^"]+)"', text)


@pytest.mark.parametrize("name", TESTS)
def test_every_test_exists(name: str) -> None:
    path, _, test = name.partition("::")
    source = (ROOT / path).read_text(encoding="utf-8")
    assert not test or re.search(rf"^(async def|def) {test}\(|^{test} = ", source, re.M)


@pytest.mark.parametrize("name", PLACES)
def test_every_place_exists(name: str) -> None:
    path, _, kind = name.partition(":")
    source = (ROOT / "appliance" / path).read_text(encoding="utf-8")
    assert not kind or re.search(rf"^class {kind}\b", source, re.M)
