"""The example on the boot partition is true: real keys, their defaults, and all of it loads."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from appliance import config
from image.plan import STAGE

EXAMPLE = STAGE / "02-system/files/polar-appliance.toml"
TEXT = EXAMPLE.read_text("utf-8")
SECTIONS = tuple(tomllib.loads(TEXT))
UNCOMMENTED = re.sub(r"^#(\w+ = )", r"\1", TEXT, flags=re.MULTILINE)


def flat(tree: dict[str, object]) -> Iterator[tuple[str, object]]:
    for section, keys in tree.items():
        assert isinstance(keys, dict)
        yield from ((f"{section}.{key}", value) for key, value in keys.items())


def test_as_it_lies_there_it_changes_nothing() -> None:
    assert dict(flat(tomllib.loads(TEXT))) == {}
    assert config.load(None, [EXAMPLE]).problems == ()


def test_uncommented_it_loads_and_still_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "polar-appliance.toml"
    path.write_text(UNCOMMENTED)
    loaded = config.load(path)
    assert loaded.problems == ()
    assert loaded.settings == config.Settings()


def test_every_key_is_a_setting_with_its_default() -> None:
    shown = dict(flat(tomllib.loads(UNCOMMENTED)))
    everything = msgspec.to_builtins(config.Settings())
    defaults = dict(flat({key: value for key, value in everything.items() if key in SECTIONS}))
    assert {key: defaults[key] for key in shown} == shown
    assert len(shown) == len(re.findall(r"^#\w+ = ", TEXT, re.MULTILINE))
    assert {"cloud.email", "cloud.pin", "wifi.ssid", "wifi.country", "web.password"} <= set(shown)


def offers() -> Iterator[tuple[str, str, str]]:
    """(section, key, value) of each value in quotes that a comment names."""
    for section in SECTIONS:
        part = TEXT.partition(f"[{section}]")[2].partition("\n[")[0]
        for match in re.finditer(r'^#(\w+) = "\w*" +# (.*(?:\n +# .*)*)', part, re.MULTILINE):
            for value in re.findall(r'"([A-Za-z0-9-]+)"', match[2]):
                yield section, match[1], value


def test_what_its_comments_offer_is_taken_too() -> None:
    found = list(offers())
    assert ("panel", "display", "st7789") in found
    assert ("camera", "source", "none") in found
    for section, key, value in found:
        config.check({section: {key: value}}, "example")


def test_editors_of_windows_may_open_it() -> None:
    assert TEXT.isascii()
    assert max(map(len, TEXT.splitlines())) <= 100
